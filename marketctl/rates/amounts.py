"""The amounts of a direction in rates.toml: reserve, limits, fees, delay and how long a rate is kept."""

import re
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from marketctl.rates.rounding import round_down, round_up
from marketctl.rates.section import Section
from marketctl.text import plain

if TYPE_CHECKING:
    from marketctl.rates.plan import Code

# key of rates.toml -> element of the export
LIMITS = {"from_min": "frommin", "from_max": "frommax", "to_min": "tomin", "to_max": "tomax"}

FEES = {"from_fee": "fromfee", "to_fee": "tofee"}

AMOUNT_KEYS = ("amount", *LIMITS, *FEES, "delay", "floating")


def read_amounts(section: Section, source: "Code", target: "Code") -> dict[str, Any]:
    """Return the amounts as they are written to the file, rounded in the desk's favour. Raises ConfigError."""
    found: dict[str, Fraction | None] = {name: section.figure(name) for name in ("amount", *LIMITS)}
    for name in ("amount", "from_min", "from_max"):
        section.needed(found[name], name, "an amount, which the export must tell")
    limits: dict[str, Fraction | None] = {}
    for side, code in (("from", source), ("to", target)):
        low, high = found[f"{side}_min"], found[f"{side}_max"]
        low = None if low is None else round_up(low, code.decimals)
        high = None if high is None else round_down(high, code.decimals)
        if low is not None and high is not None and low > high:
            raise section.error(f"{side}_max", f"{plain(high)} is below {side}_min {plain(low)}")
        if high is not None and not high:
            raise section.error(f"{side}_max", f"nothing is left of it with {code.decimals} decimals")
        limits |= {LIMITS[f"{side}_min"]: low, LIMITS[f"{side}_max"]: high}
    amount = found["amount"]
    assert amount is not None
    return {
        "amount": plain(round_down(amount, target.decimals)),
        "limits": {element: plain(value) for element, value in limits.items() if value is not None},
        "fees": {element: _fees(section, name) for name, element in FEES.items()},
        "delay": section.count("delay", 1, 100_000),
        "floating": _floating(section),
    }


def _fees(section: Section, name: str) -> tuple[tuple[str, bool], ...]:
    """Return figure and whether it is in percent: at most one of each kind."""
    expected = 'a fee such as "10" or "0.5%"'
    fees: list[tuple[str, bool]] = []
    for index, text in enumerate(section.words(name, bool, expected)):
        place = index if isinstance(section.values[name], list) else None
        found = re.fullmatch(r"([0-9]{1,20}(?:\.[0-9]{1,20})?)\s*(%?)", text)
        if found is None:
            raise section.wrong(name, expected, index=place)
        percent = found[2] == "%"
        if percent in {kind for _, kind in fees}:
            raise section.error(name, "two fees of one kind, expected one absolute and one in percent", index=place)
        fees.append((plain(Fraction(found[1])), percent))
    return tuple(fees)


def _floating(section: Section) -> tuple[int | None, str | None] | None:
    """Return minutes and percent for which a rate is kept."""
    if "floating" not in section.values:
        return None
    inside = section.section("floating")
    inside.expect("minutes", "percent")
    minutes, percent = inside.count("minutes", 0, 100_000), inside.figure("percent")
    if minutes is None and percent is None:
        raise section.wrong("floating", "{ minutes = 10, percent = 1 }, one of them or both")
    return minutes, None if percent is None else plain(percent)
