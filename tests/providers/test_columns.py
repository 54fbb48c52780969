"""Rows in whole columns: what their values are, and what their symbols tell."""

from marketctl.providers.batch import PairList, QuoteBatch
from marketctl.providers.columns import MOST_NAMED, plain_texts
from tests.providers.batches import FIELDS, PERP, UNSPLIT, coins, pair, row


def test_rows_of_symbols_that_were_read_before_come_out_the_same():
    """What their names told is remembered with the list: by all of them in their order, and by what is wanted."""
    pairs = PairList((*coins("A", "B", "C"), pair("HUSDT", "H", "USDT", status="halted"), PERP, UNSPLIT))
    usual = ["AUSDT", "BUSDT", "HUSDT", "BTC_PERP", "OLDCOIN", "GHOST"]
    some = frozenset({"B/USDT"})
    asked = [
        (usual, frozenset(), ["A/USDT", "B/USDT", "H/USDT"]),
        (usual, some, ["B/USDT"]),
        (usual[::-1], frozenset(), ["H/USDT", "B/USDT", "A/USDT"]),
        (["AUSDT", "BUSDT", "AUSDT"], frozenset(), ["A/USDT", "B/USDT"]),
        (["AUSDT", ["AUSDT"], 7, None, ""], frozenset(), ["A/USDT"]),
        (["CUSDT", "BUSDT"], some, ["B/USDT"]),
    ]
    for turn in range(3):
        for symbols, wanted, expected in asked:
            rows = [row(symbol, f"{turn}.{place + 1}", "9") for place, symbol in enumerate(symbols)]
            found, fresh = QuoteBatch(pairs, wanted), QuoteBatch(PairList(pairs.by_symbol.values()), wanted)
            for batch in (found, fresh):
                batch.add_rows(rows, FIELDS, 5)
            assert list(found.quotes) == expected
            assert (found.quotes, found.skips, found.rows) == (fresh.quotes, fresh.skips, fresh.rows)
            assert found.quotes[expected[0]].bid == f"{turn}.{symbols.index(expected[0].replace('/', '')) + 1}"
            assert vars(found.sides) == vars(fresh.sides)
    assert found.pairs.by_symbol["HUSDT"].status == "halted"


def test_names_that_are_remembered_with_a_list_are_bounded():
    pairs = PairList(coins("A", "B"))
    pairs.by_symbol.named.update(dict.fromkeys(range(MOST_NAMED + 1)))  # threads that came at one moment
    for place in range(200):
        QuoteBatch(pairs).add_rows([row("AUSDT", "1", "2"), row(f"GHOST{place}", "1", "2")], FIELDS)
    assert len(pairs.by_symbol.named) <= MOST_NAMED


def test_exponents_in_a_column_are_written_out_with_the_digits_that_were_sent():
    told = ["1.755157E-6", "4.2139e10", "1.50E-3", "0.0e2", "7", ""]
    assert plain_texts(told) == (["0.000001755157", "42139000000", "0.00150", "0", "7", ""], set())
    assert plain_texts(["1E60", "1_0E5", "5", "2E1\n3"]) == (["", "", "5", ""], {0, 1, 3})
