"""What is held, marked and released, as somebody else may have left it."""

import json
from decimal import Decimal

import pytest

from marketctl.redis.connection import RedisConnection
from marketctl.sentinel.held import read_aside
from marketctl.sentinel.judge import Span
from tests.desk import make_desk

NOW = 1_800_000_000_000
GOOD = {"verdict": "jump", "why": "far off", "bid": "1", "cycles": 2, "since": NOW}
FOREIGN = [{"verdict": 5}, GOOD | {"cycles": "2"}, GOOD | {"bid": "x"}, GOOD | {"last_good": {"ask": 5}}, 5]
RELEASED = {"A/B": {"bid": "1", "ask": "2"}, "C/D": {"bid": 5}, "E/F": {"mid": "x"}, "G/H": 5}
PASSES = {"A/B": Span(Decimal(1), Decimal(2))}


def test_records_in_redis_that_are_none_are_left_out_and_told(tmp_path, caplog):
    desk = make_desk(tmp_path, NOW, "none")
    entry = desk.provider("KUCOIN")

    def flat(records):
        return [one.encode() for pair, record in records.items() for one in (pair, json.dumps(record))]

    held = flat({f"{number}/B": one for number, one in enumerate(FOREIGN)} | {"A/B": GOOD})
    with RedisConnection("redis://127.0.0.1:1", tmp_path, "p") as store:
        assert read_aside(desk, store, entry, [held, [b"X/Y", b"{"], flat(RELEASED)]) == ({"A/B": GOOD}, {}, PASSES)
    assert [one.getMessage() for one in caplog.records] == [
        f"Redis at redis://127.0.0.1:1: key p:{{KUCOIN}}:{key}: {pair} is not as marketctl writes it: what the sentinel"
        " said of it is not known"
        for key, pair in (("held", "0/B"), ("marked", "X/Y"))
    ]


@pytest.mark.parametrize("released", [json.dumps(RELEASED), "[" * 100_000, "5"])
def test_a_mirror_that_cannot_be_read_is_told_and_stops_no_collection(tmp_path, caplog, released):
    desk = make_desk(tmp_path, NOW, "none")
    entry, mirror = desk.provider("KUCOIN"), desk.settings.data_dir / "prices" / "KUCOIN.json"
    (desk.settings.data_dir / "state" / "KUCOIN.release.json").write_text(released)
    passes = PASSES if released[0] == "{" else {}
    assert read_aside(desk, None, entry, ()) == ({}, {}, passes)
    document = json.loads(mirror.read_text())
    for text in ("{", json.dumps(document | {"held": {"A/B": FOREIGN[0]}})):
        mirror.write_text(text)
        caplog.clear()
        assert read_aside(desk, None, entry, ()) == ({}, {}, passes)
        (told,) = [one.getMessage() for one in caplog.records]
        assert told.startswith(f"{mirror} is no")
        assert told.endswith(": what the sentinel held is not known any more")
    mirror.unlink()
    caplog.clear()
    assert read_aside(desk, None, entry, ()) == ({}, {}, passes)
    assert caplog.records == []
