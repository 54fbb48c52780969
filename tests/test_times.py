"""Times: milliseconds inside, ISO-8601 outside."""

import pytest

from marketctl.times import from_iso, now_ms, span_s, to_iso


@pytest.mark.parametrize(
    ("ms", "iso"),
    [
        (0, "1970-01-01T00:00:00.000Z"),
        (1767225600533, "2026-01-01T00:00:00.533Z"),
        (1767225600001, "2026-01-01T00:00:00.001Z"),
        (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
    ],
)
def test_times_are_written_and_read_with_milliseconds(ms, iso):
    assert to_iso(ms) == iso
    assert from_iso(iso) == ms


@pytest.mark.parametrize("ms", [None, -1, 253_402_300_800_000, 10**18, 10**21, -(10**21)])
def test_what_is_no_time_is_written_as_unknown(ms):
    assert to_iso(ms) is None


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("2026-01-01T00:00:00", 1767225600000),
        ("2026-01-01", 1767225600000),
        ("2026-01-01T03:00:00+03:00", 1767225600000),
        ("2026-01-01T00:00:00.5Z", 1767225600500),
    ],
)
def test_time_without_a_zone_is_utc(text, ms):
    assert from_iso(text) == ms


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01", "1767225600"])
def test_what_is_no_iso_time_is_refused(text):
    with pytest.raises(ValueError, match=r".+"):
        from_iso(text)


def test_now_is_in_milliseconds(monkeypatch):
    monkeypatch.setattr("time.time_ns", lambda: 1767225600533_999_999)
    assert now_ms() == 1767225600533


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("15min", 900), ("15m", 900), ("24h", 86400), (" 7 D ", 604800), ("2w", 1209600), ("0s", 0),
     ("1y", None), ("h", None), ("-1h", None), ("1.5h", None), ("1234567890s", None), ("", None), ("٣h", None)],
)  # fmt: skip
def test_a_span_is_a_count_and_a_unit(text, seconds):
    assert span_s(text) == seconds
