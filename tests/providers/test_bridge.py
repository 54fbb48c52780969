"""The bridge to ccxt: no figure and no flag that is not in the answer.

Each sample in tests/providers/bridge/ holds composed answers of one venue. Every number and flag in them is changed and
taken away: what comes out follows it, or is null. Skipped where ccxt is not installed.
"""

import re
from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from importlib.util import find_spec
from typing import Any

import pytest

from marketctl.errors import BadAnswer
from marketctl.providers.bridge.proof import Row
from marketctl.providers.bridge.venue import cards
from tests.providers.venue_samples import JOBS, VENUES, Digits, Path_, adapter_of, bodies_of, changed, outcome

# Looked for, not imported: all of its exchanges would be loaded by whoever collects the tests.
pytestmark = pytest.mark.skipif(not find_spec("ccxt"), reason="the extra ccxt is not installed: pip install ccxt")

NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?").fullmatch
# What venues call an open door or pair, and a closed one.
WORDS = {"true": "false", "OK": "MAINTENANCE", "normal": "suspended", "allowed": "prohibited", "TRADING": "BREAK"}


@cache
def asked_by(venue: str, job: str) -> frozenset[str]:
    """Return the endpoints a job asks."""
    client: Any = adapter_of(venue).client
    client.asked.clear()
    outcome(venue, bodies_of(venue), (job,))
    return frozenset(client.asked)


def leaves(value: Any, where: Path_ = ()) -> Iterator[tuple[Path_, Any]]:
    if isinstance(value, dict | list):
        for key, one in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(one, (*where, key))
    else:
        yield where, value


