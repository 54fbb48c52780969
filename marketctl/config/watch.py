"""`[watch]` of providers.toml: which assets, networks and pairs are watched, and when and how somebody is told."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import time
from decimal import Decimal, InvalidOperation

from marketctl.config.table import Table
from marketctl.errors import ConfigError
from marketctl.times import span_s, zone

ASSETS = ("USDT", "USDC", "BTC", "ETH")  # what a desk looks at that named nothing
LANGUAGES = ("en", "ru")

LONGEST = 60  # digits before or behind the point
YEAR_S = 366 * 86400

_is_ticker = re.compile(r"[^\s/*]{1,32}").fullmatch
_is_network = re.compile(r"[a-z0-9][a-z0-9.-]{0,63}").fullmatch
_is_percent = re.compile(r"([0-9]{1,6}(?:\.[0-9]{1,6})?) ?%").fullmatch
_is_hours = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9]) ?[-–] ?([01][0-9]|2[0-3]):([0-5][0-9])").fullmatch


@dataclass(frozen=True, slots=True)
class WatchSettings:
    """What is watched and when somebody is told; spans are seconds, shares are percents, None switches a rule off.

    `assets` are tickers, `networks` common names (none: all), `above` and `below` prices by pair. `quiet` are the
    hours in which nothing is sent, in `timezone`.
    """

    given: bool = False
    assets: tuple[str, ...] = ASSETS
    networks: tuple[str, ...] = ()
    pairs: tuple[str, ...] = ()
    doors: bool = True
    above: Mapping[str, Decimal] = field(default_factory=dict)
    below: Mapping[str, Decimal] = field(default_factory=dict)
    gap: Decimal | None = None
    gap_amount: Decimal = Decimal(1000)
    fee: Decimal | None = Decimal(20)
    failing_after_s: int | None = 600
    stale: bool = True
    held: bool = True
    crossed: bool = True
    quota_within_s: int | None = 2 * 86400
    key_within_s: int | None = 7 * 86400
    twins: bool = True
    repeat_after_s: int | None = 86400
    quiet: tuple[time, time] | None = None
    timezone: str = "UTC"
    language: str = "en"


def read_watch(table: Table) -> WatchSettings:
    """Read `[watch]`. Raises ConfigError with file, table, key, what was found and what is expected."""
    usual = WatchSettings()
    if not table.values:
        return usual
    settings = WatchSettings(
        given=True,
        assets=table.texts("assets", _upper, 'an upper-case ticker such as "USDT"') or usual.assets,
        networks=table.texts("networks", _is_network, 'a common name such as "tron"'),
        pairs=table.texts("pairs", _is_pair, 'upper-case "BASE/QUOTE"'),
        doors=table.flag("doors", True),
        above=_prices(table, "above"),
        below=_prices(table, "below"),
        gap=_percent(table, "gap", None),
        gap_amount=_decimal(table, "gap_amount", usual.gap_amount),
        fee=_percent(table, "fee", usual.fee),
        failing_after_s=_span(table, "failing_after", usual.failing_after_s),
        stale=table.flag("stale", True),
        held=table.flag("held", True),
        crossed=table.flag("crossed", True),
        quota_within_s=_span(table, "quota_within", usual.quota_within_s),
        key_within_s=_span(table, "key_within", usual.key_within_s),
        twins=table.flag("twins", True),
        repeat_after_s=_span(table, "repeat_after", usual.repeat_after_s),
        quiet=_hours(table, "quiet_hours"),
        timezone=_timezone(table),
        language=table.text("language", LANGUAGES.__contains__, '"en" or "ru"') or "en",
    )
    table.refuse_unknown()
    return settings


def _upper(text: str) -> bool:
    return _is_ticker(text) is not None and text == text.upper()


def _is_pair(text: str) -> bool:
    base, _, quote = text.partition("/")
    return _upper(base) and _upper(quote)


def _is_timezone(text: str) -> bool:
    try:
        zone(text)
    except (KeyError, ValueError, OSError):
        return False
    return True


def _timezone(table: Table) -> str:
    try:
        return table.text("timezone", _is_timezone, 'a time zone such as "Europe/Moscow"') or "UTC"
    except ConfigError as error:
        from zoneinfo import available_timezones

        if available_timezones():
            raise
        raise ConfigError(f"{error.message}; this machine knows none", hint="apt-get install tzdata") from None


def _take(table: Table, key: str) -> object:
    table.known.append(key)
    return table.values.get(key)


def _span(table: Table, key: str, default: int | None) -> int | None:
    """Return seconds; `false` switches the rule off."""
    value = _take(table, key)
    if value is None:
        return default
    if value is False:
        return None
    found = span_s(value) if isinstance(value, str) else None
    if not found or found > YEAR_S:
        raise table.wrong(key, 'a time span such as "30min", "6h" or "7d", at most a year, or false')
    return found


def _percent(table: Table, key: str, default: Decimal | None) -> Decimal | None:
    """Return percents; `false` switches the rule off."""
    value = _take(table, key)
    if value is None:
        return default
    if value is False:
        return None
    found = _is_percent(value.strip()) if isinstance(value, str) else None
    if found is None:
        raise table.wrong(key, 'percents such as "0.5%", or false')
    return Decimal(found[1])


def _decimal(table: Table, key: str, default: Decimal) -> Decimal:
    value = _take(table, key)
    if value is None:
        return default
    found = positive(value)
    if found is None:
        raise table.wrong(key, 'a number above zero as a text, such as "1000"')
    return found


def _prices(table: Table, key: str) -> Mapping[str, Decimal]:
    inner = table.table(key)
    found: dict[str, Decimal] = {}
    for pair, value in inner.values.items():
        price = positive(value)
        if not _is_pair(pair):
            raise ConfigError(f'{inner.where}: found the key "{pair}", expected an upper-case "BASE/QUOTE"')
        if price is None:
            raise inner.wrong(pair, 'a price above zero as a text, such as "90.5"')
        found[pair] = price
    return found


def positive(value: object) -> Decimal | None:
    """Return a number above zero that is exact: a text or an integer; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, str | int):
        return None
    try:
        found = Decimal(value)
    except InvalidOperation:
        return None
    return found if found.is_finite() and found > 0 and abs(found.adjusted()) <= LONGEST else None


def _hours(table: Table, key: str) -> tuple[time, time] | None:
    value = _take(table, key)
    if value is None or value is False:
        return None
    found = _is_hours(value.strip()) if isinstance(value, str) else None
    if found is None or found.group(1, 2) == found.group(3, 4):
        raise table.wrong(key, 'hours such as "23:00-07:00", or false')
    from_hour, from_minute, to_hour, to_minute = (int(part) for part in found.groups())
    return time(from_hour, from_minute), time(to_hour, to_minute)
