"""FRANKFURTER's second version, locally: published figures of one bank in its own direction, rounded ones otherwise."""

from datetime import date
from decimal import Decimal

from marketctl.sandbox.base import Api, Call, Refused, Reply, Route
from marketctl.sandbox.ecb import CODES as ECB_CODES
from marketctl.sandbox.ecb import fixing_day, rate
from marketctl.sandbox.official import DAY, price, today, working_day
from marketctl.sandbox.rates import Digits, exact_json

# key: own currency, whether it is the first of the pairs
BANKS = {"ECB": ("EUR", True), "CBR": ("RUB", False), "NBU": ("UAH", False), "NBK": ("KZT", False)}
OTHERS = ("USD", "EUR", "CNY", "TRY")
KNOWN = frozenset(("base", "quotes", "providers", "date", "from", "to", "group", "expand"))


def rounded(value: Decimal) -> Decimal:
    """Round a computed figure as this service does: the smaller it is, the fewer digits are left."""
    steps = ((5000, "1"), (80, "0.01"), (20, "0.001"), (1, "0.0001"), (0.0001, "0.00001"))
    return value.quantize(next((Decimal(step) for limit, step in steps if value > limit), Decimal("0.000001")))


def failed(status: int, message: str) -> Refused:
    """Return the error to raise."""
    return Refused(Reply({"status": status, "message": message}, status))


class SandboxApi(Api):
    """FRANKFURTER."""

    name = "FRANKFURTER"
    errors = {"error": Reply({"status": 503, "message": "request exceeded 90s timeout"}, 503)}

    def routes(self) -> dict[str, Route]:
        return {"GET /v2/rates": self.rates, "GET /v2/providers": self.providers}

    def unknown_route(self, _call: Call) -> Reply:
        return failed(404, "not found").reply

    def providers(self, _call: Call) -> Reply:
        """GET /v2/providers."""
        day = fixing_day(self.now_ms())
        return Reply(
            [
                {"key": key, "name": key, "rate_type": "reference", "pivot_currency": home, "end_date": f"{day}",
                 "publish_cadence": "daily", "publishes_missed": 0, "currencies": []}
                for key, (home, _first) in BANKS.items()
            ]
        )  # fmt: skip

    def rates(self, call: Call) -> Reply:
        """GET /v2/rates?base=&quotes=&providers=&date=; a bank has to be named here: there is no blend."""
        query = call.query
        if unknown := sorted(query.keys() - KNOWN):
            raise failed(422, f"unknown parameter: {unknown[0]}")
        base, key = query.get("base", "EUR").upper(), query.get("providers", "ECB").upper()
        if key not in BANKS:
            return Reply([])
        home, first = BANKS[key]
        day = self.day(key, query.get("date"))
        codes = {home, *(ECB_CODES if first else OTHERS)}
        if base not in codes:
            raise failed(404, "not found")
        quotes = query["quotes"].upper().split(",") if "quotes" in query else sorted(codes)
        rows = [
            {"date": f"{day}", "base": base, "quote": quote, "rate": Digits(self.figure(base, quote, home, first, day))}
            for quote in quotes
            if quote in codes
        ]
        return Reply(exact_json(rows))

    def day(self, key: str, asked: str | None) -> date:
        """Return the date of the rates: a weekend snaps back, the newest may be tomorrow's."""
        if key == "ECB":
            return fixing_day(self.now_ms())
        now = today(self.now_ms(), "UTC")
        try:
            return working_day(date.fromisoformat(asked) if asked else now + DAY)
        except ValueError:
            raise failed(422, "invalid date") from None

    def figure(self, base: str, quote: str, home: str, first: bool, day: date) -> str:
        """Return the published figure where the pair has the bank's own direction, else one that is computed."""
        if base == quote:
            return "1.0"
        if first and base == home:
            return rate(quote, day)
        if not first and quote == home:
            return str(price(base, home, day).quantize(Decimal("0.0001")))
        return format(rounded(price(base, quote, day)), "f")
