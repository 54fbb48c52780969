"""ECB, euro reference rates of the European Central Bank.

Docs: https://www.ecb.europa.eu/stats/policy_and_exchange_rates/euro_reference_exchange_rates/html/index.en.html
Symbols: EUR/X for each currency of the list, units per 1 EUR; X/EUR and crosses are derived. No RUB since March 2022.
Limits: none told; one file brings all. It changes about 16:00 Frankfurt time on working days.
Quirks: the date is the day of the fixing, kept over weekends and holidays; a currency may leave the list for good. A
list of less than 20 is taken where there was none before, and told: half of the last good one is refused as for all.
The ECB publishes for information and discourages transactions at these rates.
"""

from marketctl.errors import BadAnswer
from marketctl.log import log
from marketctl.providers.bank.base import BankProvider, Fixing, read_day
from marketctl.providers.bank.markup import read_xml

PATH = "/stats/eurofxref/eurofxref-daily.xml"
CUBE = "{http://www.ecb.int/vocabulary/2002-08-01/eurofxref}Cube"
FEW = 20  # currencies: a list with less of them is doubtful
ENVELOPE = "{http://www.gesmes.org/xml/2002-08-01}Envelope"


class EcbBankAdapter(BankProvider):
    """Speaks to ECB."""

    base_url = "https://www.ecb.europa.eu"
    endpoints = (f"GET {PATH}",)
    formats = {f"GET {PATH}": "xml"}
    canary = "EUR/USD"

    def fetch(self) -> Fixing:
        fixing = parse_daily(self.get(PATH))
        if len(fixing.rates) < FEW:
            told = "its list has %d currencies, where some 30 are usual: the answer may be cut"
            log.warning(told, len(fixing.rates), extra={"provider": self.client.provider})
        return fixing


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
