"""A strict checker of exports, and readers as exchangers' scripts have them, written after reference sheets alone.

Nothing here uses the code under test.
"""

import re
import xml.etree.ElementTree as ElementTree
from decimal import Decimal

ORDER = (
    "from to in out amount frommin frommax tomin tomax fromfee tofee step delay floating LABEL city minamount maxamount"
).split()
ELDER = "from to in out amount minamount maxamount minfee fromfee tofee floating delay param city".split()
ONCE = set(ORDER) - {"fromfee", "tofee", "step", "LABEL"}
FIGURE = re.compile(r"(0|[1-9][0-9]*)(\.[0-9]*[1-9])?")
FIGURES = {"in", "out", "amount", "frommin", "frommax", "tomin", "tomax", "minamount", "maxamount", "fromfee", "tofee"}


def check_export(data: bytes) -> list[dict[str, str]]:
    """Return the items of an EREF 1.1 file as name → text; AssertionError says what a validator would refuse."""
    root = _root(data)
    items, seen = [], set()
    for item in root:
        assert item.tag == "item", item.tag
        assert not item.attrib
        places = [ORDER.index(part.tag) if part.tag in ORDER else ORDER.index("LABEL") for part in item]
        assert places == sorted(places), f"order: {[part.tag for part in item]}"
        for part in item:
            _check_part(part)
        names = [part.tag for part in item]
        assert all(names.count(name) == 1 for name in set(names) & ONCE), names
        found = {part.tag: part.text or "" for part in item}
        assert {"from", "to", "in", "out", "amount", "frommin", "frommax"} <= found.keys()
        assert found["from"] != found["to"]
        assert Decimal(found["frommin"]) <= Decimal(found["frommax"])
        for old, new in (("minamount", "frommin"), ("maxamount", "frommax")):
            assert found.get(old, found[new]) == found[new]
        key = (found["from"], found["to"], found.get("city"))
        assert key not in seen, f"twice: {key}"
        seen.add(key)
        items.append(found)
    return items


def _root(data: bytes) -> ElementTree.Element:
    assert data.startswith(b'<?xml version="1.0" encoding="UTF-8"?>\n')
    assert data.endswith(b"\n")
    data.decode("utf-8")
    root = ElementTree.fromstring(data)
    assert root.tag == "rates"
    return root


def _check_part(part: ElementTree.Element) -> None:
    text = part.text
    assert not len(part)
    if part.tag == "floating":
        assert not text
        assert part.attrib.keys() <= {"minutes", "percent"}
        assert part.attrib
        return
    assert text, f"<{part.tag}> is empty"
    assert text == text.strip()
    assert not part.attrib or (part.tag in ("fromfee", "tofee") and part.attrib == {"type": "%"}), part.attrib
    if part.tag in ("from", "to", "city"):
        assert re.fullmatch("[A-Z0-9]+", text), text
    elif part.tag in FIGURES:
        assert FIGURE.fullmatch(text), f"<{part.tag}> {text}"
        assert Decimal(text) > 0, f"<{part.tag}> {text}"
    elif part.tag == "delay":
        assert text.isdigit()
    else:
        assert re.fullmatch("[a-z][a-z0-9]*", part.tag), part.tag
        assert text == "true"


def check_elder(data: bytes) -> None:
    """AssertionError says what a validator of the elder form would refuse."""
    for item in _root(data):
        names = [part.tag for part in item]
        assert len(set(names)) == len(names)
        assert [ELDER.index(name) for name in names] == sorted(ELDER.index(name) for name in names)
        assert {"from", "to", "in", "out", "amount", "minamount", "maxamount"} <= set(names)
        assert all(part.text and not part.attrib for part in item)


def read_as_by_path(data: bytes, was: dict[str, Decimal]) -> dict[str, Decimal]:
    """Read as scripts do that walk the tree: a direction that is gone is nothing, an error page changes nothing."""
    try:
        root = ElementTree.fromstring(data)
    except ElementTree.ParseError:
        return was
    if root.tag != "rates":
        return was
    now = dict.fromkeys(was, Decimal(0))
    for item in root.iter("item"):
        gives, gets = Decimal(item.findtext("in") or 0), Decimal(item.findtext("out") or 0)
        least = item.findtext("minamount") or item.findtext("frommin")
        assert least is not None
        if gives > 0 and gets > 0:
            now[f"{item.findtext('from')}>{item.findtext('to')}"] = gets / gives
    return now


def read_as_by_line(text: str) -> dict[str, dict[str, str]]:
    """Read as scripts do that look for items line by line with patterns, with limits under their new or old names."""
    found = {}
    for line in text.split("\n"):
        if item := re.search("<item>(.*)</item>", line):
            parts = dict(re.findall(r"<(\w+)[^>/]*>([^<]+)</", item[1]))
            limits = {
                "min": parts.get("frommin", parts.get("minamount")),
                "max": parts.get("frommax", parts.get("maxamount")),
            }
            found[f"{parts['from']}>{parts['to']}"] = {"in": parts["in"], "out": parts["out"],
                                                       "reserve": parts["amount"], **limits}  # fmt: skip
    return found
