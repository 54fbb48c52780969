"""FRANKFURTER, one API over the rates of many central banks; also self-hosted (`base_url`).

Docs: https://frankfurter.dev
Symbols: the pairs of one bank (`bank`, default ECB) in that bank's own direction, as it published them; others are
derived here, never taken from its rounded ones. ECB brings all at once, any other bank needs `pairs`.
Limits: none told; banks are read a few times a day, so asking more than every half hour is pointless.
Quirks: it blends banks unless one is named, and rounds what it computes to four digits or fewer. It drops Saturday's
rows of CBR and NBU, so that a rouble rate is a day old from Saturday to Monday: read CBR itself.
"""

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from marketctl.errors import BadAnswer, ConfigError
from marketctl.models import Platform
from marketctl.providers.bank.base import BankProvider, Fixing, read_day
from marketctl.providers.base import NO_ENVELOPE, Failure
from marketctl.providers.fields import integer, objects, text

if TYPE_CHECKING:
    from marketctl.http.messages import Answer

# Banks whose direction is known, with their currency.
HOMES = {"ECB": "EUR", "CBR": "RUB", "NBU": "UAH", "NBK": "KZT"}
ONLY_THESE = "of the others it is not known which figures are published and which are rounded"
ALL_AT_ONCE = "ECB"  # EUR/X; the others publish X/RUB and so on


class NoSuchPair(BadAnswer):
    """The bank has no such rate."""


class FrankfurterCashAdapter(BankProvider):
    """Speaks to FRANKFURTER."""

    base_url = "https://api.frankfurter.dev"
    endpoints = ("GET /v2/providers", "GET /v2/rates")
    options = {"bank": str}
    canary = "EUR/USD"
    error_statuses = {404: NoSuchPair}

    @property
    def bank(self) -> str:
        """The bank whose rates are asked for."""
        found = str(self.chosen.get("bank", ALL_AT_ONCE)).upper()
        if found not in HOMES:
            raise ConfigError(f'bank: found "{found}", expected one of {", ".join(HOMES)}', hint=ONLY_THESE)
        return found

    def fetch(self) -> Fixing:
        home = HOMES[self.bank]
        if self.bank == ALL_AT_ONCE:
            query = {"base": home, "providers": self.bank}
            return parse_rates(self.get("/v2/rates", query), Fixing(home, home_first=True))
        if not self.wanted:
            raise ConfigError(f'bank = "{self.bank}" needs `pairs`: it takes one request a currency')
        fixing = Fixing(home)
        for key in sorted({key for pair in self.wanted for key in pair.split("/")} - {home}):
            # Without a date the evening's answer is tomorrow's.
            query = {"base": key, "quotes": home, "providers": self.bank, "date": f"{self.today}"}
            with suppress(NoSuchPair):
                parse_rates(self.get("/v2/rates", query), fixing)
        return fixing

    def platform(self) -> Platform:
        row = next((row for row in objects(self.get("/v2/providers")) if row.get("key") == self.bank), {})
        missed, ended = integer(row.get("publishes_missed")), text(row.get("end_date"))
        words = f"{missed} publishes of {self.bank} were missed, its last rates are of {ended}" if missed else None
        return Platform("unknown" if missed is None else "ok", words)

    def failure(self, answer: "Answer") -> Failure | None:
        body = answer.body
        if isinstance(body, dict) and "message" in body:
            return str(body.get("status", answer.status)), text(body["message"]) or ""
        return None if isinstance(body, list) else NO_ENVELOPE


def parse_rates(body: Any, fixing: Fixing) -> Fixing:
    """Read /v2/rates into a fixing: units of `quote` per 1 `base`, each row with its own date."""
    for row in objects(body):
        first, second = text(row.get("base")), text(row.get("quote"))
        if first == second:
            continue  # the base's own row
        if fixing.home != (first if fixing.home_first else second):
            raise BadAnswer(f"a rate of {first}/{second} came where those of {fixing.home} were asked for")
        fixing.add(second if fixing.home_first else first, row.get("rate"), read_day(row.get("date"), "%Y-%m-%d"))
    return fixing
