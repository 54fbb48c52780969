"""What the banks' sandboxes share: rates that move from day to day and stand still within one."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

from marketctl.sandbox.rates import CURRENCIES, FIXED

DAY = timedelta(days=1)
_INDEX = {code: (index, Decimal(rest)) for index, (code, _name, rest) in enumerate(CURRENCIES) if rest}


def today(now_ms: int, zone: str) -> date:
    """Return the date at a bank."""
    return datetime.fromtimestamp(now_ms / 1000, ZoneInfo(zone)).date()


def per_usd(code: str, day: date) -> Decimal:
    """Return units of a currency per 1 USD as fixed for a day."""
    index, at_rest = _INDEX[code]
    sway = Decimal((day.toordinal() * (7 + index)) % 89 - 44) / 22000 if code not in FIXED else Decimal(0)
    return at_rest * (1 + sway)


def price(code: str, home: str, day: date) -> Decimal:
    """Return what 1 unit of a currency costs in another as fixed for a day."""
    return per_usd(home, day) / per_usd(code, day)


def working_day(day: date) -> date:
    """Return the last day from Monday to Friday that is not after a day."""
    return day - DAY * max(0, day.weekday() - 4)
