"""Reading single values. Long: each reader with all that it takes and all that it refuses, written out.

Digits as sent, and a clear word for everything that is no such value.
"""

import json
from decimal import Decimal, getcontext

import pytest

from marketctl.errors import BadAnswer
from marketctl.http.messages import read_json
from marketctl.providers.fields import (
    NotANumber,
    code,
    count,
    decimal_text,
    flag,
    integer,
    is_zero,
    mapping,
    member,
    objects,
    rows,
    shift_point,
    step_precision,
    table,
    text,
)
from marketctl.text import kind_of, printable

LONG = "1234567890123456789012345678901234567890.123456789012345678901234567890123456789"


def from_json(literal: str) -> object:
    """Read a JSON number the way answers are read."""
    body, is_json = read_json(literal.encode())
    assert is_json
    return body


@pytest.mark.parametrize(
    ("sent", "digits"),
    [
        ("0.43", "0.43"),
        ("91230.40", "91230.40"),
        ("0", "0"),
        ("0.00", "0.00"),
        ("-0.00", "0.00"),
        (Decimal("-0E-8"), "0.00000000"),
        ("000.5", "0.5"),
        ("1.", "1"),
        (".5", "0.5"),
        ("+2.50", "2.50"),
        ("-3.10", "-3.10"),
        (LONG, LONG),
        ("1e-7", "0.0000001"),
        ("1.20E+3", "1200"),
        ("1.2345678901234567890123456789012345e-3", "0.0012345678901234567890123456789012345"),
        ("1.2345678901234567890123456789012345e34", "12345678901234567890123456789012345"),
        ("9e59", "9" + "0" * 59),
    ],
)
def test_decimal_text_keeps_the_digits_and_writes_exponents_out(sent, digits):
    assert decimal_text(sent) == digits


@pytest.mark.parametrize(
    ("literal", "digits"),
    [
        ("0.43", "0.43"),
        ("0.10", "0.10"),
        ("5", "5"),
        ("-5", "-5"),
        ("1e-7", "0.0000001"),
        ("1.2345678901234567890123456789012345E-3", "0.0012345678901234567890123456789012345"),
        (LONG, LONG),
        ("9" * 60, "9" * 60),
    ],
)
def test_json_number_keeps_its_digits(literal, digits):
    assert decimal_text(from_json(literal)) == digits


@pytest.mark.parametrize("absent", [None, ""])
def test_absent_number_is_none(absent):
    assert decimal_text(absent) is None


@pytest.mark.parametrize(
    "sent",
    [
        "NaN",
        "nan",
        "sNaN",
        "Infinity",
        "-inf",
        "1e400",
        "1e-400",
        "1e60",
        "1e999999999",
        "1e99999999999999999999",
        "9" * 61,
        "9" * 1_000_000,
        "0." + "1" * 61,
        "0." + "1" * 1_000_000,
        "1_000",
        "1 000",
        " 1",
        "1\n",
        "1,5",
        "0x10",
        "٣",
        "１",
        "1.2.3",
        "-",
        ".",
        "e5",
        "1e",
        "one",
        "\ud800",
    ],
    ids=lambda value: ascii(value)[:24],
)
def test_text_that_is_no_sane_number_is_refused(sent):
    with pytest.raises(NotANumber) as error:
        decimal_text(sent)
    assert len(str(error.value)) <= 60


@pytest.mark.parametrize("literal", ["1e400", "1e-400", "1e999999999", "9" * 61, "0." + "1" * 1_000_000])
def test_json_number_of_no_sane_size_is_refused(literal):
    with pytest.raises(NotANumber):
        decimal_text(from_json(literal))


@pytest.mark.parametrize("literal", ["9" * 1_000_000, "1e99999999999999999999", "NaN", "-Infinity", "1_0", "01"])
def test_json_number_that_nothing_can_hold_is_no_json(literal):
    assert read_json(b'{"bid": %b}' % literal.encode()) == (None, False)


