"""Waits that a provider names: kept to their own moment, for its address, by every job, entry and run that comes."""

import json
import os
import time
from email.utils import formatdate
from pathlib import Path

import pytest

from marketctl.config.credentials import load_credentials
from marketctl.errors import StorageFailed
from marketctl.http.ratelimit import AHEAD_MS, Hold, Pace, address_of, read_hold
from marketctl.jobs.desk import Desk
from marketctl.jobs.run import Options, Run
from marketctl.jobs.runner import run_job
from marketctl.providers.loader import load_registry
from marketctl.times import from_iso, now_ms
from tests.wire import Wire, reply

ROOT = Path(__file__).parents[2]
JOBS = ("prices", "wallet", "stats")
KEYS = '[{name}]\napi_key = "k-0123456789"\napi_secret = "s-0123456789"\npassphrase = "p-0123456789"\n'


@pytest.fixture
def desk(tmp_path):
    """Run jobs of a provider whose address is a server of ours; each call is a run of its own."""
    wires = []

    def start(*answers):
        wires.append(Wire(*answers))
        return wires[-1]

    def run(wire, name, job="prices", entry_name=None, **changed):
        registry = load_registry(ROOT / "providers.toml", environ={}, data_dir=str(tmp_path / "data"), redis_url="none")
        entry_name = entry_name or name
        entry = registry.providers[name]._replace(name=entry_name, base_url=wire.url, deadline_s=60, **changed)
        keys = tmp_path / "credentials.toml"
        keys.write_text("".join(KEYS.format(name=one) for one in {name, entry_name}))
        keys.chmod(0o600)
        started = time.monotonic()
        with Desk(registry, load_credentials(keys, {})) as one:
            result = run_job(Run(one, Options(force=True)), entry, job)
        assert time.monotonic() - started < 5  # nobody sleeps for it
        return result

    run.start = start
    yield run
    for wire in wires:
        wire.stop()


def until_of(result) -> int:
    assert result.hint.startswith("not before ")
    return from_iso(result.hint.removeprefix("not before ")[:24])


def test_a_banned_address_is_asked_once_and_all_later_runs_say_the_same_moment(desk):
    wire = desk.start(reply(418, b'{"code": 418, "msg": "ip banned"}', retry_after="3600"))
    before = now_ms()
    results = [desk(wire, "MEXC", job) for job in ("prices", *JOBS, "prices")]
    assert len(wire.asked) == 1
    assert {(one.status, one.reason) for one in results} == {("failed", "blocked")}
    assert len({until_of(one) for one in results}) == 1
    assert 3_600_000 <= until_of(results[0]) - before < 3_610_000
    first, *later = (one.message for one in results)
    assert (
        first == "GET 127.0.0.1/api/v3/ticker/24hr: HTTP 418: this address is banned for a while: ip banned (code 418)"
    )
    assert all(one.startswith(f"{first} (told at 2") and one.endswith("; not asked again)") for one in later)


NAMED = {
    "retry-after": ("KUCOIN", reply(429, b"{}", retry_after="600"), 600, "rate-limited"),
    "a date": ("HTX", lambda: reply(429, b"", retry_after=formatdate(time.time() + 900, usegmt=True)), 900, None),
    "reset header": ("KUCOIN", reply(429, b'{"code": "429000", "msg": "Too Many Requests"}',
                                     gw_ratelimit_reset="20000"), 20, None),
    "a code's block": ("KUCOIN", reply(200, b'{"code": "200002", "msg": "limit"}'), 10, None),
    "the CDN's block": ("KUCOIN", reply(403, b"<html>error 1015</html>", content_type="text/html"), 30, None),
    "words": ("BYBIT", reply(403, b"access too frequent"), 600, "blocked"),
    "words in JSON": ("BYBIT", reply(403, b'{"retCode": 10006, "retMsg": "Access too frequent."}'), 600, "blocked"),
    "418 alone": ("MEXC", reply(418, b""), 120, "blocked"),
    "bybit's 429": ("BYBIT", reply(429, b"{}", retry_after="600"), 600, None),
    "whitebit's plain text": ("WHITEBIT", reply(429, b"Too many requests", retry_after="3600"), 3600, None),
    "three days": ("MEXC", reply(429, b'{"code": 429, "msg": "slow"}', retry_after="259200"), 259200, None),
    "rapira": ("RAPIRA", reply(429, b'{"code": 429, "message": "x"}', retry_after="61"), 61, None),
}  # fmt: skip


@pytest.mark.parametrize("case", NAMED)
def test_a_named_wait_holds_with_its_own_moment_whatever_names_it(desk, case):
    name, answer, seconds, reason = NAMED[case]
    wire = desk.start(answer() if callable(answer) else answer)
    before = now_ms()
    first, second = desk(wire, name), desk(wire, name)
    assert [one.reason for one in (first, second)] == [reason or "rate-limited"] * 2, first.message
    assert (len(wire.asked), until_of(first) == until_of(second)) == (1, True)
    assert abs(until_of(first) - before - seconds * 1000) < 3000


