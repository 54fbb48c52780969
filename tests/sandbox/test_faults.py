"""Faults on demand: how a spec reads, whom it hits and how often, and what comes over the wire."""

import gzip
import time

import pytest
import requests

from marketctl.sandbox.faults import KINDS, PAGE, Fault

TIME = "/v5/market/time"
TICKERS = "/v5/market/tickers?category=spot"


@pytest.fixture
def get(sandbox):
    """Ask the local BYBIT, redirects not followed."""

    def ask(path=TIME, timeout=5, **headers):
        with requests.Session() as session:
            return session.get(sandbox.url("BYBIT") + path, allow_redirects=False, timeout=timeout, headers=headers)

    return ask


@pytest.mark.parametrize(
    ("spec", "parts"),
    [
        ("BYBIT=html", ("BYBIT", "", "html", None, float("inf"))),
        ("*=slow:0.5", ("*", "", "slow", "0.5", float("inf"))),
        ("KUCOIN/api/v3/currencies=429:2*1", ("KUCOIN", "/api/v3/currencies", "429", "2", 1)),
        ("BYBIT=500*3", ("BYBIT", "", "500", None, 3)),
        ("HTX=skew:-5000", ("HTX", "", "skew", "-5000", float("inf"))),
        ("MY_EX-2=drop*0", ("MY_EX-2", "", "drop", None, 0)),
    ],
)
def test_a_spec_is_read_and_written_back(spec, parts):
    fault = Fault.parse(spec)
    assert (fault.provider, fault.path, fault.kind, fault.argument, fault.left) == parts
    assert str(fault) == spec


@pytest.mark.parametrize(
    "spec",
    ["", "BYBIT", "=500", "BYBIT=", "bybit=500", "BYBIT=500*", "BYBIT=500*x", "BYBIT=500*-1", "BYBIT=500:", "BYBIT 500",
     "BYBIT=500\n", "BYBIT=slow:x", "BYBIT=slow:nan", "BYBIT=skew:1e9999", "BYBIT=drip:0,1", "BYBIT=slow:inf"],
)  # fmt: skip
def test_a_spec_that_cannot_be_read_says_so(spec):
    with pytest.raises(ValueError, match=r"^fault '"):
        Fault.parse(spec)


def test_an_unknown_kind_is_told_with_those_that_exist(sandbox):
    with pytest.raises(ValueError, match=r"^fault BYBIT=none: expected one of the kinds .*429.*bad-key"):
        sandbox.fault("BYBIT=none")


def test_every_kind_is_described():
    assert [kind for kind, words in KINDS.items() if not words or words.endswith(".")] == []


# Whom, and how often ----------------------------------------------------------------------


def test_a_fault_hits_its_provider_alone(sandbox, get):
    sandbox.fault("KUCOIN=500")
    assert get().status_code == 200
    sandbox.fault("*=500")
    assert get().status_code == 500


def test_a_fault_with_a_path_hits_what_begins_so(sandbox, get):
    sandbox.fault("BYBIT/v5/market/ti=500")
    assert [get(path).status_code for path in (TIME, TICKERS, "/v5/system/status")] == [500, 500, 200]


def test_a_fault_with_a_number_is_over_after_so_many(sandbox, get):
    sandbox.fault("BYBIT=500*2")
    assert [get().status_code for _ in range(4)] == [500, 500, 200, 200]


def test_faults_take_their_turns(sandbox, get):
    sandbox.fault("BYBIT=500*1", "BYBIT=429*1", "BYBIT=html*1")
    assert [get().status_code for _ in range(4)] == [500, 429, 200, 200]


def test_a_fault_of_all_providers_counts_for_each(sandbox, get):
    sandbox.fault("*=500*1")
    assert [get().status_code for _ in range(2)] == [500, 200]
    assert str(sandbox.apis["KUCOIN"].faults[0]) == "*=500*1"


def test_calls_that_meet_a_fault_are_counted_too(sandbox, get):
    sandbox.fault("BYBIT=500")
    get()
    assert sandbox.requests("BYBIT") == {f"GET {TIME}": 1}


def test_no_argument_ends_all_faults(sandbox, get):
    sandbox.fault("BYBIT=500", "BYBIT=skew:5000")
    sandbox.fault()
    assert (get().status_code, sandbox.apis["BYBIT"].skew_ms) == (200, 0)


