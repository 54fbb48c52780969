"""CBR's daily list, locally: windows-1251, decimal commas, nominals, the last list before the day asked."""

from datetime import date, datetime
from decimal import Decimal

from marketctl.sandbox.base import Api, Call, Reply, Route
from marketctl.sandbox.official import DAY, price, today

ZONE = "Europe/Moscow"
HEADERS = {"Content-Type": "application/xml; charset=windows-1251", "Cache-Control": "no-cache"}
# id, number, code, nominal, name in the case that the nominal wants
CURRENCIES = [
    ("R01010", "036", "AUD", 1, "Австралийский доллар"),
    ("R01060", "051", "AMD", 100, "Армянских драмов"),
    ("R01090B", "933", "BYN", 1, "Белорусский рубль"),
    ("R01235", "840", "USD", 1, "Доллар США"),
    ("R01239", "978", "EUR", 1, "Евро"),
    ("R01300", "364", "IRR", 1000000, "Иранских риалов"),
    ("R01335", "398", "KZT", 100, "Тенге"),
    ("R01375", "156", "CNY", 1, "Юань"),
    ("R01589", "960", "XDR", 1, "СДР (специальные права заимствования)"),
    ("R01700J", "949", "TRY", 10, "Турецких лир"),
    ("R01717", "860", "UZS", 10000, "Узбекских сумов"),
    ("R01720", "980", "UAH", 10, "Гривен"),
    ("R01820", "392", "JPY", 100, "Иен"),
]


def list_day(asked: date) -> date:
    """Return the date of the last list: they are dated Tuesday to Saturday, Friday's fixing holds until Monday."""
    return asked - DAY * {6: 1, 0: 2}.get(asked.weekday(), 0)


class SandboxApi(Api):
    """CBR."""

    name = "CBR"
    errors = {
        "error": Reply(
            b'<?xml version="1.0" encoding="utf-8" ?><ValCurs>Error in parameters</ValCurs>', headers=dict(HEADERS)
        ),
    }

    def routes(self) -> dict[str, Route]:
        return {"GET /scripts/XML_daily.asp": self.daily}

    def daily(self, call: Call) -> Reply:
        """GET /scripts/XML_daily.asp[?date_req=DD/MM/YYYY]: without a date the afternoon's answer is tomorrow's."""
        newest = today(self.now_ms() + (8 * 3600 + 1800) * 1000, ZONE)
        try:
            asked = datetime.strptime(call.query["date_req"], "%d/%m/%Y").date() if call.query else newest  # noqa: DTZ007
        except (KeyError, ValueError):
            raise self.refuse("error") from None
        day = list_day(min(asked, newest))
        rows = "".join(self.row(*one, day) for one in CURRENCIES)
        head = f'<?xml version="1.0" encoding="windows-1251"?><ValCurs Date="{day:%d.%m.%Y}" '
        text = f'{head}name="Foreign Currency Market">{rows}</ValCurs>'
        return Reply(text.encode("windows-1251"), headers=dict(HEADERS))

    def row(self, ident: str, number: str, code: str, nominal: int, name: str, day: date) -> str:
        """Return one currency's element."""
        value = (price(code, "RUB", day) * nominal).quantize(Decimal("0.0001"))
        per_unit = str((value / nominal).normalize())  # in E notation where it is small
        shown = "E".join(part.replace(".", ",") for part in per_unit.replace("E-5", "E-05").split("E"))
        return (
            f'<Valute ID="{ident}"><NumCode>{number}</NumCode><CharCode>{code}</CharCode><Nominal>{nominal}</Nominal>'
            f"<Name>{name}</Name><Value>{str(value).replace('.', ',')}</Value><VunitRate>{shown}</VunitRate></Valute>"
        )
