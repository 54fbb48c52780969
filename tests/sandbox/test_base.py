"""The shared part of all sandboxes: exact routes, counts, faults over HTTP."""

import gzip
import json
import socket
import threading
import time
from collections import Counter

import pytest
import requests

from marketctl.sandbox import API_MODULES, load_api
from marketctl.sandbox.base import Api, Call, Reply, Sandbox, same
from marketctl.sandbox.world import World

TICKERS = "/v5/market/tickers"


@pytest.fixture
def web():
    """A plain HTTP client that follows nothing."""
    with requests.Session() as session:
        session.max_redirects = 0
        yield session


# Serving -----------------------------------------------------------------------------------


def test_every_name_has_a_sandbox_of_that_name():
    assert sorted(API_MODULES) == [
        "BYBIT",
        "CBR",
        "ECB",
        "FRANKFURTER",
        "HTX",
        "KUCOIN",
        "MEXC",
        "NBU",
        "OPENEXCHANGERATES",
        "RAPIRA",
        "TWELVEDATA",
        "WHITEBIT",
    ]
    assert [load_api(name).name for name in API_MODULES] == list(API_MODULES)


def test_a_route_answers_and_is_counted(sandbox, web):
    answer = web.get(sandbox.url("BYBIT") + TICKERS, params={"category": "spot"})
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "application/json; charset=utf-8"
    assert answer.json()["retMsg"] == "OK"
    assert sandbox.requests("BYBIT") == Counter({f"GET {TICKERS}": 1})
    assert web.get(sandbox.url("BYBIT") + "/_sandbox/requests").json() == {f"GET {TICKERS}": 1}
    assert sandbox.requests("KUCOIN") == Counter()


@pytest.mark.parametrize(("method", "path"), [("GET", "/v5/market/ticker"), ("POST", TICKERS), ("GET", TICKERS + "/")])
def test_an_unknown_route_is_refused_the_providers_way(sandbox, web, method, path):
    answer = web.request(method, sandbox.url("BYBIT") + path)
    assert (answer.status_code, answer.json()["retCode"]) == (404, 10017)


def test_an_api_without_an_own_way_answers_404():
    class Bare(Api):
        name = "BARE"

        def routes(self):
            return {}

    reply = Bare(World()).answer(Call("GET", "/x", "", {}, b""))
    assert (reply.status, reply.content()) == (404, b"")


def test_large_answers_are_packed_for_who_understands_it(sandbox, web):
    packed = web.get(
        sandbox.url("BYBIT") + TICKERS + "?category=spot", headers={"Accept-Encoding": "gzip"}, stream=True
    )
    raw = packed.raw.read(decode_content=False)
    assert packed.headers["Content-Encoding"] == "gzip"
    assert int(packed.headers["Content-Length"]) == len(raw)
    assert json.loads(gzip.decompress(raw))["retCode"] == 0
    bare = web.get(sandbox.url("BYBIT") + TICKERS + "?category=spot", headers={"Accept-Encoding": "identity"})
    assert "Content-Encoding" not in bare.headers


def test_the_clock_of_the_date_header_follows_a_skew(sandbox, web):
    from email.utils import parsedate_to_datetime

    sandbox.fault("BYBIT=skew:-3600000")
    answer = web.get(sandbox.url("BYBIT") + TICKERS + "?category=spot")
    told = parsedate_to_datetime(answer.headers["Date"]).timestamp()
    assert abs(told - time.time() + 3600) < 5
    assert abs(answer.json()["time"] / 1000 - time.time() + 3600) < 5


def test_a_call_decodes_its_query_and_keeps_it_raw():
    call = Call("GET", "/x", "a=%2F+b&empty=&a=2", {}, b"")
    assert call.query == {"a": "2", "empty": ""}
    assert call.raw_query == "a=%2F+b&empty=&a=2"


def test_a_reply_is_compact_json_or_bytes_as_they_are():
    assert Reply({"a": ["币"]}).content() == '{"a":["币"]}'.encode()
    assert Reply(b"x\x00").content() == b"x\x00"


