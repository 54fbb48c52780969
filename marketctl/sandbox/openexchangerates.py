"""OPENEXCHANGERATES' API, locally: currencies, rates against a base, requests that are really counted."""

import time
from decimal import Decimal
from typing import Any

from marketctl.sandbox.base import Api, Call, Refused, Reply, Route, same
from marketctl.sandbox.faults import PAGE
from marketctl.sandbox.rates import CURRENCIES, Digits, exact_json, usd_rates

# name: requests a month, refresh, features
PLANS: dict[str, tuple[int, str, tuple[str, ...]]] = {
    "Free": (1000, "3600s", ()),
    "Developer": (10000, "hourly", ("base", "symbols")),
    "Enterprise": (100000, "30-minute", ("base", "symbols", "time-series")),
    "Unlimited": (-1, "300s", ("base", "symbols", "time-series", "convert")),
    "VIP Platinum": (-1, "60s", ("base", "symbols", "time-series", "convert", "bid-ask", "ohlc", "spot")),
}
FEATURES = ("base", "symbols", "experimental", "time-series", "convert", "bid-ask", "ohlc", "spot")
# What show_alternative adds: codes of any length, with underscores.
ALTERNATIVE = [
    ("DASH", "Dash", "0.0141220931"),
    ("DOGE", "Dogecoin", "6.82113"),
    ("LD", "Linden Dollar", "320"),
    ("VEF_BLKMKT", "Venezuelan Bolívar (Black Market)", "75724.82"),
]
INACTIVE = [("EEK", "Estonian Kroon"), ("ZMK", "Zambian Kwacha (pre-2013)")]
CONTACT = "please contact support@openexchangerates.org"


def failed(status: int, message: str, description: str) -> Reply:
    """Return an error answer; its message is what counts."""
    return Reply({"error": True, "status": status, "message": message, "description": description}, status)


def restricted(until: str) -> Reply:
    """Return the refusal of a key that was over-used, until a day that may be decades ahead."""
    words = f"Access restricted until {until} (reason: too_many_requests). If there has been a mistake, {CONTACT}."
    return failed(429, "access_restricted", words)


