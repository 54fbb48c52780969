"""A set in whole columns: what is read of it is what was put in, here and by another process."""

import random

import pytest

from marketctl.models import Pair, Quote
from marketctl.providers.batch import PairList, QuoteBatch
from marketctl.sentinel.sheet import Draft, Good, Sheet, Words


def quote(bid=None, ask=None, mid=None, status="trading", at_ms=5):
    return Quote("S", bid, ask, None, None, None, mid, None, None, status, at_ms)


QUOTES = {
    "A/USDT": quote("1.10", "1.20"),
    "B/USDT": quote("0.00000012", None, at_ms=None),
    "C/USDT": quote(None, "3", at_ms=7),
    "USD/RUB": quote(mid="78.0"),
    "EUR/RUB": quote("90", "91", "90.5"),
    "H/USDT": quote("4", "5", status="halted"),
}
GOODS = {
    "A/USDT": Good("1.10", "1.20", None, False, 5, 9),
    "B/USDT": Good("0.00000012", None, None, False, None, 9),
    "C/USDT": Good(None, "3", None, False, 7, 9),
    "USD/RUB": Good(None, None, "78.0", False, 5, 9),
    "EUR/RUB": Good("90", "91", None, False, 5, 9),
}


def goods(sheet):
    return {pair: sheet.good(sheet.names.place(pair), 9) for pair in sheet.names.pairs}


def test_a_set_is_read_by_another_process_as_it_was_and_without_what_is_halted():
    sheet = Draft.of(QUOTES)
    assert list(sheet.middles) == [1.15, 0.00000012, 3.0, 78.0, 90.5, 4.5]
    assert sheet.halted == {"H/USDT": 5}
    sent = sheet.without({"H/USDT"}).pack(None)
    read = Sheet.read(sent.to_bytes("run-1", 9), "run-1")
    assert read is not None
    assert goods(sent) == goods(read) == GOODS
    assert list(read.middles) == [1.15, 0.00000012, 3.0, 78.0, 90.5]
    assert read.names.place("H/USDT") is None


@pytest.mark.parametrize("quotes", [{}, {"A/USDT": QUOTES["A/USDT"]}])
def test_a_set_of_none_and_of_one(quotes):
    read = Sheet.read(Draft.of(quotes).pack(None).to_bytes("run-1", 9), "run-1")
    assert read is not None
    assert goods(read) == {pair: GOODS[pair] for pair in quotes}


@pytest.mark.parametrize(
    "change",
    [lambda raw: raw.replace(b"run-1", b"run-2"), lambda raw: raw.replace(b'"version": "3 ', b'"version": "2 ')],
)
def test_what_is_of_another_set_or_version_is_not_read(change):
    raw = Draft.of(QUOTES).pack(None).to_bytes("run-1", 9)
    assert Sheet.read(change(raw), "run-1") is None


@pytest.mark.parametrize(
    "change",
    [
        lambda raw: raw.replace(b"1.10 ", b"1.1x "),
        lambda raw: raw.replace(b"1.10 ", b"9.10 "),
        lambda raw: raw.replace(b"1.10 ", b"1.10"),
        lambda raw: raw.replace(b'["A/USDT", ', b"["),
        lambda raw: raw[:-8],
        lambda raw: raw[:-3],
        lambda raw: raw[:-1] + b"x",
        lambda raw: raw[:20],
        lambda _: b"",
        lambda _: b"a\nb\nc\nd\ne\nf",
        lambda _: b"[]\n",
        lambda _: b"[" * 100_000,
        lambda _: b"\xff\n",
    ],
)
def test_what_is_not_as_it_was_written_is_told(change):
    raw = Draft.of(QUOTES).pack(None).to_bytes("run-1", 9)
    assert Sheet.read(raw, "run-1") is not None
    with pytest.raises(ValueError, match=r"no head|another sum"):
        Sheet.read(change(raw), "run-1")


def test_names_serve_again_while_they_are_the_same():
    first = Draft.of(QUOTES).pack(None)
    assert Draft.of(dict(QUOTES)).pack(first).names is first.names
    fewer = {pair: QUOTES[pair] for pair in list(QUOTES)[1:]}
    assert Draft.of(fewer).pack(first).names.pairs == list(fewer)


def test_words_are_those_that_were_kept():
    for count in (0, 1, 63, 64, 65, 200):
        texts = [str(number) for number in range(count)]
        words = Words(texts)
        assert [words[place] for place in range(count)] == texts
        assert str(words) == " ".join(texts)


@pytest.mark.parametrize("seed", range(10))
def test_the_columns_of_rows_that_were_read_make_the_same_set_as_their_quotes(seed):
    dice = random.Random(seed)
    names = [f"P{number}" for number in range(30)]
    status = [dice.choice(["trading", "halted", None]) for _ in names]
    pairs = [Pair(name, name, "X", name, "X", told) for name, told in zip(names, status, strict=True)]
    batch = QuoteBatch(PairList(pairs))
    values = ["1.5", "1.6", "1.60", "0.000002", "3", "2e-7", "", "0", None, "-1", "x"]
    for _ in range(2):  # pages
        rows = [{"s": dice.choice([*names, "NEW"]), "b": dice.choice(values), "a": dice.choice(values)} for _ in names]
        batch.add_rows(rows, ("s", "b", "a", *[""] * 5), [dice.choice([None, 5, 7]) for _ in rows])
    assert len(batch.sides) == len(batch.quotes) > 3
    known, anew = Draft.of(batch.quotes, batch.sides), Draft.of(dict(batch.quotes))
    assert known.pack(None).to_bytes("run", 9) == anew.pack(None).to_bytes("run", 9)
    assert (known.halted, known.names.pairs) == (anew.halted, anew.names.pairs)
    without = list(batch.quotes)[::3]  # some of them halted
    left = {pair: quote for pair, quote in batch.quotes.items() if pair not in without}
    assert known.without(without).pack(None).to_bytes("run", 9) == Draft.of(left).pack(None).to_bytes("run", 9)
    batch.add("P0", "5", "6")
    batch.add("OTHER", "5", "6")
    batch.quotes = dict(list(batch.quotes.items())[1:])  # whoever takes some away has them looked at anew
    assert Draft.of(batch.quotes, batch.sides).names.pairs == list(batch.quotes)
    assert len(Draft.of(batch.quotes, batch.sides).middles) == len(batch.quotes)


def test_quotes_of_an_answer_are_changed_by_its_reader_alone():
    batch = QuoteBatch(PairList([Pair("A", "A", "X", "A", "X", "trading")]))
    batch.add("A", "1", "2")
    with pytest.raises(TypeError):
        batch.quotes["A/X"] = quote("5", "6")
