"""Which pairs a person means."""

import pytest

from marketctl.errors import StorageFailed
from marketctl.times import from_iso
from marketctl.views.choose import choose_pair, choose_pairs
from marketctl.views.quotes import Live


def test_choose_pair_suggests_the_close_and_the_swapped():
    known = ["BTC/USDT", "ETH/USDT"]
    assert choose_pair("btc/usdt", known, "A quotes no") == "BTC/USDT"
    with pytest.raises(StorageFailed, match=r"^A quotes no BTCUSDT\. Did you mean BTC/USDT\?$"):
        choose_pair("BTCUSDT", known, "A quotes no")
    with pytest.raises(StorageFailed, match=r"^A quotes no USDT/ETH\. Did you mean ETH/USDT\?$"):
        choose_pair("usdt/eth", known, "A quotes no")


def test_choose_pairs_tells_never_expired_and_failing_apart():
    never = Live("A", "redis", "never")
    failing = Live("B", "redis", "never", failing=True, last_error="timeout: no answer")
    expired = Live("C", "redis", "expired", collected_ms=from_iso("2026-01-01T00:00:00Z"))
    expired.failing, expired.last_ok_at, expired.last_error = True, "2026-01-01T00:00:01.000Z", "network: gone"
    broken = Live("D", "redis", "failed", last_error="Redis holds rubbish")
    with pytest.raises(StorageFailed) as found:
        choose_pairs([], [never, failing, expired, broken])
    assert found.value.message == (
        "A: never published a quote; "
        "B: never published a quote; failing (timeout: no answer); "
        "C: its quotes expired, the last were of 2026-01-01T00:00:00.000Z; "
        "failing since 2026-01-01T00:00:01.000Z (network: gone); "
        "D: cannot be read: Redis holds rubbish"
    )
    assert found.value.hint is None  # one that cannot be read says itself what to do
    with pytest.raises(StorageFailed, match=r"^A: never published a quote$") as found:
        choose_pairs([], [never])
    assert found.value.hint == "marketctl prices collect -p A"
    with pytest.raises(StorageFailed, match=r"^no quote was ever published$"):
        choose_pairs([], [never, never])
