"""NBU's range of rates, locally: units, rows that only carry an older rate on, errors with HTTP 200."""

from datetime import date
from decimal import Decimal

from marketctl.sandbox.base import Api, Call, Reply, Route
from marketctl.sandbox.official import DAY, price, today, working_day
from marketctl.sandbox.rates import Digits, exact_json

ZONE = "Europe/Kyiv"
# number, code, units, group, name, English name
CURRENCIES = [
    (959, "XAU", 1, "3", "Золото", "Gold"),
    (36, "AUD", 1, "1", "Австралійський долар", "Australian Dollar"),
    (156, "CNY", 1, "1", "Юань Женьміньбі", "Yuan Renminbi"),
    (348, "HUF", 100, "1", "Форинт", "Forint"),
    (392, "JPY", 10, "1", "Єна", "Yen"),
    (398, "KZT", 100, "1", "Теньге", "Tenge"),
    (704, "VND", 1000, "1", "Донг", "Dong"),
    (840, "USD", 1, "1", "Долар США", "US Dollar"),
    (960, "XDR", 1, "1", "СПЗ (спеціальні права запозичення)", "SDR (Special Drawing Right)"),
    (978, "EUR", 1, "1", "Євро", "Euro"),
]


def set_day(day: date) -> date:
    """Return the banking day on which the rate valid on a day was set: the one before, Thursday for a weekend."""
    return working_day(working_day(day) - DAY)


class SandboxApi(Api):
    """NBU."""

    name = "NBU"
    errors = {"error": Reply(b"[{ Wrong date format }]")}

    def routes(self) -> dict[str, Route]:
        return {"GET /NBU_Exchange/exchange_site": self.rates}

    def rates(self, call: Call) -> Reply:
        """GET /NBU_Exchange/exchange_site?start=YYYYMMDD&end=YYYYMMDD&json."""
        try:
            start, end = (date.fromisoformat(call.query[key]) for key in ("start", "end"))
        except (KeyError, ValueError):
            raise self.refuse("error") from None
        if "json" not in call.query:
            return Reply(b'<?xml version="1.0" encoding="utf-8"?><exchange/>', headers={"Content-Type": "text/xml"})
        last = min(end, today(self.now_ms(), ZONE) + DAY)
        rows = [self.row(*one, start + DAY * n) for n in range((last - start).days + 1) for one in CURRENCIES]
        # Spread over lines as the bank does it.
        return Reply(b"[\n" + b"\n,".join(b"{ \n" + exact_json(row)[1:-1] + b"\n }" for row in rows) + b"\n]")

    def row(
        self, number: int, code: str, units: int, group: str, name: str, english: str, day: date
    ) -> dict[str, object]:
        """Return one currency's object."""
        value = (price(code, "UAH", set_day(day)) * units).quantize(Decimal("0.0001"))
        return {
            "exchangedate": f"{day:%d.%m.%Y}",
            "r030": number,
            "cc": code,
            "txt": name,
            "enname": english,
            "rate": Digits(format(value.normalize(), "f")),
            "units": units,
            "rate_per_unit": Digits(format((value / units).normalize(), "f")),
            "group": group,
            "calcdate": f"{set_day(day):%d.%m.%Y}",
            "special": "N" if code == "USD" else None,
        }
