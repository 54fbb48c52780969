"""ECB, euro reference rates of the European Central Bank.

Docs: https://www.ecb.europa.eu/stats/policy_and_exchange_rates/euro_reference_exchange_rates/html/index.en.html
Symbols: EUR/X for each currency of the list, units per 1 EUR; X/EUR and crosses are derived. No RUB since March 2022.
Limits: none told; one file brings all. It changes about 16:00 Frankfurt time on working days.
Quirks: the date is the day of the fixing, kept over weekends and holidays; a currency may leave the list for good.
The ECB publishes for information and discourages transactions at these rates.
"""

from marketctl.errors import BadAnswer
from marketctl.providers.bank.base import BankProvider, Fixing, read_day
from marketctl.providers.bank.markup import read_xml

PATH = "/stats/eurofxref/eurofxref-daily.xml"
CUBE = "{http://www.ecb.int/vocabulary/2002-08-01/eurofxref}Cube"
ENVELOPE = "{http://www.gesmes.org/xml/2002-08-01}Envelope"


class EcbBankAdapter(BankProvider):
    """Speaks to ECB."""

    base_url = "https://www.ecb.europa.eu"
    endpoints = (f"GET {PATH}",)
    formats = {f"GET {PATH}": "xml"}
    canary = "EUR/USD"

    def fetch(self) -> Fixing:
        return parse_daily(self.get(PATH))


def parse_daily(content: bytes) -> Fixing:
    """Read eurofxref-daily.xml: one day, one `Cube` a currency; both namespaces are needed. Raises BadAnswer."""
    root = read_xml(content)
    days = [cube for cube in root.iter(CUBE) if cube.get("time")]
    if root.tag != ENVELOPE or len(days) != 1:
        raise BadAnswer(f"ECB answers no list of rates of one day: {len(days)} days found")
    day = read_day(days[0].get("time"), "%Y-%m-%d")
    fixing = Fixing("EUR", home_first=True)
    for cube in days[0].iter(CUBE):
        if cube is not days[0]:
            fixing.add(cube.get("currency"), cube.get("rate"), day)
    return fixing
