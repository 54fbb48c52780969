"""An exchange object of ccxt whose requests are carried by our client: signed per attempt, recorded, paced, refused."""

import json
import re
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import parse_qsl, urlsplit

from marketctl.errors import (
    AuthFailed,
    BadAnswer,
    ClockSkew,
    Maintenance,
    MarketctlError,
    NotSupported,
    PermissionDenied,
    RateLimited,
    Unavailable,
)
from marketctl.text import printable
from marketctl.times import now_ms

if TYPE_CHECKING:
    from marketctl.http.messages import Answer, Request

T = TypeVar("T")
Heard = dict[str, Any]  # answers, by what was asked
Place = tuple[str, ...]  # the keys that lead to a list

# ccxt's classes of errors by name, the nearest of their ancestors counts.
ERRORS: dict[str, type[MarketctlError]] = {
    "AuthenticationError": AuthFailed,
    "PermissionDenied": PermissionDenied,
    "AccountNotEnabled": PermissionDenied,
    "InvalidNonce": ClockSkew,
    "RateLimitExceeded": RateLimited,
    "DDoSProtection": RateLimited,
    "OnMaintenance": Maintenance,
    "ExchangeNotAvailable": Unavailable,
    "NotSupported": NotSupported,
    "BaseError": BadAnswer,
}
# What a reader of answers raises that meets one of another shape.
STUMBLES = (TypeError, ValueError, LookupError, AttributeError, ArithmeticError, RecursionError)

# Of so many coins, and of so many elements in one, each is tried: an answer must not cost minutes.
MOST_MENDED = 100
MOST_ELEMENTS = 50

# ccxt writes out as many noughts as an answer names, however many.
_is_places = re.compile(r"-?[0-9]{1,2}").fullmatch
_has_endless = re.compile(rb"[0-9.][eE][+-]?[0-9]{3}").search
_is_endless = re.compile(r"\s*[+-]?[0-9.]+[eE][+-]?[0-9]{3,}\s*").fullmatch


class Call:
    """One request as ccxt wants it; `sign` makes it anew for each attempt, at the provider's time."""

    def __init__(self, exchange: Any, path: Any, api: Any, method: str, params: Any) -> None:
        self.exchange = exchange
        self.asked = (path, api, method, params)
        self.made: dict[str, Any] = {}
        self.make(now_ms())
        parts = urlsplit(self.made["url"])
        self.method = method
        self.base = f"{parts.scheme}://{parts.netloc}"
        self.path = parts.path
        # As it was before signing.
        self.query = dict(parse_qsl(parts.query, keep_blank_values=True))
        self.headers = {name: str(value) for name, value in (self.made.get("headers") or {}).items()}
        if exchange.keyed:
            self.query = {str(name): str(value) for name, value in (params or {}).items()}

    def make(self, time_ms: int) -> None:
        """Let ccxt write the request for a time."""
        self.exchange.present_ms = time_ms
        try:
            self.made = self.exchange.sign(*self.asked)
        finally:
            self.exchange.present_ms = None

    def sign(self, request: "Request") -> None:
        """Make the request what ccxt signs now."""
        self.make(request.timestamp_ms)
        request.query = urlsplit(self.made["url"]).query
        request.headers.update({name: str(value) for name, value in (self.made.get("headers") or {}).items()})

    def refusal(self, answer: "Answer") -> tuple[type[MarketctlError], str] | None:
        """Return the error that ccxt finds in an answer, as ours and by its own name; None for a good answer."""
        text = answer.content.decode("utf-8", "replace")
        given = (answer.status, "", self.made["url"], self.method, dict(answer.headers), text, read_numbers(answer))
        try:
            self.exchange.handle_errors(*given, self.headers, None)
        except Exception as error:
            names = [one.__name__ for one in type(error).__mro__]
            kind = kind_of(names) or (BadAnswer if isinstance(error, STUMBLES) else None)
            if kind is None:
                raise
            return kind, names[0]
        return None


def read_numbers(answer: "Answer") -> Any:
    """Return the body, what has a point or an exponent as the text it was sent in: ccxt cannot lose a digit of it.

    A number whose exponent has three digits is null: ccxt would write all of its noughts.
    """
    body = json.loads(answer.content, parse_float=str) if answer.is_json else None
    return _written_out(body) if _has_endless(answer.content) else body


def _written_out(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _written_out(one) for key, one in value.items()}
    if isinstance(value, list):
        return [_written_out(one) for one in value]
    return None if isinstance(value, str) and _is_endless(value) else value


