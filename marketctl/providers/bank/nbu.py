"""NBU, official hryvnia rates of the National Bank of Ukraine.

Docs: https://bank.gov.ua/ua/open-data/api-dev
Symbols: each row is a pair against UAH, per 1 unit (metals per troy ounce); UAH/USD and crosses are derived.
Limits: none told; one request brings all. Rates are set on banking days about 15:30 Kyiv time, for the next one.
Quirks: every calendar day has rows, also those that only carry an older rate on: a rate is dated by the day after it
was set, never by the day asked. Errors come with HTTP 200: an empty list, or a text that is no JSON for a bad date.
"""

from datetime import date
from typing import Any

from marketctl.providers.bank.base import DAY, BankProvider, Fixing, read_day
from marketctl.providers.fields import rows, text

PATH = "/NBU_Exchange/exchange_site"
FORM = "%d.%m.%Y"


class NbuBankAdapter(BankProvider):
    """Speaks to NBU."""

    base_url = "https://bank.gov.ua"
    endpoints = (f"GET {PATH}",)
    zone = "Europe/Kyiv"
    canary = "USD/UAH"

    def fetch(self) -> Fixing:
        day = f"{self.today:%Y%m%d}"
        query = {"start": day, "end": day, "sort": "exchangedate", "order": "asc", "json": ""}
        return parse_rates(self.get(PATH, query), self.today)


def parse_rates(body: Any, today: date) -> Fixing:
    """Read exchange_site: `rate` is for `units`; `rate_per_unit` is the bank's own division and has to agree."""
    fixing = Fixing("UAH")
    found = [(fixing.day(row.get("cc"), row.get("exchangedate"), FORM), row) for row in rows(body)]
    dated = [(day, row) for day, row in found if day is not None]
    if not dated:
        read_day(found[0][1].get("exchangedate"), FORM)  # which says what it is
    days = [day for day, _row in dated]
    chosen = max((day for day in days if day <= today), default=min(days))
    for day, row in dated:
        if day != chosen:
            fixing.skips.append((row.get("cc"), "other-day"))
            continue
        told = fixing.day(row.get("cc"), row["calcdate"], FORM) if row.get("calcdate") else day
        if told is None:
            continue
        if day <= today and told < day:
            day = min(day, told + DAY)  # a rate that is only carried on keeps its day
        name = text(row.get("enname")) or text(row.get("txt"))
        value, nominal, per_unit = row.get("rate"), row.get("units", 1), row.get("rate_per_unit")
        fixing.add(row.get("cc"), value, day, nominal=nominal, per_unit=per_unit, name=name)
    return fixing