@pytest.mark.parametrize(
    "other", [True, False, 1.5, [], ["1"], {}, {"a": 1}, b"1", Decimal("NaN"), Decimal("-Infinity")]
)
def test_what_is_no_number_at_all_is_refused(other):
    with pytest.raises(NotANumber):
        decimal_text(other)


def test_deeply_nested_value_is_refused_without_being_written_out():
    nested: object = "1"
    for _ in range(100_000):
        nested = [nested]
    with pytest.raises(NotANumber, match=r"^a list$"):
        decimal_text(nested)
    assert printable(nested) == "a list"


def test_numbers_never_touch_the_decimal_context():
    before = getcontext().copy()
    decimal_text(LONG)
    shift_point(LONG, 2)
    integer(Decimal("1e9999999"))
    assert getcontext().prec == before.prec
    assert getcontext().flags == before.flags


@pytest.mark.parametrize(
    ("number", "zero"), [("0", True), ("0.00", True), ("-0.0", True), ("0.01", False), ("10", False), ("-1", False)]
)
def test_is_zero_in_any_form(number, zero):
    assert is_zero(number) is zero


@pytest.mark.parametrize(
    ("number", "places", "shifted"),
    [
        ("0.022", 2, "2.2"),
        ("0", 2, "0"),
        ("1", 2, "100"),
        ("0.5", -2, "0.005"),
        ("-0.1", 1, "-1"),
        ("0.0123456789012345678901234567890123456789", 2, "1.23456789012345678901234567890123456789"),
    ],
)
def test_shift_point_loses_no_digit(number, places, shifted):
    assert shift_point(number, places) == shifted


@pytest.mark.parametrize(
    ("step", "decimals"),
    [
        ("1", 0),
        ("0.001", 3),
        ("0.0010", 3),
        ("10", 0),
        ("0", 0),
        ("1.000", 0),
        ("123456789012345678901234567890.01", 2),
    ],
)
def test_step_precision_counts_decimals(step, decimals):
    assert step_precision(step) == decimals


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("abc", "abc"),
        ("", None),
        (None, None),
        (True, None),
        (7, "7"),
        (Decimal("1E-7"), "0.0000001"),
        (Decimal("1E+400"), "1E+400"),
        ([], None),
        ({}, None),
    ],
)
def test_text_writes_numbers_out(value, expected):
    assert text(value) == expected


@pytest.mark.parametrize("value", ["BTC", "1INCH", "USDT-ERC20", "币安人生", "../../x", "a b", "A" * 64, 42])
def test_code_takes_what_can_be_printed(value):
    assert code(value) == str(value)


@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        " BTC",
        "BTC\n",
        "B\x00C",
        "B\x1b[31mC",
        "B\x7fC",
        "B\x9bC",
        "\ud800",
        "B\udcffC",
        "B\u202eC",
        "B\u2028C",
        "A" * 65,
        True,
        [],
        {},
    ],
    ids=ascii,
)
def test_code_refuses_control_characters_surrogates_and_what_is_no_text(value):
    assert code(value) is None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (5, 5),
        (-5, -5),
        ("5", 5),
        ("-5", -5),
        (Decimal("5.0"), 5),
        (Decimal("1E+3"), 1000),
        (Decimal("5.5"), None),
        (Decimal("1E+9999999"), None),
        (Decimal("-1E+9999999"), None),
        (Decimal("1E-9999999"), None),
        (Decimal("0E+9999999"), None),
        (Decimal("NaN"), None),
        (Decimal("Infinity"), None),
        (10**17, 10**17),
        (10**18, None),
        ("9" * 19, None),
        ("5.0", None),
        ("٣", None),
        ("1_0", None),
        ("", None),
        (None, None),
        (True, None),
        ([5], None),
    ],
    ids=repr,
)
def test_integer(value, expected):
    assert integer(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(0, 0), ("6", 6), (Decimal("8.0"), 8), (10**9, 10**9), (-1, None), ("-1", None), (10**9 + 1, None), ("x", None)],
)
def test_count_is_never_negative_nor_huge(value, expected):
    assert count(value) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (True, True),
        (False, False),
        (1, True),
        (0, False),
        ("1", True),
        ("0", False),
        ("true", True),
        ("False", False),
        (2, None),
        ("yes", None),
        ("", None),
        (None, None),
        (Decimal(1), None),
        ([], None),
        ({}, None),
    ],
    ids=repr,
)
def test_flag_anything_else_is_unknown(value, expected):
    assert flag(value) is expected