def test_signatures_are_compared_whole():
    assert same("abc", "abc")
    assert not same("abc", "abd")
    assert not same("abc", "ab")
    assert not same("é", "e")


def test_many_calls_at_once_are_all_counted(sandbox):
    def call():
        with requests.Session() as session:
            for _ in range(5):
                session.get(sandbox.url("BYBIT") + "/v5/market/time")

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sandbox.requests("BYBIT") == {"GET /v5/market/time": 40}


def test_stopping_frees_the_ports():
    with Sandbox(["BYBIT", "KUCOIN"]) as sandbox:
        listening = [server.socket for server in sandbox._servers.values()]
        assert all(one.fileno() >= 0 for one in listening)
    assert [one.fileno() for one in listening] == [-1, -1]  # closed; who has the ports then is not for us to say


def test_a_sandbox_that_never_started_can_be_stopped():
    Sandbox(["BYBIT"]).stop()


def test_a_port_in_use_frees_the_others_again():
    for _ in range(20):  # somebody else may have the port before ours
        with socket.create_server(("127.0.0.1", 0)) as used:
            port = used.getsockname()[1]
            with pytest.raises(OSError, match="in use"):
                Sandbox(["BYBIT", "KUCOIN"], port=port - 1)
        try:
            socket.create_server(("127.0.0.1", port - 1)).close()
        except OSError:
            continue
        return
    pytest.fail("the port before the used one was never free again")


def test_ports_follow_each_other_when_asked_for():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    try:
        sandbox = Sandbox(["BYBIT", "KUCOIN"], port=port)
    except OSError:
        pytest.skip("the next port is in use")
    assert [sandbox.url(name) for name in sandbox.apis] == [f"http://127.0.0.1:{port}", f"http://127.0.0.1:{port + 1}"]
    sandbox.stop()


# Faults over HTTP --------------------------------------------------------------------------


def test_faults_are_set_shown_and_removed_over_http(sandbox, web):
    url = sandbox.url("KUCOIN") + "/_sandbox/faults"
    assert web.get(url).json() == []
    assert web.post(url, json=["KUCOIN=429:2*3", "*=slow:0.1"]).json() == ["KUCOIN=429:2*3", "*=slow:0.1"]
    assert web.get(url).json() == ["KUCOIN=429:2*3", "*=slow:0.1"]
    assert sandbox.apis["BYBIT"].faults == []
    assert web.delete(url).json() == []


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b'["KUCOIN"]', "fault 'KUCOIN': expected PROVIDER[/path]=KIND[:ARGUMENT][*TIMES]"),
        (b'["KUCOIN=never"]', "fault KUCOIN=never: expected one of the kinds "),
        (b'["BYBIT=429"]', "fault BYBIT=429: expected one of the providers *, KUCOIN"),
        (b'["KUCOIN=slow:long"]', "fault 'KUCOIN=slow:long': slow takes a number, found 'long'"),
        (b'"KUCOIN=429"', "expected a JSON list of specs"),
        (b"[1]", "expected a JSON list of specs"),
        (b"{", "Expecting "),
        (b"", "Expecting "),
    ],
)
def test_a_spec_that_cannot_be_read_is_told_and_changes_nothing(sandbox, web, body, told):
    sandbox.fault("KUCOIN=500")
    answer = web.post(sandbox.url("KUCOIN") + "/_sandbox/faults", data=body)
    assert answer.status_code == 400
    assert answer.json()["error"].startswith(told)
    assert [str(fault) for fault in sandbox.apis["KUCOIN"].faults] == ["KUCOIN=500"]


def test_other_control_paths_are_told(sandbox, web):
    answer = web.get(sandbox.url("BYBIT") + "/_sandbox/nothing")
    assert (answer.status_code, answer.json()) == (404, {"error": "try /_sandbox/faults or /_sandbox/requests"})
    assert sandbox.requests("BYBIT") == {}


def test_the_provider_of_a_fault_must_be_one_of_these():
    with pytest.raises(ValueError, match=r"^fault BYBITT=429: expected one of the providers \*, BYBIT, KUCOIN$"):
        Sandbox(["KUCOIN", "BYBIT"], faults=["BYBITT=429"])