def test_a_wait_of_more_than_a_day_names_what_would_undo_it(desk):
    wire = desk.start(reply(429, b'{"code": 429, "msg": "slow"}', retry_after="315360000"), reply(500, b""))
    desk(wire, "MEXC")
    undone = desk(wire, "MEXC").hint.partition("; if that cannot be right: ")[2]
    program, path = undone.split()
    assert (program, len(wire.asked)) == ("rm", 1)
    Path(path).unlink()
    assert desk(wire, "MEXC").reason == "unavailable"


def test_two_entries_of_one_exchange_share_its_ban_and_another_address_is_free(desk):
    wire = desk.start(reply(429, b"{}", retry_after="600"))
    free = desk.start(reply(429, b"{}", retry_after="600"))
    desk(wire, "HTX")
    other = desk(wire, "HTX", entry_name="HTX_TWO")
    assert (len(wire.asked), other.reason) == (1, "rate-limited")
    desk(free, "HTX")
    assert len(free.asked) == 1
    # By way of a proxy another address asks: it has limits of its own.
    proxied = desk(wire, "HTX", proxy=f"http://127.0.0.1:{free.server_address[1]}")
    assert (len(wire.asked), len(free.asked), proxied.reason) == (1, 2, "rate-limited")


def test_a_short_wait_is_waited_for_and_held_against_nobody(desk):
    rates = json.dumps(
        {"data": [{"symbol": "USDT/RUB", "bidPrice": 80.1, "askPrice": 80.2, "volume": 1}], "code": 0, "isWorking": 1}
    ).encode()
    wire = desk.start(reply(429, b"{}", retry_after="1"), reply(200, rates), reply(200, b"[]"))
    result = desk(wire, "RAPIRA")
    assert (result.status, result.retries) == ("ok", 1), result.message


def test_a_servers_fault_with_a_long_wait_is_not_slept_through(desk):
    wire = desk.start(reply(503, b"", retry_after="30"))
    result = desk(wire, "KUCOIN")
    assert (result.reason, len(wire.asked)) == ("unavailable", 1)
    assert result.hint.startswith("not before 2")


def test_a_refused_region_names_no_time_and_holds_nothing(desk):
    wire = desk.start(reply(403, b"<html>not in your country</html>", content_type="text/html"))
    results = [desk(wire, "BYBIT"), desk(wire, "BYBIT")]
    assert [one.reason for one in results] == ["blocked", "blocked"]
    assert len(wire.asked) == 2
    assert results[0].message == "GET 127.0.0.1/v5/market/instruments-info: HTTP 403 with a web page in place of JSON"
    assert "not the key" in results[0].hint


# What is kept --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"until_ms": 1}', '{"until_ms": "x", "told_ms": 1, "reason": "blocked", "words": "w"}', "\x00"],
)
def test_what_is_no_hold_holds_nobody(tmp_path, text):
    (tmp_path / "x.hold").write_text(text)
    assert Pace(tmp_path / "x.pace", 10, 3).reserve() == 0


@pytest.mark.parametrize(
    ("make", "words"), [(os.mkfifo, "it is no regular file"), (Path.mkdir, "Is a directory")], ids=["pipe", "folder"]
)
def test_what_is_no_file_in_place_of_a_hold_is_told_at_once(tmp_path, make, words):
    place = tmp_path / "x.hold"
    make(place)
    with pytest.raises(StorageFailed) as error:
        Pace(tmp_path / "x.pace", 10, 3).reserve()
    assert (error.value.message, error.value.hint) == (f"{place}: {words}", f"remove it: rm {place}")


def test_a_hold_of_a_clock_that_ran_ahead_is_none(tmp_path):
    now = now_ms()
    hold = Hold(now + 86_400_000, now, "rate-limited", "w")
    assert read_hold(hold.to_json(), now) == hold
    assert read_hold(hold.to_json(), now - AHEAD_MS - 1) is None
    assert read_hold(hold.to_json(), now + 86_400_000) is None


def test_holds_are_private_and_the_longer_one_stays(tmp_path):
    pace = Pace(tmp_path / "x.pace", 10, 3)
    now = now_ms()
    pace.remember(Hold(now + 90_000, now, "blocked", "long"))
    pace.remember(Hold(now + 10_000, now, "rate-limited", "short"))
    assert pace.held().words == "long"
    assert (tmp_path / "x.hold").stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.glob("x*")) == ["x.hold"]


@pytest.mark.parametrize(
    ("url", "proxy", "address"),
    [
        ("https://api.mexc.com", None, "api.mexc.com"),
        ("https://API.mexc.com:443/", None, "api.mexc.com"),
        ("http://127.0.0.1:8080", None, "127.0.0.1:8080"),
        ("http://127.0.0.1", None, "127.0.0.1:80"),
        ("https://api.mexc.com", "http://user:secret@proxy:3128", "api.mexc.com~7d2a5de9"),
    ],
)
def test_an_address_is_host_and_port_by_way_of_a_proxy(url, proxy, address):
    found = address_of(url, proxy)
    assert found.partition("~")[0] == address.partition("~")[0]
    assert ("~" in found) == (proxy is not None)
    assert "secret" not in found
