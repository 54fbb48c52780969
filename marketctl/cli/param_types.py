"""What a word of the command line may be: a time, a span, seconds, an amount, a file."""

from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from decimal import Decimal


class Named(click.Path):
    """A file or folder that has a name: an empty one is a variable of a script that was never set."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if value == "":
            self.fail("found nothing, expected the name of a file or folder", param, ctx)
        return super().convert(value, param, ctx)


FILE = Named(dir_okay=False)
FOLDER = Named(file_okay=False)


class Since(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.2 on alone
    """How far back: a time span or a time. The value is that time in milliseconds."""

    name = "since"
    future = False

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        from marketctl.times import FUTURE_MS, from_iso, now_ms, span_s, to_iso

        if isinstance(value, int):
            return value
        if (span := span_s(value)) is not None:
            return max(0, now_ms() - span * 1000)
        try:
            at_ms = max(0, from_iso(value.strip()))
        except (ValueError, OverflowError):
            expected = "expected a time span (30s, 15min, 24h, 7d) or a time (2026-01-31T12:00Z)"
            self.fail(f"{value!r} is no time: {expected}", param, ctx)
        if not self.future and at_ms > (now := now_ms()) + FUTURE_MS:
            self.fail(f"{value!r} is in the future: it is {to_iso(now)}", param, ctx)
        return at_ms


class Moment(Since):
    """A moment to look at: as of one to come is known what is known now."""

    name = "moment"
    future = True


class Seconds(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.2 on alone
    """A number of seconds, zero or more. "nan" would let everything through, so it is refused."""

    name = "seconds"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            found = float(value)
        except ValueError:
            found = -1.0
        if not 0 <= found < 1e12:
            self.fail(f"{value!r} is no number of seconds, expected one such as 30", param, ctx)
        return found


class Place(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.2 on alone
    """An asset, where it is behind "@"."""

    name = "place"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        asset, at, provider = str(value).partition("@")
        if not asset or (at and not provider):
            self.fail(f"{value!r} is no place, expected ASSET or ASSET@PROVIDER, such as USDT@MEXC", param, ctx)
        return str(value)


class Amount(click.ParamType):  # type: ignore[type-arg]  # generic from click 8.2 on alone
    """A decimal above zero, exactly as typed; `sign` may stand behind it."""

    def __init__(self, sign: str = "", zero: bool = False) -> None:
        self.name = "percent" if sign else "amount"
        self.sign = sign
        self.zero = zero

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> "Decimal":
        from decimal import Decimal, InvalidOperation

        if isinstance(value, Decimal):
            return value
        try:
            found = Decimal(str(value).strip().removesuffix(self.sign).strip())
        except InvalidOperation:
            found = Decimal(-1)
        # Not more digits than `convert` counts with: an exponent could make a text of a gigabyte.
        tall = found.is_finite() and not -30 <= int(found.as_tuple().exponent) <= found.adjusted() + 1 <= 30
        if not found.is_finite() or tall or found < 0 or (found == 0 and not self.zero):
            example = f"0.3{self.sign}" if self.sign else "1000"
            self.fail(f"{value!r} is no {self.name}, expected one such as {example}", param, ctx)
        return found