# What comes over the wire -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "status", "body", "headers"),
    [
        ("429", 429, b"too many requests", {}),
        ("429:7", 429, b"too many requests", {"Retry-After": "7"}),
        ("500", 500, b"", {}),
        ("503", 503, PAGE, {"Content-Type": "text/html"}),
        ("451", 451, PAGE, {"Content-Type": "text/html"}),
        ("403", 403, PAGE, {"Content-Type": "text/html"}),
        ("401", 401, b"", {}),
        ("html", 200, PAGE, {"Content-Type": "text/html"}),
        ("redirect", 302, b"", {"Location": "https://elsewhere.example/login"}),
        ("empty-object", 200, b"{}", {}),
        ("empty", 200, b"", {}),
    ],
)
def test_what_comes_in_place_of_the_answer(sandbox, get, kind, status, body, headers):
    sandbox.fault(f"BYBIT={kind}")
    answer = get()
    assert (answer.status_code, answer.content) == (status, body)
    assert {name: answer.headers.get(name) for name in headers} == headers
    assert "Retry-After" not in answer.headers or kind == "429:7"


@pytest.mark.parametrize("word", ["rate-limit", "bad-key", "bad-signature", "clock", "ip", "permission", "error"])
def test_the_providers_own_errors_come_as_they_are(sandbox, get, word):
    sandbox.fault(f"BYBIT={word}")
    assert get().json() == sandbox.apis["BYBIT"].errors[word].body


def test_drop_closes_without_an_answer(sandbox, get):
    sandbox.fault("BYBIT=drop")
    with pytest.raises(requests.ConnectionError):
        get()


def test_cut_closes_in_the_middle(sandbox, get):
    sandbox.fault("BYBIT=cut")
    with pytest.raises(requests.exceptions.ChunkedEncodingError):
        get(TICKERS)


def test_truncated_is_half_a_json_in_a_whole_answer(sandbox, get):
    whole = get(TICKERS).content
    sandbox.fault("BYBIT=truncated")
    half = get(TICKERS)
    assert abs(len(half.content) - len(whole) / 2) < 100
    with pytest.raises(requests.exceptions.JSONDecodeError):
        half.json()


def test_types_keeps_the_look_of_success(sandbox, get):
    sandbox.fault("BYBIT=types")
    body = get(TICKERS).json()
    assert (body["retCode"], body["retMsg"]) == (0, {"value": "OK"})
    assert body["result"] == {"category": {"value": "spot"}, "list": "a text"}


def test_empty_list_keeps_everything_else(sandbox, get):
    sandbox.fault("BYBIT=empty-list")
    assert get(TICKERS).json()["result"] == {"category": "spot", "list": []}


def test_slow_waits_first(sandbox, get):
    sandbox.fault("BYBIT=slow:0.2")
    started = time.monotonic()
    assert get().status_code == 200
    assert time.monotonic() - started >= 0.2


def test_drip_comes_in_small_pieces(sandbox, get):
    whole = get().content
    sandbox.fault("BYBIT=drip:0.05")
    started = time.monotonic()
    assert len(get().content) == len(whole)
    assert time.monotonic() - started >= 0.05 * (len(whole) // 64)


def test_bomb_is_small_on_the_wire(sandbox):
    sandbox.fault("BYBIT=bomb")
    with requests.Session() as session:
        answer = session.get(sandbox.url("BYBIT") + TIME, stream=True)
        packed = answer.raw.read(decode_content=False)
        answer.close()
    assert answer.headers["Content-Encoding"] == "gzip"
    assert len(packed) < 1_000_000
    unpacked = gzip.GzipFile(fileobj=__import__("io").BytesIO(packed))
    assert unpacked.read(1024) == b" " * 1024


def test_skew_moves_the_clock(sandbox, get):
    sandbox.fault("BYBIT=skew:-60000", "*=skew:1000")
    assert sandbox.apis["BYBIT"].skew_ms == -59000
    told = int(get().json()["result"]["timeNano"]) / 1e9
    assert abs(told - time.time() + 59) < 5


@pytest.mark.parametrize("kind", ["truncated", "types", "empty-list", "cut", "drip:0"])
def test_spoiling_an_error_answer_leaves_the_next_one_whole(sandbox, get, kind):
    wallet = "/v5/asset/coin/query-info"
    before = get(wallet).json()
    sandbox.fault(f"BYBIT={kind}*1")
    try:
        get(wallet)
    except requests.exceptions.ChunkedEncodingError:
        assert kind == "cut"
    assert get(wallet).json() == before
    assert before["retCode"] == 10003


@pytest.mark.parametrize("kind", ["types", "empty-list", "truncated"])
def test_spoiling_an_answer_without_a_body_is_no_trouble(sandbox, kind):
    sandbox.fault(f"HTX={kind}")
    with requests.Session() as session:
        assert session.get(sandbox.url("HTX") + "/nowhere").status_code == 405