def other(value: Any) -> Any:
    """Return another value of the same kind, near enough to be believed."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, str) and (value in WORDS or value in WORDS.values()):
        return WORDS.get(value) or next(open_ for open_, closed in WORDS.items() if closed == value)
    if isinstance(value, str) and NUMBER(value):
        more = f"{Decimal(value) + 1000}" if len(value) > 9 and "." not in value and "E" not in value else None
        more = more or (f"{value}7" if "." in value and "E" not in value else f"{Decimal(value) + 1:f}")
        return Digits(more) if isinstance(value, Digits) else more
    return None if value is None else f"{value}X"


def follows(place: tuple[str, ...], after: Any, leaf: Any) -> bool:
    """Tell whether what came out is what was sent, in its own unit."""
    if after is None or isinstance(after, bool) or place == ("quote", "status"):
        return True  # flags have a test of their own
    if place == ("network", "contract"):
        return bool(after == leaf)
    if place == ("network", "precision") and "." in str(leaf):
        return bool(after == len(str(leaf).partition(".")[2].rstrip("0")))  # a step
    try:
        told, sent = Decimal(after), Decimal(str(leaf))
    except ArithmeticError:
        return False
    factor = {("network", "withdraw_fee_percent"): (100,), ("quote", "at_ms"): (1, 1000)}.get(place, (1,))
    return any(told == sent * one for one in factor)


@pytest.mark.parametrize("venue", VENUES)
def test_every_figure_and_flag_follows_the_answer_or_is_null(venue):
    bodies = bodies_of(venue)
    before = outcome(venue, bodies)
    told = {place for place, value in before.items() if value is not None}
    # A coin's own flags follow from its networks'.
    told -= {("coin", way) for way in ("deposit", "withdraw") if ("network", way) in told}
    assert told, "the sample brings nothing"
    moved: set[tuple[str, ...]] = set()
    for where, leaf in leaves(bodies):
        new = other(leaf)
        jobs = tuple(job for job in JOBS if where[0] in asked_by(venue, job))
        after = outcome(venue, changed(bodies, where, new), jobs)
        gone = outcome(venue, changed(bodies, where, ...), jobs)
        for place in told:
            if ("prices" if place[0] == "quote" else "wallet") not in jobs:
                continue
            value = after.get(place)
            if value != before[place]:
                moved.add(place)
                assert follows(place, value, new), (where, place, before[place], value)
            without = gone.get(place)
            # What a leaf was needed for is null without it, never another value.
            assert without in (before[place], None) or follows_another(place, without, bodies), (where, place, without)
            if isinstance(before[place], bool) and value is (not before[place]):
                assert without is None, (where, place, "a flag that is not told")
    assert moved == told, f"not from the answer: {sorted(told - moved)}"


@pytest.mark.parametrize("venue", VENUES)
def test_a_number_without_end_is_null_and_costs_no_time(venue):
    """ccxt would write out all of its noughts, for minutes or for good: the test is that it ends."""
    bodies, seen = bodies_of(venue), set()
    for where, leaf in leaves(bodies):
        if not isinstance(leaf, str) or not NUMBER(leaf) or (where[0], where[-1]) in seen:
            continue
        seen.add((where[0], where[-1]))
        for new in ("1e9999999", "-1E-9999999", "99999999"):
            after = outcome(venue, changed(bodies, where, Digits(new) if isinstance(leaf, Digits) else new))
            assert all(len(str(value)) < 100 for value in after.values()), (where, after)
    assert seen


def renamed(value: Any) -> Any:
    """Return a row of another coin."""
    if isinstance(value, dict | list):
        pairs = value.items() if isinstance(value, dict) else enumerate(value)
        found = {renamed(key): renamed(one) for key, one in pairs}
        return found if isinstance(value, dict) else [*found.values()]
    if isinstance(value, Digits) or not isinstance(value, str):
        return value
    return value.replace("QRS", "ZZZ").replace("qrs", "zzz").replace("Qrs", "Zzz")


def lists_of(venue: str) -> Iterator[tuple[Path_, Any]]:
    """Yield the lists that prices are made of: where they stand, and their rows."""
    bodies = bodies_of(venue)
    for where in {where[: where.index(0)] for where, _ in leaves(bodies) if 0 in where[:4]}:
        rows: Any = bodies
        for key in where:
            rows = rows[key]
        if where[0] in asked_by(venue, "prices"):
            yield where, rows


@pytest.mark.parametrize("venue", VENUES)
def test_a_row_that_ccxt_cannot_read_costs_no_other_pair(venue):
    bodies, broken = bodies_of(venue), 0
    bid = outcome(venue, bodies, ("prices",)).get(("quote", "bid"))
    for where, rows in lists_of(venue):
        odd = [changed(renamed(rows[0]), leaf, new) for leaf, _ in leaves(rows[0]) for new in ("x", None, [])]
        for row in [*odd, "x", None, [], {}, 5]:
            found = outcome(venue, changed(bodies, where, [row, *rows, row]), ("prices",))
            assert found.get(("quote", "bid")) == bid, (where, row)
            broken += 1
    assert broken or not bid or venue == "kraken"  # its rows are no list


@pytest.mark.parametrize(
    ("venue", "where", "row"),
    [
        ("binance", ("GET /api/v3/ticker/24hr",), {"symbol": "ZZZUSDT", "lastPrice": "x", "priceChange": "1"}),
        ("gate", ("GET /api/v4/spot/currency_pairs",), {"id": "ZZZ"}),
        ("htx", ("GET /v1/common/symbols", "data"), None),
        ("kucoin", ("GET /api/v2/symbols", "data"), {"symbol": "ZZZ"}),
        ("kucoin", ("GET /api/v1/market/allTickers", "data", "ticker"), None),
        ("kucoin", ("GET /api/v1/market/allTickers", "data", "ticker"), {"symbol": "ZZZ-USDT", "changeRate": "x"}),
    ],
)
def test_odd_rows_are_counted_and_nothing_is_asked_for_them(venue, where, row):
    rows: Any = dict(lists_of(venue))[where]
    adapter: Any = adapter_of(venue)
    adapter.client.bodies = changed(bodies_of(venue), where, [row, *rows, row])
    adapter.client.asked.clear()
    batch = adapter.prices()
    # What is not in the list of pairs costs its quote, where that has one.
    odd = 2 if "icker" in where[0] else 0
    assert (len(batch.quotes), batch.rows, dict(batch.skipped)) == (1, 1 + odd, {"unknown-symbol": odd} if odd else {})
    assert len(adapter.client.asked) == len(set(adapter.client.asked))


@pytest.mark.parametrize("venue", ["binance", "gate", "htx", "kucoin"])
@pytest.mark.parametrize("shape", ["x", None, [], {}, 5, ["x"], [None, None], {"data": "x"}, {"data": {"ticker": 5}}])
def test_an_answer_of_another_shape_is_a_failure(venue, shape):
    for path in {where[0] for where, _ in lists_of(venue)}:
        adapter: Any = adapter_of(venue)
        adapter.client.bodies = bodies_of(venue) | {path: shape}
        with pytest.raises(BadAnswer):
            adapter.prices().refuse_if_empty()


def follows_another(place: tuple[str, ...], value: Any, bodies: dict[str, Any]) -> bool:
    """Tell whether a value stands elsewhere in the answer: a second key that tells the same, such as `confirms`."""
    return not isinstance(value, bool) and any(follows(place, value, leaf) for _where, leaf in leaves(bodies))


def test_twenty_venues_and_what_each_tells():
    assert len(VENUES) >= 20
    quotes = [venue for venue in VENUES if outcome(venue, bodies_of(venue)).get(("quote", "bid"))]
    networks = [venue for venue in VENUES if ("network", "deposit") in outcome(venue, bodies_of(venue))]
    assert quotes == [
        "binance", "bingx", "bitfinex", "bitget", "bitstamp", "bitvavo", "btcturk", "bybit", "cryptocom", "gate",
        "htx", "indodax", "kraken", "kucoin", "mexc", "okx", "poloniex", "xt",
    ]  # fmt: skip
    assert networks == [
        "binance", "bingx", "bitfinex", "bitget", "bitvavo", "bybit", "gate", "htx", "kucoin", "lbank", "mexc", "okx",
        "poloniex", "whitebit", "xt",
    ]  # fmt: skip


@pytest.mark.parametrize("venue", VENUES)
def test_the_card_says_what_the_answers_tell(venue):
    found = {place for place, value in outcome(venue, bodies_of(venue)).items() if value is not None}
    card = cards()[venue]
    if ("quote", "bid") in found:
        said = {"sizes": ("quote", "bid_size"), "time": ("quote", "at_ms")}
        assert card.tells == [word for word, place in said.items() if place in found]
        assert bool(card.status) == (("quote", "status") in found)
    place = "network" if any(place == "network" for place, _field in found) else "coin"
    for field in ("deposit", "withdraw"):
        assert bool(getattr(card, field)) == ((place, field) in found), field
    for field in ("contract", "confirmations") if place == "network" else ():
        assert bool(getattr(card, field)) == ((place, field) in found), field


@pytest.mark.parametrize(
    ("raw", "value", "expected"),
    [
        ({"bid": "1.50"}, "1.50", "1.50"),
        ({"bid": "1.50"}, "1.5", "1.50"),  # the digits as sent
        ({"bid": "1.4E-7"}, "0.00000014", "1.4E-7"),  # written out by the batch
        ({"bid": ["1", "2"]}, "2", "2"),
        ({"bid": "1.5"}, "1.6", None),  # computed
        ({"bid": "1.5"}, 1.5, None),  # a float
        ({"bid": True}, "1", None),
        ({}, "0", None),
    ],
)
def test_a_figure_is_the_one_that_stands_in_the_row(raw, value, expected):
    assert Row(raw).figure(value) == expected


@pytest.mark.parametrize(
    ("sent", "told"),
    [
        (1795600000123, True),
        ("1795600000123", True),
        ("1795600000123456", True),
        ("1795600000123456789", True),
        ("1795600000.123", True),
        ("2026-11-25T09:46:40.123Z", True),
        ("1795600000", False),  # seconds, and the milliseconds are made up
        ("12", False),
        (None, False),
    ],
)
def test_a_time_is_one_that_the_row_tells(sent, told):
    assert Row({"t": sent}).time(1795600000123) == (1795600000123 if told else None)
