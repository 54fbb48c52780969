"""Long texts, lists of rows in columns: what comes of it is what JSON's own decoder finds, or that one reads it."""

import json
from decimal import Decimal
from random import Random

import pytest

from marketctl.http import messages
from marketctl.http.columns import Columns
from marketctl.http.messages import read_json
from marketctl.providers.fields import rows, told_by

NAMES = ("symbol", "bid", "n")


@pytest.fixture(autouse=True)
def short(monkeypatch):
    """Have short texts read like long ones."""
    monkeypatch.setattr(messages, "LONG", 0)


def body_of(*found: object, separators: tuple[str, str] = (",", ":"), indent: int | None = None) -> bytes:
    told = {"code": "0", "data": {"list": list(found), "at": 1}}
    return json.dumps(told, separators=separators, indent=indent, ensure_ascii=False).encode()


def row(symbol: object = "AB", bid: object = "1.5", n: object = 3, **more: object) -> dict[str, object]:
    return {"symbol": symbol, "x": "y z", "bid": bid, "low": 0.5, "n": n, "none": None, "on": True, **more}


def with_odd(odd: str, place: int) -> bytes:
    """Return a list of three usual rows, and of another element at a place."""
    texts = [json.dumps(row(name), separators=(",", ":")) for name in "ABC"]
    texts.insert(place, odd)
    return f'{{"data":{{"list":[{",".join(texts)}]}}}}'.encode()


def in_columns(content: bytes, names: tuple[str, ...] = NAMES) -> object:
    """Return the rows in columns as dicts, their numbers read; None where the decoder read all of it."""
    body, good = read_json(content, names)
    found = body["data"]["list"] if good and isinstance(body, dict) else body
    if not isinstance(found, Columns):
        return None
    return list(found)


def test_rows_that_are_alike_are_read_in_columns():
    content = body_of(row("A"), row("B", "", 40), row("C", None, None), row("D", "1E-5", -0.5), row("Ж", "6", 1e-7))
    body, good = read_json(content, NAMES)
    found = body["data"]["list"]
    assert good
    assert (body["code"], body["data"]["at"]) == ("0", 1)
    assert isinstance(found, list)
    assert len(found) == 5
    assert found.column("symbol") == ["A", "B", "C", "D", "Ж"]
    assert found.column("bid") == ["1.5", "", None, "1E-5", "6"]
    assert found.column("n") == [3, 40, None, "-0.5", "1e-07"]
    assert found.column("") == [None] * 5
    assert found[1] == {"symbol": "B", "bid": "", "n": 40}
    assert rows(body, "data", "list") is found


def test_names_may_be_told_twice_and_what_is_not_told_has_none():
    body, good = read_json(json.dumps([row("A"), row("B")]).encode(), ["symbol", "bid", "", "bid", ""])
    assert good
    assert [body.column(name) for name in ("symbol", "bid", "")] == [["A", "B"], ["1.5", "1.5"], [None, None]]
    with pytest.raises(LookupError, match="'n' is not among the names that `columns` has of this list's rows"):
        body.column("n")


def test_a_body_that_is_all_rows_names_its_request():
    body, good = read_json(json.dumps([row("A"), row("B")]).encode(), NAMES)
    assert good
    assert body.column("symbol") == ["A", "B"]
    assert told_by(body, "GET x: HTTP 200").where == "GET x: HTTP 200"


@pytest.mark.parametrize(
    ("odd", "told"),
    [
        (r'{"symbol":"\u0041\"","bid":"1","n":2}', ('A"', "1", 2)),
        ('{"bid":"7","symbol":"B","extra":[{"symbol":"no"}],"n":5}', ("B", "7", 5)),
        ('{"symbol":1.50,"bid":true,"n":{"a":[]}}', ("1.50", True, {"a": []})),
        ('{"symbol":"a","symbol":"b"}', ("b", None, None)),
    ],
)
@pytest.mark.parametrize("place", [0, 1, 2, 3])
def test_a_row_that_is_otherwise_stands_in_its_place(odd, told, place):
    found = in_columns(with_odd(odd, place))
    assert found is not None
    assert found[place] == dict(zip(NAMES, told, strict=True))
    assert [one["symbol"] for one in found if one is not found[place]] == ["A", "B", "C"]


