"""What readers get: its age, a Redis that sleeps, is gone, full or not to be trusted."""

import re
import shutil
import time

from marketctl.errors import ConfigError
from marketctl.models import Quote
from marketctl.monitoring.nagios import nagios_exit
from marketctl.redis.connection import connect, connect_running
from marketctl.redis.publish import publish_l1
from marketctl.times import now_ms, to_iso
from tests.check.looking import collect, edit, state, told


def test_age_is_read_from_a_running_embedded_redis(check, folder):
    with connect("embedded", folder / "data") as store:
        collect(folder, "BYBIT")
        status, _, message, _ = told(check("BYBIT", max_age_s=60), "published")
        assert (status, message) == ("pass", f"65 quotes published 0 s ago; embedded Redis in {folder}/data/redis")
        meta = store.key("BYBIT", "l1:meta")
        store.call("HSET", meta, "collected_ms", str(now_ms() - 100_000))
        health = check("BYBIT", max_age_s=60)
        assert told(health, "published") == (
            "fail",
            "suspect",
            f"65 quotes published 100 s ago; embedded Redis in {folder}/data/redis; at most 60 s are allowed",
            "marketctl prices collect -p BYBIT",
        )
        assert 100_000 <= health.published_age_ms < 110_000
        # The collector worked a moment ago, but the source tells nothing newer: an exchange never rests.
        assert told(check("BYBIT"), "published")[::2] == (
            "warn",
            f"65 quotes published 100 s ago; embedded Redis in {folder}/data/redis; its own time stands still",
        )
        state(folder, "BYBIT", prices={"last_success": to_iso(now_ms() - 61_000)})
        status, _, message, _ = told(check("BYBIT"), "published")
        assert (status, message.partition("; expected")[2]) == ("warn", " within 60 s")
        store.call("HSET", meta, "collected_ms", str(now_ms() + 100_000))
        assert told(check("BYBIT", max_age_s=60), "published")[:2] == ("fail", "clock-skew")
        store.call("FLUSHALL")  # `status` calls that expired
        status, _, message, hint = told(check("BYBIT"), "published")
        lost = "nothing that was published is there any more: flushed or lost; the last was of 20"
        assert (status, message[: len(lost)], hint) == ("fail", lost, "marketctl prices collect -p BYBIT")
        assert told(check("BYBIT", max_age_s=60), "published")[0] == "fail"


def test_rates_of_46_days_ago_are_as_old_for_check_as_for_a_reader(check, folder, sandbox):
    """Published a second ago, under the source's own time: `--max-age` judges by that, without it it is a warning."""
    quote = Quote("EURUSD", "1.08", "1.09", None, None, None, "1.085", None, None, None, now_ms() - 46 * 86_400_000)
    with connect("embedded", folder / "data") as store:
        publish_l1(store, "OPENEXCHANGERATES", {"EUR/USD": quote}, run_id="r", collected_ms=now_ms(), interval_s=3600,
                   skipped=0)  # fmt: skip
        state(folder, "OPENEXCHANGERATES", prices={"last_success": to_iso(now_ms())})
        health = check("OPENEXCHANGERATES", max_age_s=7200)
        assert told(health, "published")[:2] == ("fail", "suspect")
        assert "by the source's own time 39744" in told(health, "published")[2]
        assert health.published_age_ms >= 46 * 86_400_000
        assert nagios_exit([health]) == 2
        status, _, message, _ = told(check("OPENEXCHANGERATES"), "published")
        assert (status, message.endswith("its own time stands still")) == ("warn", True)
        weekend = quote._replace(at_ms=now_ms() - 3 * 86_400_000)
        publish_l1(store, "OPENEXCHANGERATES", {"EUR/USD": weekend}, run_id="s", collected_ms=now_ms() + 1,
                   interval_s=3600, skipped=0)  # fmt: skip
        assert told(check("OPENEXCHANGERATES"), "published")[0] == "pass"


