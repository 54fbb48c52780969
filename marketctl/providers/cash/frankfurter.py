"""FRANKFURTER, one API over the rates of many central banks; also self-hosted (`base_url`).

Docs: https://frankfurter.dev
Symbols: pairs of one bank (`bank`, default ECB) as published, others derived here. Banks but ECB need `pairs`.
Limits: none told; it reads the banks a few times a day: ask every half hour, not more often.
Quirks: it rounds what it computes to four digits or fewer, and drops Saturday's rows of CBR: read CBR itself.
"""

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from marketctl.errors import BadAnswer, ConfigError
from marketctl.models import Platform
from marketctl.providers.bank.base import BankProvider, Fixing
from marketctl.providers.base import NO_ENVELOPE, Failure
from marketctl.providers.fields import code, integer, mapping, objects, text

if TYPE_CHECKING:
    from marketctl.http.messages import Answer

# Banks whose direction is known (EUR/X of the first, X/RUB and so on of the others), with their currency.
HOMES = {"ECB": "EUR", "CBR": "RUB", "NBU": "UAH", "NBK": "KZT"}
ALL_AT_ONCE = "ECB"


class NoSuchPair(BadAnswer):
    """The bank has no such rate."""


class FrankfurterCashAdapter(BankProvider):
    """Speaks to FRANKFURTER."""

    base_url = "https://api.frankfurter.dev"
    endpoints = ("GET /v2/providers", "GET /v2/rates")
    options = {"bank": tuple(HOMES)}
    canary = "EUR/USD"
    error_statuses = {404: NoSuchPair}

    @property
    def bank(self) -> str:
        """The bank whose rates are asked for."""
        return str(self.chosen.get("bank", ALL_AT_ONCE)).upper()

    def fetch(self) -> Fixing:
        home, query = HOMES[self.bank], {"providers": self.bank}
        if self.bank == ALL_AT_ONCE:
            return parse_rates(self.get("/v2/rates", query | {"base": home}), Fixing(home, home_first=True))
        if not self.wanted:
            raise ConfigError(f'bank = "{self.bank}" needs `pairs`: it takes one request a currency')
        fixing, asked = Fixing(home), {key for pair in self.wanted for key in pair.split("/")}
        for key in sorted(asked - {home}):
            more = {"base": key, "quotes": home, "date": f"{self.today}"}  # without the date it may be tomorrow's
            with suppress(NoSuchPair):
                parse_rates(self.get("/v2/rates", query | more), fixing)
        return fixing

    def platform(self) -> Platform:
        banks = [row for row in objects(self.get("/v2/providers")) if row.get("key") == self.bank]
        missed = integer(banks[0].get("publishes_missed")) if banks else None
        words = f"{missed} publishes of {self.bank} were missed" if missed else None
        return Platform("unknown" if missed is None else "ok", words)

    def failure(self, answer: "Answer") -> Failure | None:
        words = text(mapping(answer.body).get("message"))
        told = (str(answer.status), words) if words else NO_ENVELOPE
        return None if isinstance(answer.body, list) else told


def parse_rates(body: Any, fixing: Fixing) -> Fixing:
    """Read /v2/rates into a fixing: units of `quote` per 1 `base`, each row with its own date."""
    for row in objects(body):
        first, second = code(row.get("base")), code(row.get("quote"))
        if first is None or second is None:
            fixing.skips.append((first or second, "no-code"))
            continue
        if first == second:
            continue  # the base's own row
        if fixing.home != (first if fixing.home_first else second):
            raise BadAnswer(f"a rate of {first}/{second} came where those of {fixing.home} were asked for")
        currency = second if fixing.home_first else first
        if day := fixing.day(currency, row.get("date"), "%Y-%m-%d"):
            fixing.add(currency, row.get("rate"), day)
    return fixing
