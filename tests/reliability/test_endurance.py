"""A short stretch of the sixteen hours of `make torture`."""

from tests.reliability.torture import torture


def test_ten_second_runs_with_random_faults_stay_true():
    figures = torture("endurance", "--hours", "0.06", "--seed", "3")
    assert figures["runs"] >= 18
    assert figures["faults of providers"] > 15
    assert figures["good answers published"] > 35
    assert figures["bad answers reported"] > 3
    assert figures["drift at most, ms"] < 1000
    assert figures["history entries"] > 25