@pytest.mark.parametrize("odd", ['"text"', "[]", "7", "null"])
@pytest.mark.parametrize("place", [0, 1, 2, 3])
def test_with_one_that_is_no_row_the_list_is_none_of_columns(odd, place):
    content = with_odd(odd, place)
    found = rows(read_json(content, NAMES)[0], "data", "list")
    assert in_columns(content) is None
    assert found[place] == {}
    assert [one["symbol"] for one in found if one] == ["A", "B", "C"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b'{"data":{"list":[]}}',
        b'{"data":{"list":[{"other":"A","more":"B"}]}}',  # it has none of the names
        body_of(row("A"), row("B")).replace(b'"at":1', b'"at":1.50'),
        body_of(row("A"), row("B")).replace(b'"at":1', b'"at":[1]'),
        body_of(row("A"), row("B")).replace(b'"at":1', b'"coins":[{"name":"A"}]'),  # rows of another kind
        body_of(row("A"), row("B")).replace(b'"at":1', b'"more":[{"symbol":"A","name":"a"}]'),
        b'{"a":{"b":{"c":' + body_of(row("A"), row("B")) + b"}}}",  # deeper than such lists are
        json.dumps(row("A"), separators=(",", ":")).encode(),
        b'{"ticker":{"at":1.50,"big":123456789012345678901234567890,"small":1e-9,"much":-0.0}}',
        body_of(row("A"), row("B"))[:-1],
        body_of(row("A"), row("B")) + b"]",
        body_of(row("A"), row("B")).replace(b"},{", b"},,{"),
        body_of(row("A"), row("B")).replace(b"},{", b"}{"),
        body_of(row("A"), row("B")).replace(b"},{", b"}],[{"),
        body_of(row("A"), row("B")).replace(b"},{", b"},],[,{"),
        body_of(row("A"), row("B")).replace(b'"x"', b"'x'"),
        body_of(row("A"), row("B")).replace(b"y z", b"y\nz", 1),
        body_of(row("A"), row("B")).replace(b"y z", b"y\nz"),
        body_of(row("A"), row("B")).replace(b"y z", b"\xff"),
        body_of(row("A"), row("B")).replace(b"y z", b"\xe4}\xb8\xad"),  # cut in two by a sign of its own
        body_of(row("A"), row("B")).replace(b"0.5", b"00.5"),
        body_of(row("A"), row("B")).replace(b"true", b"NaN"),
        body_of(row("A"), row("B")).replace(b'"A"', b"True"),
        b'{"data":{"list":"' + body_of(row("A"), row("B"), row("C")) + b'"}}',
        b'{"data":{"list":"{' + body_of(row("A"), row("B"), row("C")),
        body_of(row("A"), row("B")).replace(b'"at":1', b'"list":[]'),  # told twice: the last one counts
        body_of(row("A"), row("B")).decode().encode("utf-16"),
        body_of(row("A"), row("B")).decode().encode("utf-16-le"),
        b"\xef\xbb\xbf" + body_of(row("A"), row("B")),
    ],
)
def test_what_is_not_that_simple_is_read_as_without_columns(content):
    assert read_json(content, NAMES) == read_json(content)


def test_a_number_beyond_all_that_nobody_reads_costs_no_row():
    content = body_of(row("A"), row("B")).replace(b"0.5", b"0.5e10000000000000000000")
    assert [one["symbol"] for one in in_columns(content)] == ["A", "B"]
    assert read_json(content) == (None, False)


def test_a_list_longer_than_any_venue_has_is_read_as_without_columns(monkeypatch):
    """Of 16 MB of `{},` columns and rows together would be twice what the rows are."""
    content = body_of(row("A"), row("B"), row("C"))
    monkeypatch.setattr("marketctl.http.columns.MOST_ROWS", 3)
    assert in_columns(content) is not None
    monkeypatch.setattr("marketctl.http.columns.MOST_ROWS", 2)
    assert in_columns(content) is None
    assert read_json(content, NAMES) == read_json(content)


@pytest.mark.parametrize("seed", range(200))
def test_a_damaged_text_is_read_as_the_decoder_reads_it(seed):
    dice = Random(seed)
    values = [
        "",
        "1",
        "0.10",
        "x",
        5,
        0,
        -1,
        0.25,
        1e-9,
        12345678901234567890,
        None,
        True,
        "a\\b",
        "\u2028",
        "é",
        [],
        {},
    ]
    found = [row(f"S{n}", dice.choice(values[:3]), 7) for n in range(6)]
    for _ in range(dice.randint(0, 4)):
        one = dice.choice(found)
        one[dice.choice([*one, "new"])] = dice.choice(values)
    separators, indent = dice.choice([((",", ":"), None), ((", ", ": "), None), ((",", ": "), 1)])
    content = bytearray(body_of(*found, separators=separators, indent=indent))
    for _ in range(dice.choice([0, 0, 1, 1, 2, 3])):
        place = dice.randrange(len(content))
        content[place : place + dice.randint(0, 2)] = dice.choice([b"", b'"', b",", b"{", b"}", b"[", b"]", b"\\", b"0",
                                                                  b"-", b"\x01", b":", b"null", b"e5"])  # fmt: skip
    plain, good = read_json(bytes(content))
    body, same = read_json(bytes(content), NAMES)
    assert same == good
    if body != plain or isinstance(body, Columns):
        assert _with_columns(body, plain)


def _with_columns(body: object, plain: object) -> bool:
    """Tell whether two values are the same but for rows in columns, whose numbers are texts."""
    if isinstance(body, Columns):
        wanted = [one if isinstance(one, dict) else {} for one in plain]
        return [[_text(one[name]) for name in NAMES] for one in body] == [
            [_text(one.get(name)) for name in NAMES] for one in wanted
        ]
    if isinstance(body, dict):
        return body.keys() == plain.keys() and all(_with_columns(one, plain[name]) for name, one in body.items())
    if isinstance(body, list):
        return len(body) == len(plain) and all(map(_with_columns, body, plain))
    return body == plain


def _text(value: object) -> object:
    """Return a number in one form, whether it came as number or as text."""
    try:
        return Decimal(value) if type(value) in (int, Decimal, str) else value
    except ArithmeticError:
        return value