def bridged(source: type[Any], carry: Callable[[Call, float], Any], settings: dict[str, Any], *, keyed: bool) -> Any:
    """Make an exchange object of ccxt's class that asks through `carry`, and knows no other time than ours."""

    class Bridged(source):  # type: ignore[misc]
        present_ms: int | None = None
        unread = 0
        unread_coins = 0
        # What was answered, for `read_rows`, which has it read once more, in parts and without asking.
        heard: Heard | None = None
        again: Heard | None = None

        def fetch2(self, path: Any, api: Any = "public", method: str = "GET", *given: Any) -> Any:
            if self.again is not None:
                return self.again[f"{api} {path}"]
            params, config = (*given, {}, {})[:2]
            if method != "GET":
                raise NotSupported(f"{self.id}: ccxt asks by {method} for this, and the bridge only reads by GET")
            weight = float(self.calculate_rate_limiter_cost(api, method, path, params, config) or 1)
            answer = carry(Call(self, path, api, method, params), weight)
            if self.heard is not None:
                self.heard[f"{api} {path}"] = answer
            return answer

        # A row that ccxt cannot read costs itself alone: without its pair a ticker is counted as of an unknown symbol.
        def parse_market(self, market: Any) -> Any:
            return row_or_none(super().parse_market, market)

        def parse_ticker(self, ticker: Any, market: Any = None) -> Any:
            found = row_or_none(super().parse_ticker, ticker, market)
            if found is None:
                self.unread += 1
                return {"symbol": f"?{self.unread}", "info": {}}
            return found

        # A coin that is left out would be told as delisted: what ccxt stumbles over is taken from it, and unknown.
        def parse_currency(self, currency: Any) -> Any:
            found = row_or_none(super().parse_currency, currency)
            if found is None:
                self.unread_coins += 1
                less = without_one(currency, MOST_ELEMENTS if self.unread_coins <= MOST_MENDED else 0)
                tried = (row_or_none(super(Bridged, self).parse_currency, one) for one in less)
                found = next((one for one in tried if one and one.get("id")), None)
            return found or {"id": None, "code": f"?{self.unread_coins}", "info": {}}

        def parse_precision(self, precision: Any) -> Any:
            return super().parse_precision(precision) if _is_places(str(precision)) else None

        def integer_precision_to_amount(self, precision: Any) -> Any:
            return super().integer_precision_to_amount(precision) if _is_places(str(precision)) else None

        def milliseconds(self) -> int:
            return self.present_ms if self.present_ms is not None else now_ms()

        def seconds(self) -> int:
            return self.milliseconds() // 1000

        def microseconds(self) -> int:
            return self.milliseconds() * 1000

    Bridged.keyed = keyed
    Bridged.session = object()  # it has no use for one of its own
    return Bridged({"number": str, "enableRateLimit": False, **settings})


def kind_of(names: list[str]) -> type[MarketctlError] | None:
    """Return our error for one of ccxt's, by the names of its class and its ancestors."""
    return next((ERRORS[name] for name in names if name in ERRORS), None)


def row_or_none(reader: Callable[..., Any], *given: Any) -> Any:
    """Return what ccxt makes of one row, None where it stumbles."""
    try:
        return read(reader, *given)
    except BadAnswer:
        return None


def without_one(row: Any, most: int) -> Iterator[Any]:
    """Yield a row with one of its pieces less: what is no list or table, then one element of these, then all of one.

    Where there are more than `most` elements none of them is tried.
    """
    if not isinstance(row, dict):
        return
    inside = [key for key, value in row.items() if isinstance(value, dict | list) and value]
    for key in row:
        if key not in inside:
            yield without(row, key)
    for key in inside if sum(len(row[key]) for key in inside) <= most else ():
        for one in row[key] if isinstance(row[key], dict) else range(len(row[key])):
            yield row | {key: without(row[key], one)}
    for key in inside:
        yield without(row, key)


def without(value: Any, key: Any) -> Any:
    """Return a list or table with one element less."""
    if isinstance(value, list):
        return value[:key] + value[key + 1 :]
    return {name: one for name, one in value.items() if name != key}


def read(reader: Callable[..., T], *given: Any) -> T:
    """Let ccxt read an answer. Raises our errors in place of its own, and BadAnswer where it stumbles."""
    try:
        return reader(*given)
    except MarketctlError:
        raise
    except Exception as error:
        names = [one.__name__ for one in type(error).__mro__]
        if (kind := kind_of(names)) is not None:
            raise kind(f"{printable(str(error), 200)} (ccxt: {names[0]})") from error
        if isinstance(error, STUMBLES):
            raise BadAnswer(f"ccxt cannot read the answer: {names[0]}: {printable(str(error), 120)}") from error
        raise


def read_rows(exchange: Any, reader: Callable[..., T], *given: Any) -> tuple[list[T], int]:
    """Let ccxt read a list, as `read` does; a row that it stumbles over, in a loop of its own, costs itself alone.

    Returns what it made of the rows, in parts, and how many it could not read; where that is all of them it raises.
    """
    heard: Heard = {}
    exchange.heard = heard
    try:
        return [read(reader, *given)], 0
    except BadAnswer:
        for asked, answer in heard.items():
            for place in lists_in(answer):

                def part(rows: list[Any], asked: str = asked, answer: Any = answer, place: Place = place) -> T:
                    exchange.again = heard | {asked: with_rows(answer, place, rows)}
                    return read(reader, *given)

                parts, odd = readable(part, rows_at(answer, place))
                if any(parts):
                    return parts, odd
        raise
    finally:
        exchange.heard = exchange.again = None


def readable(part: Callable[[list[Any]], T], rows: list[Any]) -> tuple[list[T], int]:
    """Read rows in parts that can be read, and count those that cannot."""
    if not rows:
        return [], 0
    try:
        return [part(rows)], 0
    except BadAnswer:
        half = len(rows) // 2
        if not half:
            return [], 1
        (left, odd), (right, more) = readable(part, rows[:half]), readable(part, rows[half:])
        return left + right, odd + more


def lists_in(answer: Any, place: Place = ()) -> Iterator[Place]:
    """Yield where the lists of an answer stand that are in no other list."""
    if isinstance(answer, list):
        yield place
    elif isinstance(answer, dict):
        for key, one in answer.items():
            yield from lists_in(one, (*place, key))


def rows_at(answer: Any, place: Place) -> list[Any]:
    """Return a list of an answer."""
    for key in place:
        answer = answer[key]
    found: list[Any] = answer
    return found


def with_rows(answer: Any, place: Place, rows: list[Any]) -> Any:
    """Return an answer with other rows in one of its lists."""
    return answer | {place[0]: with_rows(answer[place[0]], place[1:], rows)} if place else rows
