"""The charts of the board's statistics, drawn by pygal as inline SVG that takes its colours from the page."""

import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib import import_module
from typing import Any
from xml.etree.ElementTree import Element, tostring

from marketctl.times import DAY_MS
from marketctl.views.snapshots import number

CURRENCIES = 4  # those with most providers; the table beside the charts has all
UNITS = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "K"))


def draw(stats: Mapping[str, Any]) -> dict[str, Any]:
    """Return `turnover` as [(currency, SVG)] and `growth` as name → SVG, only where there is something to draw."""
    providers = stats["providers"]
    names = [one["name"] for one in providers]
    turnover = [
        (currency, _bars(currency, names, amounts)) for currency, amounts in [*stats["turnover"].items()][:CURRENCIES]
    ]
    growth = {}
    for what in ("pairs", "assets"):
        lines = [(index, one["name"], one["growth"][what]) for index, one in enumerate(providers)]
        lines = [line for line in lines if len({at for at, _ in line[2]}) > 1]
        if lines:
            growth[what] = _lines(lines)
    return {"turnover": turnover, "growth": growth}


def short(value: float | None) -> str:
    """Write a number for an axis: 1.2M."""
    if value is None:
        return ""
    for size, unit in UNITS:
        if abs(value) >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:.3g}"


def _import_pygal() -> None:
    """Import pygal without its finder of map plugins: it is of a kind that later Pythons warn of at every import."""
    import_module("pygal")
    sys.meta_path[:] = [finder for finder in sys.meta_path if hasattr(finder, "find_spec")]


def _bars(currency: str, names: Sequence[str], amounts: Sequence[str]) -> str:
    _import_pygal()
    from pygal import HorizontalBar

    known = [(name, float(value)) for name, amount in zip(names, amounts, strict=True) if (value := number(amount))]
    known.reverse()  # pygal draws from the bottom up
    chart = HorizontalBar(
        **_common(),
        width=380,
        height=24 + 28 * len(known),
        print_values=True,
        print_values_position="top",
        show_y_labels=True,
        show_x_labels=False,
        show_x_guides=False,
        value_formatter=short,
        margin_right=56,
    )
    chart.x_labels = [name for name, _ in known]
    chart.add(currency, [amount for _, amount in known])
    return _svg(chart)


def _lines(lines: Sequence[tuple[int, str, Sequence[Sequence[int]]]]) -> str:
    _import_pygal()
    from pygal import DateTimeLine

    times = [at for _, _, points in lines for at, _ in points]
    long = max(times) - min(times) > 2 * DAY_MS
    chart = DateTimeLine(
        **_common(),
        width=600,
        height=240,
        truncate_label=-1,
        show_dots=False,
        x_value_formatter=lambda at: at.strftime("%d.%m." if long else "%H:%M"),
        value_formatter=lambda count: f"{count:.0f}",
        y_labels_major_count=4,
        show_minor_y_labels=False,
    )
    for place, name, points in lines:
        steps: list[tuple[datetime, int]] = []
        for at, count in points:
            moment = datetime.fromtimestamp(at / 1000, UTC)
            if steps:  # a count holds until the next one
                steps.append((moment, steps[-1][1]))
            steps.append((moment, count))
        chart.add(f"{place} {name}", steps)
    return _svg(chart, [place for place, _, _ in lines])


def _common() -> dict[str, Any]:
    return {
        "show_legend": False,
        "js": (),
        "css": (),
        "no_prefix": True,
        "disable_xml_declaration": True,
        "margin": 8,
        "spacing": 6,
        "explicit_size": False,
    }


def _svg(chart: Any, places: Sequence[int] = (0,)) -> str:
    """Return the drawing alone: no styles, scripts and comments of its own, values as native tooltips.

    `places` are the providers' places, which have a colour each.
    """
    root = chart.render_tree()
    for child in list(root):
        if child.tag != "g" or not isinstance(child.tag, str):
            root.remove(child)
    root.attrib.pop("id", None)
    root.attrib |= {"aria-hidden": "true", "focusable": "false"}  # the tables say the same
    for element in list(root.iter()):
        _simplify(element, places)
    return tostring(root, encoding="unicode")


def _simplify(element: Element, places: Sequence[int]) -> None:
    words = element.get("class", "").split()
    for word in words:
        if word.startswith("color-"):
            element.set("class", f"series color-{places[int(word[6:]) % len(places)]}")
    if element.get("text-anchor") == "middle" and "value" in words:  # behind the end of its bar
        element.attrib |= {"text-anchor": "start", "dx": "-4"}
    for child in list(element):
        if child.tag == "desc" or "tooltip-overlay" in child.get("class", ""):
            if child.tag == "desc" and child.get("class") == "value":
                title = Element("title")
                title.text = child.text
                element.append(title)
            element.remove(child)
