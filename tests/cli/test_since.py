"""`--since` takes what is past: nothing was collected in the future."""

import pytest


@pytest.mark.parametrize(
    "words", [["prices", "history", "KUCOIN", "BTC/USDT"], ["wallet", "changes"], ["notify", "log"]]
)
def test_since_in_the_future_is_usage(ctl, words):
    code, out, told = ctl(*words, "--since", "2999-01-31T12:00Z")
    assert (code, out) == (2, "")
    assert "'2999-01-31T12:00Z' is in the future: it is 20" in told
    assert len(told.splitlines()) == 1