@pytest.mark.parametrize(
    ("value", "name"),
    [
        (None, "null"),
        (True, "a boolean"),
        (1, "a number"),
        (Decimal("1.5"), "a number"),
        ("x", "a text"),
        ([], "a list"),
        ({}, "an object"),
    ],
)
def test_kind_of_names_the_json_type(value, name):
    assert kind_of(value) == name


@pytest.mark.parametrize(
    ("read", "body", "message"),
    [
        (lambda body: member(body, "result", "list"), {}, "result is missing from the answer"),
        (lambda body: member(body, "result", "list"), {"result": {}}, "result.list is missing from the answer"),
        (
            lambda body: member(body, "result", "list"),
            {"result": None},
            "result is null, expected an object with 'list'",
        ),
        (lambda body: member(body, "data"), [], "the answer is a list, expected an object with 'data'"),
        (lambda body: rows(body, "data"), {"data": "x"}, "data is a text, expected a list"),
        (lambda body: rows(body, "data"), {"data": []}, "data is an empty list"),
        (lambda body: rows(body, "a", "b"), {"a": {"b": True}}, "a.b is a boolean, expected a list"),
        (lambda body: rows(body), {}, "the answer is an object, expected a list"),
        (lambda body: rows(body), [], "the answer is an empty list"),
        (lambda body: table(body), [], "the answer is a list, expected an object"),
        (lambda body: table(body), {}, "the answer is an empty object"),
        (lambda body: table(body, "rates"), {"rates": 5}, "rates is a number, expected an object"),
    ],
)
def test_bad_answer_names_the_path(read, body, message):
    with pytest.raises(BadAnswer) as error:
        read(body)
    assert error.value.message == message


def test_rows_an_element_that_is_no_object_reads_as_an_empty_one():
    assert rows({"data": [{"a": 1}, None, "x", [], 5]}, "data") == [{"a": 1}, {}, {}, {}, {}]
    assert objects("x") == []
    assert objects(None) == []
    assert mapping([1]) == {}
    assert mapping({"a": 1}) == {"a": 1}


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("plain", "plain"),
        ("two\nlines\tand  blanks", "two lines and blanks"),
        ("red \x1b[31malert\x1b[0m", "red [31malert [0m"),
        ("half \ud800", "half"),
        ("x" * 201, "x" * 199 + "…"),
        ("\x00" * 500, ""),
        (5, "5"),
        (["a"], "a list"),
        ({"a": 1}, "an object"),
        (ValueError("what\nhappened"), "what happened"),
    ],
    ids=lambda value: ascii(value)[:20],
)
def test_printable_is_one_line_without_control_characters(words, shown):
    assert printable(words) == shown


def test_a_field_told_twice_counts_as_the_last_one():
    # To refuse it would need a Python call per object: 20 to 60 % more time for each answer.
    assert read_json(b'{"bid": 1, "bid": 2}') == ({"bid": 2}, True)


@pytest.mark.parametrize(
    ("content", "body"),
    [
        (b'"\\ud800"', "\ud800"),
        (b"\xef\xbb\xbf[1]", [1]),
        ("[1]".encode("utf-16"), [1]),
        (json.dumps({"a": "币"}).encode(), {"a": "币"}),
    ],
)
def test_json_is_read_in_any_encoding_the_standard_knows(content, body):
    assert read_json(content) == (body, True)


@pytest.mark.parametrize(
    "content", [b"", b"{", b"\xff\xfe\xfd", b"[" * 100_000, b'{"a": }', b"[1] 2"], ids=lambda one: repr(one[:8])
)
def test_what_is_no_json(content):
    assert read_json(content) == (None, False)
