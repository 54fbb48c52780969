"""A short round of the crash torture: `make torture` does thousands of kills."""

from tests.reliability.torture import torture


def test_kills_at_any_moment_lose_and_mix_nothing():
    figures = torture("crash", "--kills", "60", "--seed", "5")
    assert figures["kills"] >= 60
    assert figures["file reads"] > 100
    assert figures["Redis reads"] > 100
    assert figures["sets back after a restart"] == figures["sets in Redis"] == 6
    assert figures["journal lines"] > 0
