"""How old data are, how old they may be, and what is no time at all."""

import pytest

from marketctl.views.freshness import age_ms, is_stale, limit_ms, set_age_ms, standstill_ms

NOW = 1_800_000_000_000
DAY = 86_400_000


@pytest.mark.parametrize(
    ("collected", "at", "age"),
    [
        (NOW - 10_000, None, 10_000),
        (NOW - 10_000, NOW - 46 * DAY, 46 * DAY),  # the source's own time stands still
        (NOW - 3 * DAY, NOW - 1000, 3 * DAY),
        (NOW - 10_000, NOW + DAY, 10_000),  # a provider's clock ahead makes nothing newer than its arrival
        (NOW + 4_999, None, 0),  # clocks that disagree by that agree
        (NOW + 5_001, None, None),  # collected in the future: unknown
        (NOW + DAY, NOW - 1000, None),
        (None, NOW - 2000, 2000),
        (None, NOW + 6000, None),
        (None, None, None),
    ],
)
def test_age_counts_from_the_older_of_the_providers_time_and_ours(collected, at, age):
    assert age_ms(NOW, collected, at) == age


def test_rate_before_its_date_is_of_unknown_age():
    assert age_ms(NOW, NOW - 10_000, NOW + DAY, dated=True) is None  # a bank's, for tomorrow
    assert age_ms(NOW, NOW - 10_000, NOW + 59_000, dated=True) == 10_000


@pytest.mark.parametrize(
    ("interval_s", "kept_ms", "limit"),
    [
        (10, None, 60_000),
        (10, 9_000, 60_000),
        (10, 60_000, 150_000),  # cron each minute
        (900, None, 2_700_000),
        (10, 10 * 3_600_000, 3_600_000),  # an outage is no pace
        (3600, 3_600_000, 10_800_000),
        (0.5, None, 60_000),
    ],
)
def test_limit_follows_the_pace_kept(interval_s, kept_ms, limit):
    assert limit_ms(interval_s, kept_ms) == limit


def test_rates_may_rest_over_a_weekend_and_an_exchange_may_not():
    assert standstill_ms(3600, rates=True) > 3 * DAY
    assert standstill_ms(10, 60_000, rates=False) == 150_000


def test_unknown_is_too_old_wherever_there_is_a_limit():
    assert is_stale(None, 10)
    assert is_stale(11, 10)
    assert not is_stale(10, 10)
    assert not is_stale(None, None)


@pytest.mark.parametrize(
    ("ages", "age"),
    [([], None), ([5], 5), ([1, 9], 9), ([3, 900_000, 1], 3), ([1, None, None], None), ([1, 2, None], 2)],
)
def test_age_of_a_set_is_that_of_its_older_half(ages, age):
    assert set_age_ms(ages) == age
