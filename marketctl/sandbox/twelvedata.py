"""TWELVEDATA's API, locally: forex pairs, one rate a pair, credits that are really counted."""

import time
from decimal import Decimal
from typing import Any

from marketctl.sandbox.base import Api, Call, Refused, Reply, Route, same
from marketctl.sandbox.rates import CURRENCIES, Digits, exact_json, usd_rates

MAJORS = ("EUR/USD", "GBP/USD", "AUD/USD", "NZD/USD", "USD/CAD", "USD/CHF", "USD/JPY")
CROSSES = ("EUR/GBP", "EUR/JPY", "EUR/RUB", "EUR/TRY", "CNY/RUB", "TRY/JPY", "VND/XAU")
# Listed, but for dearer plans.
GATED = "XDR/USD"
# Neither of them is a forex pair here.
UNLISTED = ("BTC", "CLF", "FKP", "GGP", "IMP", "JEP", "VEF")


def failed(number: int, words: str, status: int | None = None) -> Reply:
    """Return an error answer; its HTTP status is not always its code."""
    return Reply({"code": number, "message": words, "status": "error"}, number if status is None else status)


def run_out(span: str, used: int, limit: int) -> Reply:
    """Return the refusal for want of credits, of the minute or of the day."""
    advice = {
        "current minute": "minute or consider switching to a higher tier plan",
        "day": "day or consider switching to a paid plan that will remove daily limits",
    }[span]
    return failed(
        429,
        f"You have run out of API credits for the {span}. {used} API credits were used, with the current limit being "
        f"{limit}. Wait for the next {advice} at https://twelvedata.com/pricing",
    )