def test_evicting_redis_and_a_failing_collector_are_warnings(check, folder):
    with connect("embedded", folder / "data") as store:
        collect(folder, "BYBIT")
        store.call("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
        store.call("HSET", store.key("BYBIT", "l1:meta"), "status", "failing", "last_error", "network: no route")
        status, reason, message, hint = told(check("BYBIT"), "published")
    assert (status, reason, hint) == ("warn", "suspect", None)
    assert re.sub(r"published \d s", "published 0 s", message) == (
        "the last collection failed: network: no route; Redis may evict quotes (allkeys-lru); "
        f"65 quotes published 0 s ago; embedded Redis in {folder}/data/redis"
    )


def test_asleep_or_absent_redis_is_told_from_the_state_file(check, folder):
    state(folder, "BYBIT", prices={"last_success": to_iso(now_ms() - 20_000)})
    assert told(check("BYBIT"), "published")[::2] == ("pass", "collected 20 s ago; embedded Redis is asleep")
    assert told(check("BYBIT", max_age_s=10), "published")[0] == "fail"
    edit(folder, 'redis_url = "embedded"', 'redis_url = "none"')
    assert told(check("BYBIT"), "published")[::2] == ("pass", 'collected 20 s ago; redis_url is "none"')


def test_a_state_file_that_holds_no_state_is_a_warning_and_does_not_say_never(check, folder):
    state(folder, "BYBIT")
    path = folder / "data/state/BYBIT.json"
    path.write_text("{")
    words = f"{path}: it is not JSON, so how its jobs ended is not known"
    found = [one for one in check("BYBIT").checks if one.check == "published"]
    assert [(one.status, one.message, one.hint) for one in found] == [
        (
            "warn",
            f"whether it ever published is not known; embedded Redis is asleep; {words}",
            "marketctl prices collect -p BYBIT",
        )
    ]
    collect(folder, "BYBIT")
    path.write_text("{")
    status, _, message, hint = told(check("BYBIT"), "published")
    assert (status, hint) == ("warn", "marketctl run --once -p BYBIT")
    assert words in message


def test_it_is_asleep_only_where_it_can_wake(check, folder, monkeypatch):
    """No program to start: that is a failure, in the words of a run."""

    def nothing():
        raise ConfigError("no redis-server or valkey-server found for the embedded Redis", hint="install one")

    monkeypatch.setattr("marketctl.redis.program.find_server", nothing)
    state(folder, "BYBIT", prices={"last_success": to_iso(now_ms() - 20_000)})
    assert told(check("BYBIT"), "published") == (
        "fail",
        "config",
        "no redis-server or valkey-server found for the embedded Redis",
        "install one",
    )
    edit(folder, 'redis_url = "embedded"', 'redis_url = "none"')
    assert told(check("BYBIT"), "published")[0] == "pass"


def test_embedded_redis_that_cannot_save_itself_is_a_warning(check, folder):
    with connect("embedded", folder / "data") as store:
        collect(folder, "BYBIT")
        dump = folder / "data" / "redis" / "dump.rdb"
        (dump / "in the way").mkdir(parents=True)  # stands for a disk that takes nothing
        store.call("BGSAVE")
        while b"rdb_bgsave_in_progress:1" in store.call("INFO", "persistence"):
            time.sleep(0.01)
        status, reason, message, _ = told(check("BYBIT"), "published")
        shutil.rmtree(dump)
    assert (status, reason) == ("warn", "storage")
    assert message.startswith("the embedded Redis cannot save itself: a restart would lose history")


def test_unreachable_redis_is_a_failure(check, folder):
    edit(folder, 'redis_url = "embedded"', 'redis_url = "redis://:hidden@127.0.0.1:1/0"')
    status, reason, message, _ = told(check("BYBIT"), "published")
    assert (status, reason) == ("fail", "redis")
    assert message.startswith("cannot reach Redis at redis://127.0.0.1:1/0")


def test_running_server_is_borrowed_over_a_long_path_and_left_running(tmp_path):
    data = tmp_path / ("long" * 20)
    with connect_running("embedded", data) as asleep:
        assert asleep is None
    assert not data.exists()
    with connect("embedded", data) as store:
        store.call("SET", "one", "1")
        with connect_running("embedded", data) as borrowed:
            assert borrowed.call("GET", "one") == b"1"
        assert store.call("GET", "one") == b"1"
