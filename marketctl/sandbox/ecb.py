"""ECB's daily file, locally: two namespaces, attributes in single quotes, dated by the last working day."""

from datetime import date, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

from marketctl.sandbox.base import Api, Call, Reply, Route
from marketctl.sandbox.faults import PAGE
from marketctl.sandbox.official import DAY, price, working_day

ZONE = "Europe/Berlin"
# In the order of the file; no BGN since 2026, no RUB since 2022.
CODES = "USD JPY CZK DKK GBP HUF PLN SEK CHF NOK TRY AUD BRL CAD CNY HKD IDR ILS INR KRW MXN NZD SGD THB ZAR".split()


def rate(code: str, day: date) -> str:
    """Return units per 1 EUR with five significant digits or so, trailing zeros kept."""
    value = price("EUR", code, day)
    places = Decimal("0.01") if value > 100 else Decimal("0.0001") if value > 1 else Decimal("0.00001")
    return str(value.quantize(places))


def fixing_day(now_ms: int) -> date:
    """Return the day of the newest fixing: out at 16:00, from Monday to Friday."""
    now = datetime.fromtimestamp(now_ms / 1000, ZoneInfo(ZONE))
    return working_day(now.date() if now.hour >= 16 else now.date() - DAY)


class SandboxApi(Api):
    """ECB."""

    name = "ECB"
    errors = {"error": Reply(PAGE, 503, {"Content-Type": "text/html"})}

    def routes(self) -> dict[str, Route]:
        return {"GET /stats/eurofxref/eurofxref-daily.xml": self.daily}

    def daily(self, _call: Call) -> Reply:
        """GET /stats/eurofxref/eurofxref-daily.xml."""
        day = fixing_day(self.now_ms())
        cubes = "".join(f"\n\t\t\t<Cube currency='{code}' rate='{rate(code, day)}'/>" for code in CODES)
        text = (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            '<gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01" '
            'xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">\n'
            "\t<gesmes:subject>Reference rates</gesmes:subject>\n\t<gesmes:Sender>\n"
            "\t\t<gesmes:name>European Central Bank</gesmes:name>\n\t</gesmes:Sender>\n\t<Cube>\n"
            f"\t\t<Cube time='{day}'>{cubes}\n\t\t</Cube>\n\t</Cube>\n</gesmes:Envelope>\n"
        )
        return Reply(text.encode(), headers={"Content-Type": "text/xml"})
