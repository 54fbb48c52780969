"""CBR, official rouble rates of the Bank of Russia.

Docs: https://cbr.ru/development/sxml/
Symbols: each currency of the list is a pair against RUB, per 1 unit; RUB/USD and crosses are derived.
Limits: none told; one request brings all. Rates change once a working day: ask every half hour, not more often.
Quirks: the date is the day a rate is for: Friday's fixing is dated Saturday and holds until Monday; from New Year to
about the 9th nothing is set. HTTP 403 or a web page means that this address is refused, not a wrong key.
"""

from marketctl.errors import BadAnswer
from marketctl.providers.bank.base import BankProvider, Fixing, read_day
from marketctl.providers.bank.markup import read_xml
from marketctl.text import printable

PATH = "/scripts/XML_daily.asp"


class CbrBankAdapter(BankProvider):
    """Speaks to CBR."""

    base_url = "https://www.cbr.ru"
    endpoints = (f"GET {PATH}",)
    formats = {f"GET {PATH}": "xml"}
    zone = "Europe/Moscow"
    canary = "USD/RUB"

    def fetch(self) -> Fixing:
        # Without a date the evening's answer is tomorrow's.
        return parse_daily(self.get(PATH, {"date_req": f"{self.today:%d/%m/%Y}"}))


def parse_daily(content: bytes) -> Fixing:
    """Read XML_daily: roubles for `Nominal` units with a decimal comma, perhaps in E notation. Raises BadAnswer."""
    root = read_xml(content)
    told = root.get("Date")
    if root.tag != "ValCurs" or told is None:
        words = printable((root.text or "").strip(), 80) or f"<{printable(root.tag, 40)}> without a date"
        raise BadAnswer(f"CBR answers no list of rates: {words}")
    day = read_day(told, "%d.%m.%Y")
    fixing = Fixing("RUB")
    for row in root.iter("Valute"):
        value, per_unit = (_point(row.findtext(name)) for name in ("Value", "VunitRate"))
        name, nominal = row.findtext("Name"), row.findtext("Nominal")
        fixing.add(row.findtext("CharCode"), value, day, nominal=nominal, per_unit=per_unit, name=name)
    return fixing


def _point(text: str | None) -> str | None:
    return None if text is None else text.strip().replace(",", ".", 1)