class SandboxApi(Api):
    """OPENEXCHANGERATES."""

    name = "OPENEXCHANGERATES"
    keys = {"app_id": "5a4db0c5a4db0c5a4db0c5a4db0c0001"}
    # It has no signatures, no timestamps, no bound addresses and no answer for maintenance.
    errors = {
        "rate-limit": restricted("2075-12-25"),
        "bad-key": failed(401, "invalid_app_id", f"Invalid App ID - please sign up, or {CONTACT}."),
        "permission": failed(
            403,
            "not_allowed",
            "Changing the API `base` currency is available for Developer, Enterprise and Unlimited plan clients. "
            f"Please upgrade, or {CONTACT} with any questions.",
        ),
        "error": Reply(PAGE, 502, {"Content-Type": "text/html"}),
    }
    # Tests change these: the plan, requests made before, a day until which the key is restricted, and the
    # status of `not_allowed`, which was seen as 403 and is documented as 429.
    plan = "Free"
    used_before = 27
    restricted_until: str | None = None
    not_allowed_status = 403
    made = 0

    def routes(self) -> dict[str, Route]:
        return {
            "GET /api/currencies.json": self.currencies,
            "GET /api/latest.json": self.latest,
            "GET /api/usage.json": self.usage,
        }

    def unknown_route(self, _call: Call) -> Reply:
        return failed(404, "not_found", "No such API route: please consult the documentation.")

    def answer(self, call: Call) -> Reply:
        """Answer a call; who clears `calls` starts a new month."""
        if not self.calls:
            self.made = 0
        return super().answer(call)

    def verify(self, call: Call) -> None:
        """Check the App ID: `Authorization: Token ID`, or in the query, which wins."""
        scheme, _, told = call.headers.get("authorization", "").partition(" ")
        app_id = call.query.get("app_id", told if scheme == "Token" else "")
        if not app_id:
            raise Refused(failed(401, "missing_app_id", f"No App ID provided. Please sign up, or {CONTACT}."))
        if not same(app_id, self.keys["app_id"]):
            raise self.refuse("bad-key")

    def need(self, feature: str) -> None:
        """Refuse what the plan lacks."""
        if feature not in PLANS[self.plan][2]:
            told: dict[str, Any] = dict(self.errors["permission"].body)
            raise Refused(Reply(told | {"status": self.not_allowed_status}, self.not_allowed_status))

    def currencies(self, call: Call) -> Any:
        """GET /api/currencies.json: needs no App ID."""
        names = {code: name for code, name, _rest in CURRENCIES}
        if call.query.get("show_alternative") in ("1", "true"):
            names |= {code: name for code, name, _rest in ALTERNATIVE}
        if call.query.get("show_inactive") in ("1", "true"):
            names |= dict(INACTIVE)
        return dict(sorted(names.items()))

    def latest(self, call: Call) -> Any:
        """GET /api/latest.json: one unit of the plan."""
        self.verify(call)
        query = call.query
        if self.restricted_until:
            raise Refused(restricted(self.restricted_until))
        with self.lock:
            self.made += 1
        base = query.get("base", "USD").upper()
        if base != "USD":
            self.need("base")
        if sides := query.get("show_bid_ask") in ("1", "true"):
            self.need("bid-ask")
        rates = usd_rates(self.made, self.faults)
        if query.get("show_alternative") in ("1", "true"):
            rates |= {code: Decimal(rest) for code, _name, rest in ALTERNATIVE}
        if base not in rates:
            raise Refused(failed(400, "invalid_base", f"Unsupported base currency: {base}."))
        against = rates[base]
        if base != "USD":
            rates = {code: round(rate / against, 12).normalize() for code, rate in rates.items()}
        if "symbols" in query:
            wanted = query["symbols"].upper().split(",")
            rates = {code: rate for code, rate in rates.items() if code in wanted}
        now_s = self.now_ms() // 1000
        return Reply(
            exact_json(
                {
                    "disclaimer": "Usage subject to terms: https://openexchangerates.org/terms",
                    "license": "https://openexchangerates.org/license",
                    "timestamp": now_s - now_s % 3600,
                    "base": base,
                    "rates": {code: self.shown(code, rate, sides) for code, rate in sorted(rates.items())},
                }
            )
        )

    def shown(self, code: str, rate: Decimal, sides: bool) -> Any:
        """Return a rate as a number, or with its sides as an object; some have no sides. BTC wears an exponent."""
        mid = Digits(f"{rate:e}" if code == "BTC" else f"{rate:f}")
        if not sides:
            return mid
        if code in ("KPW", "USD", "VES"):
            return {"mid": mid}
        half = (rate * Decimal("0.00007")).quantize(rate)
        return {"bid": Digits(f"{rate - half:f}"), "ask": Digits(f"{rate + half:f}"), "mid": mid}

    def usage(self, call: Call) -> Any:
        """GET /api/usage.json: free. The App ID stands in it in clear."""
        self.verify(call)
        quota, refresh, features = PLANS[self.plan]
        used = self.used_before + self.made
        day = time.gmtime(self.now_ms() / 1000).tm_mday
        return {
            "status": 200,
            "data": {
                "app_id": self.keys["app_id"],
                "status": "access_restricted" if self.restricted_until else "active",
                "plan": {
                    "name": self.plan,
                    "quota": "Unlimited requests" if quota < 0 else f"{quota} requests / month",
                    "update_frequency": refresh,
                    "features": {name: name in features or name == "experimental" for name in FEATURES},
                },
                "usage": {
                    "requests": used,
                    "requests_quota": quota,
                    "requests_remaining": -1 if quota < 0 else max(0, quota - used),
                    "days_elapsed": day,
                    "days_remaining": max(0, 30 - day),
                    "daily_average": used // day,
                },
            },
        }
