"""The amounts of a direction in rates.toml: reserve, limits, fees, delay and how long a rate is kept."""

import re
from fractions import Fraction
from typing import TYPE_CHECKING, Any

from marketctl.rates.formula import Formula, FormulaError, work_out
from marketctl.rates.rounding import round_down, round_up
from marketctl.rates.section import Section
from marketctl.text import plain

if TYPE_CHECKING:
    from marketctl.rates.plan import Code

# key of rates.toml -> element of the export
LIMITS = {"from_min": "frommin", "from_max": "frommax", "to_min": "tomin", "to_max": "tomax"}

FEES = {"from_fee": "fromfee", "to_fee": "tofee"}

AMOUNT_KEYS = ("amount", *LIMITS, *FEES, "delay", "floating")


def check_bounds(section: Section, at_least: Formula | None, at_most: Formula | None) -> None:
    """See that a rate can be within its bounds, where neither moves with a quote. Raises ConfigError."""
    if at_least is None or at_most is None or at_least.legs or at_most.legs:
        return
    try:
        low, high = (work_out(one.node, _no_quote) for one in (at_least, at_most))
    except FormulaError:
        return  # by zero: each build says so
    if low > high:
        raise section.error("at_most", f"{plain(high, 12)} is below at_least {plain(low, 12)}")


def _no_quote(leg: object) -> Fraction:
    raise AssertionError(leg)


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
    amount = round_down(found["amount"] or Fraction(0), target.decimals)
    if not amount:
        raise section.error("amount", f"nothing is left of it with {target.decimals} decimals")
    return {
        "amount": plain(amount),
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
        if percent and Fraction(found[1]) >= 100:
            raise section.wrong(name, "a fee below 100%", index=place)
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
    if percent is not None and percent >= 100:
        raise inside.wrong("percent", "less than 100")
    return minutes, None if percent is None else plain(percent)
