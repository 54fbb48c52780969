"""A short stretch of the sixteen hours of `make torture`."""

from tests.reliability.torture import torture


def test_ten_second_runs_with_random_faults_stay_true():
    figures = torture("endurance", "--hours", "0.1", "--seed", "3")
    assert figures["runs"] >= 30
    assert figures["faults of providers"] > 25
    assert figures["good answers published"] > 60
    assert figures["bad answers reported"] > 5
    assert figures["drift at most, ms"] < 1000
    assert figures["history entries"] > 50
