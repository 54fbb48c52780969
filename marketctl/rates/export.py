"""The files of an export: EREF 1.1, its elder form, JSON. Every text in them was checked when rates.toml was read.

The order of elements is that of the schema (a sequence, what is kept for old readers last). No time of making stands in
the files: the same rates are the same bytes, so that a web server's ETag holds.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass

from marketctl.rates.plan import Direction

HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'

ROOT = (
    '<rates xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
    'xsi:noNamespaceSchemaLocation="https://docs.bestchange.biz/schema/1.1.xsd">\n'
)


@dataclass(frozen=True)
class Item:
    """A direction with its rate: for `gives` of one currency the customer gets `gets` of the other."""

    direction: Direction
    gives: str
    gets: str


def xml_text(items: Sequence[Item], *, legacy: bool) -> str:
    """Return an EREF 1.1 file; `legacy` repeats the limits under their old names, which some readers still want."""
    lines = [f"  <item>{_modern(item, legacy)}</item>\n" for item in items]
    return f"{HEAD}{ROOT}{''.join(lines)}</rates>\n"


def elder_text(items: Sequence[Item]) -> str:
    """Return the elder form: minamount, maxamount, fees and labels as comma lists."""
    lines = [f"  <item>{_elder(item)}</item>\n" for item in items]
    return f"{HEAD}<rates>\n{''.join(lines)}</rates>\n"


def json_text(items: Sequence[Item]) -> str:
    """Return the same as JSON: one direction a line, names as in the XML, figures as texts."""
    lines = ["    " + json.dumps(_record(item), ensure_ascii=False) for item in items]
    body = "\n" + ",\n".join(lines) + "\n  " if lines else ""
    return f'{{\n  "schema": 1,\n  "rates": [{body}]\n}}\n'


def _tag(name: str, text: str, attributes: str = "") -> str:
    return f"<{name}{attributes}>{text}</{name}>"


def _base(item: Item) -> dict[str, str]:
    one = item.direction
    return {"from": one.source.code, "to": one.target.code, "in": item.gives, "out": item.gets, "amount": one.amount}


def _modern(item: Item, legacy: bool) -> str:
    one = item.direction
    parts = [_tag(name, text) for name, text in (_base(item) | dict(one.limits)).items()]
    for name, fees in one.fees.items():
        parts += [_tag(name, figure, ' type="%"' if percent else "") for figure, percent in fees]
    if one.delay is not None:
        parts.append(_tag("delay", str(one.delay)))
    if one.floating is not None:
        told = zip(("minutes", "percent"), one.floating, strict=True)
        parts.append("<floating" + "".join(f' {name}="{value}"' for name, value in told if value is not None) + "/>")
    parts += [_tag(label, "true") for label in one.labels]
    if one.city is not None:
        parts.append(_tag("city", one.city))
    return "".join(parts) + (_limits(one) if legacy else "")


def _elder(item: Item) -> str:
    one = item.direction
    parts = [_tag(name, text) for name, text in _base(item).items()]
    parts.append(_limits(one))
    for name, fees in one.fees.items():
        if fees:
            unit = (one.source if name == "fromfee" else one.target).asset
            told = ", ".join(f"{figure}%" if percent else f"{figure} {unit}" for figure, percent in fees)
            parts.append(_tag(name, told))
    if one.floating is not None:
        minutes, percent = one.floating
        parts.append(_tag("floating", str(minutes) if minutes is not None else f"{percent}%"))
    if one.delay is not None:
        parts.append(_tag("delay", str(one.delay)))
    if one.labels:
        parts.append(_tag("param", ",".join(one.labels)))
    if one.city is not None:
        parts.append(_tag("city", one.city))
    return "".join(parts)


def _limits(one: Direction) -> str:
    return _tag("minamount", one.limits["frommin"]) + _tag("maxamount", one.limits["frommax"])


def _record(item: Item) -> dict[str, object]:
    one = item.direction
    record: dict[str, object] = {**_base(item), **one.limits}
    for name, fees in one.fees.items():
        if fees:
            record[name] = [f"{figure}%" if percent else figure for figure, percent in fees]
    if one.delay is not None:
        record["delay"] = one.delay
    if one.floating is not None:
        record["floating"] = dict(zip(("minutes", "percent"), one.floating, strict=True))
    if one.labels:
        record["labels"] = list(one.labels)
    if one.city is not None:
        record["city"] = one.city
    return record