class SandboxApi(Api):
    """TWELVEDATA."""

    name = "TWELVEDATA"
    keys = {"api_key": "5a4db0c5a4db0c5a4db0c5a4db0c0002"}
    # It has no signatures, no timestamps, no bound addresses and no answer for maintenance.
    errors = {
        "rate-limit": run_out("current minute", 12, 8),
        # With HTTP 200, as the real one does.
        "bad-key": failed(
            401,
            "**apikey** parameter is incorrect or not specified. You can get your free API key instantly following "
            "this link: https://twelvedata.com/pricing",
            200,
        ),
        "permission": failed(403, "/exchange_rate is available exclusively with grow or pro plans."),
        "error": failed(500, "Something went wrong on our side. Please try again later."),
    }
    # Tests change these: credits a minute and a day (None: no cap, and nothing told of it), rows of one page of
    # the list of pairs, whether the list needs a key, symbols a request takes, whether headers tell the credits.
    plan: tuple[int, int | None] = (8, 800)
    page_size: int | None = None
    list_needs_key = False
    longest_list = 120
    tells_credits = True
    spent: dict[int, int] = {}

    def routes(self) -> dict[str, Route]:
        return {
            "GET /forex_pairs": self.forex_pairs,
            "GET /exchange_rate": self.exchange_rate,
            "GET /api_usage": self.api_usage,
        }

    def unknown_route(self, _call: Call) -> Reply:
        return failed(404, "API endpoint was not found. Please check the path.")

    def answer(self, call: Call) -> Reply:
        """Answer a call; who clears `calls` gets new credits."""
        if not self.calls:
            self.spent = {}
        return super().answer(call)

    def verify(self, call: Call, cost: int) -> dict[str, str]:
        """Check the key and take the credits, of refused calls too; return the headers."""
        scheme, _, told = call.headers.get("authorization", "").partition(" ")
        key = told if scheme == "apikey" else call.query.get("apikey", "")
        if not key or not same(key, self.keys["api_key"]):
            raise self.refuse("bad-key")
        minute = self.now_ms() // 60_000
        by_minute, by_day = self.plan
        with self.lock:
            self.spent = {one: count for one, count in self.spent.items() if one // 1440 == minute // 1440}
            self.spent[minute] = self.spent.get(minute, 0) + cost
            used, today = self.spent[minute], sum(self.spent.values())
        headers = {"api-credits-used": str(used), "api-credits-left": str(max(0, by_minute - used))}
        headers = headers if self.tells_credits else {}
        if by_day is not None and today > by_day:
            refused = run_out("day", today, by_day)
        elif used > by_minute:
            refused = run_out("current minute", used, by_minute)
        else:
            return headers
        refused.headers = headers
        raise Refused(refused)

    def forex_pairs(self, call: Call) -> Any:
        """GET /forex_pairs: answers without a key too, for nothing."""
        signed = "authorization" in call.headers or "apikey" in call.query
        headers = self.verify(call, 1) if signed or self.list_needs_key else {}
        names = {code: name for code, name, _rest in CURRENCIES}
        rows = []
        for pair in listed():
            first, second = pair.split("/")
            group = "Major" if pair in MAJORS else "Exotic-Cross" if pair in CROSSES else "Exotic"
            # Names as a rule, a code at times.
            row = {"symbol": pair, "currency_group": group, "currency_base": names[first]}
            rows.append(row | {"currency_quote": "USD" if first == "XAG" else names[second]})
        rows.append({"symbol": "BROKEN", "currency_group": "Major"})
        symbol, base, quote = (call.query.get(name, "") for name in ("symbol", "currency_base", "currency_quote"))
        rows = [
            row
            for row in rows
            if (not symbol or row["symbol"] == symbol)
            and (not base or row["symbol"].startswith(f"{base}/"))
            and (not quote or row["symbol"].endswith(f"/{quote}"))
        ]
        size = int(call.query.get("outputsize") or self.page_size or len(rows) or 1)
        start = (int(call.query.get("page", 1)) - 1) * size
        return Reply({"count": len(rows), "data": rows[start : start + size], "status": "ok"}, 200, headers)

    def exchange_rate(self, call: Call) -> Any:
        """GET /exchange_rate: flat for one symbol, keyed for several, a credit each."""
        symbols = call.query.get("symbol", "").split(",")
        headers = self.verify(call, len(symbols))
        if len(symbols) > self.longest_list:
            raise Refused(failed(414, "The list of symbols is too long."))
        places = call.query.get("dp", "5")
        if not (places.isdigit() and int(places) <= 11):
            raise Refused(failed(400, f"Invalid **dp** provided: {places}. Supported values: 0 to 11"))
        rates = usd_rates(self.tick(call), self.faults)
        now_s = self.now_ms() // 1000
        made = {}
        for symbol in dict.fromkeys(symbols):
            made[symbol] = self.rate(symbol.upper(), rates, int(places), now_s - now_s % 60)
            if made[symbol].get("status") == "error" and len(symbols) > 1:
                made[symbol] |= {"meta": {"symbol": ",".join(symbols), "interval": "", "exchange": ""}}
        if len(symbols) > 1:
            return Reply(exact_json(made), 200, headers | {"is_batch": "true"})
        only = made[symbols[0]]
        return Reply(exact_json(only), only.get("code", 200), headers)

    def rate(self, symbol: str, rates: dict[str, Decimal], places: int, timestamp: int) -> dict[str, Any]:
        """Return the rate of one symbol, or its error."""
        base, slash, quote = symbol.partition("/")
        if not slash:
            words = f"**symbol** not found: {symbol}. Please specify it correctly according to API Documentation."
            return {"code": 400, "message": words, "status": "error"}
        if symbol == GATED:
            words = "This symbol is available starting with Grow. Consider upgrading your API Key now."
            return {"code": 404, "message": words, "status": "error"}
        if base not in rates or quote not in rates:
            words = "**symbol** or **figi** parameter is missing or invalid. Please provide a valid symbol."
            return {"code": 404, "message": words, "status": "error"}
        exact = round(rates[quote] / rates[base], places)
        # Written as a float of the server: no zeros at the end, an exponent where it is tiny.
        shown = f"{exact.normalize():f}" if exact == 0 or exact >= Decimal("0.000001") else f"{exact.normalize():e}"
        return {"symbol": symbol, "rate": Digits(shown), "timestamp": timestamp}

    def api_usage(self, call: Call) -> Any:
        """GET /api_usage: costs a credit itself; plans without a daily cap tell no day and no name."""
        headers = self.verify(call, 1)
        now_s = self.now_ms() // 1000
        by_minute, by_day = self.plan
        told: dict[str, Any] = {
            "timestamp": time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(now_s)),
            "current_usage": self.spent[now_s // 60],
            "plan_limit": by_minute,
        }
        if by_day is not None:
            told |= {
                "daily_usage": sum(self.spent.values()),
                "plan_daily_limit": by_day,
                "plan_category": "basic",
            }
        return Reply(told, 200, headers)


def listed() -> list[str]:
    """Return the symbols of the list: the majors, USD against the rest, some crosses; metals against USD."""
    known = {part for symbol in MAJORS for part in symbol.split("/")}
    metals = ("XAG", "XAU", "XDR")
    exotic = [code for code, _name, _rest in CURRENCIES if code not in known and code not in UNLISTED + metals]
    return [*MAJORS, *(f"USD/{code}" for code in exotic), *CROSSES, *(f"{code}/USD" for code in metals)]
