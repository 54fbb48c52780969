"""The bridge to ccxt as an adapter: equal to our own, our own client, only reading; what it cannot do and costs."""

import json
import re
import subprocess
import sys
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from marketctl.config.registry import check_entry
from marketctl.errors import BadAnswer, Blocked, ConfigError, MarketctlError, NotSupported
from marketctl.jobs.replay import NO_MEMORY
from marketctl.providers.bridge import CcxtAdapter, loading
from marketctl.providers.bridge.adapter import venue_class
from marketctl.providers.bridge.loading import load_exchange
from marketctl.providers.bridge.venue import cards
from marketctl.providers.loader import load_adapter
from tests.providers.venue_samples import Digits, FakeClient, adapter_of, bodies_of, changed, text_of
from tests.wire import Wire, reply

# Looked for, not imported: all of its exchanges would be loaded by whoever collects the tests.
pytestmark = pytest.mark.skipif(not find_spec("ccxt"), reason="the extra ccxt is not installed: pip install ccxt")


# Beside our own adapters -------------------------------------------------------------------


# Where the bridge differs from our own adapter on the same market, and why.
DIFFERENCES = {
    "BYBIT": {
        "at": "the answer has one time for all, beside the rows: ccxt does not look there",
        "withdraw": "a fee of nothing, which means closed there, is not read so by ccxt",
    },
    "MEXC": {
        "status": "what is offline stands in a list that ccxt does not ask for, so the card has no status",
        "coin name": "a coin whose first row has no name",
        "confirmations": "0 stands for not told there",
        "memo_required": "some are told in words only",
        "note": "the bridge reads no notes",
    },
    "KUCOIN": {
        "quotes": "renamed coins have their codes: DEFX is DEF, GALAX is GALA",
        "assets": "ccxt leaves out a coin that it calls broken",
        "ticker": "renamed coins have their codes",
        "withdraw_fee_percent": "no rate is told, and there that means none",
    },
    "HTX": {
        "at": "the answer has one time for all, beside the rows: ccxt does not look there",
        "quotes": "renamed coins have their codes, and ccxt reads an elder list without delisted pairs",
        "coin name": "names stand in a list that ccxt does not ask for",
        "ticker": "renamed coins have their codes",
        "deposit": "a delisted coin whose doors are told open",
        "withdraw": "a delisted coin whose doors are told open",
        "withdraw_fee": "a fee between two bounds",
        "withdraw_fee_percent": "a fee in percent",
        "networks": "two chains that ccxt takes for one network",
        "note": "the bridge reads no notes",
    },
}


def both(sandbox: Any, adapt: Any, name: str, job: str) -> tuple[Any, Any]:
    """Return what the bridge and our own adapter read of one sandbox at the same tick."""
    found = []
    for cls in (venue_class(name.lower()), load_adapter(check_entry(Path("x"), name, {"path": OURS[name]}))):
        sandbox.apis[name].calls.clear()
        found.append(getattr(adapt(cls, sandbox.url(name), credentials=sandbox.apis[name].keys), job)())
    return found[0], found[1]


OURS = {name: f"marketctl.providers.cex.{name.lower()}:{name.capitalize()}Adapter" for name in DIFFERENCES}


@pytest.mark.parametrize("name", DIFFERENCES)
def test_the_bridge_equals_our_own_adapter_field_by_field(sandbox, adapt, name):
    differ: set[str] = set()
    theirs, ours = both(sandbox, adapt, name, "prices")
    if theirs.quotes.keys() != ours.quotes.keys():
        differ.add("quotes")
    same = theirs.quotes.keys() & ours.quotes.keys()
    assert len(same) > 60
    for pair in same:
        one, other_ = theirs.quotes[pair], ours.quotes[pair]
        late = None not in (one.at_ms, other_.at_ms) and abs(one.at_ms - other_.at_ms) < 30_000
        differ |= {"at"} if one.at_ms != other_.at_ms and not late else set()
        differ |= {key for key in one._fields if key != "at_ms" and getattr(one, key) != getattr(other_, key)}
    theirs, ours = both(sandbox, adapt, name, "assets")
    if theirs.assets.keys() != ours.assets.keys():
        differ.add("assets")
    assert len(theirs.assets.keys() & ours.assets.keys()) > 40
    for key in theirs.assets.keys() & ours.assets.keys():
        one, other_ = theirs.assets[key].to_dict(), ours.assets[key].to_dict()
        differ |= {"coin name"} if one["name"] != other_["name"] else set()
        differ |= {field for field in ("ticker", "fiat", "precision") if one[field] != other_[field]}
        differ |= {"networks"} if one["networks"].keys() != other_["networks"].keys() else set()
        for code in one["networks"].keys() & other_["networks"].keys():
            pairs = (one["networks"][code], other_["networks"][code])
            differ |= {field for field in pairs[0] if pairs[0][field] != pairs[1][field]}
    assert differ == set(DIFFERENCES[name])


def test_requests_are_ours_signed_anew_on_each_attempt_and_recorded_without_the_key(sandbox, adapt, no_sleep):
    cls = venue_class("bybit")
    adapter = adapt(cls, sandbox.url("BYBIT"), credentials=sandbox.apis["BYBIT"].keys, recording=True, attempts=3)
    sandbox.fault("BYBIT=503*2")
    assert adapter.assets().assets
    assert (adapter.client.retries, len(no_sleep)) == (2, 2)
    told = str([asdict(one) for one in adapter.client.recorded])
    assert "/v5/asset/coin/query-info" in told
    for secret in sandbox.apis["BYBIT"].keys.values():
        assert secret not in told


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("bad-key", "auth"),
        ("bad-signature", "auth"),
        ("rate-limit", "rate-limited"),
        ("html", "blocked"),
        ("truncated", "bad-answer"),
        ("types", "bad-answer"),
        ("500", "unavailable"),
    ],
)
def test_failures_have_our_reasons(sandbox, adapt, no_sleep, fault, reason):
    adapter = adapt(venue_class("bybit"), sandbox.url("BYBIT"), credentials=sandbox.apis["BYBIT"].keys, attempts=2)
    sandbox.fault(f"BYBIT={fault}")
    with pytest.raises(MarketctlError) as error:
        adapter.assets().refuse_if_empty()
    assert error.value.reason == reason
    assert "\n" not in error.value.message
    assert "127.0.0.1/v5/asset/coin/query-info" in error.value.message or reason == "bad-answer"


def test_a_refused_country_is_blocked_whatever_ccxt_takes_it_for(adapt):
    body = b'{"code":0,"msg":"Service unavailable from a restricted location"}'
    wire = Wire(reply(451, body))
    try:
        with pytest.raises(Blocked, match="HTTP 451"):
            adapt(venue_class("binance"), wire.url).prices()
    finally:
        wire.stop()


# What it cannot do -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("venue", "job", "told"),
    [
        ("coinbase", "prices", "coinbase: no bid and ask in its list of products: the bridge cannot do its prices"),
        ("upbit", "assets", "upbit: ccxt has no list of coins of it: the bridge cannot do its wallet"),
        ("gemini", "assets", "gemini: its list of coins is a web page: the bridge cannot do its wallet"),
        (
            "cryptocom",
            "assets",
            "cryptocom: its list of coins is asked for by POST, which the bridge does not send: "
            "the bridge cannot do its wallet",
        ),
        ("whitebit", "prices", "whitebit: no bid and ask in its list of tickers: the bridge cannot do its prices"),
        ("bitstamp", "prices", "bitstamp: no bid and ask in its answer for all pairs: the bridge cannot do its prices"),
    ],
)
def test_what_the_bridge_cannot_do_is_one_line(venue, job, told):
    # An answer without what the card says it has.
    bodies = changed(bodies_of("bitstamp"), ("GET /api/v2/ticker/", 0, "bid"), ...)
    bodies = changed(bodies, ("GET /api/v2/ticker/", 0, "ask"), ...)
    cls = venue_class(venue)
    with pytest.raises(NotSupported) as error:
        getattr(cls(FakeClient(cls.base_url, bodies), NO_MEMORY), job)()
    assert error.value.message == told


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({}, 'exchange: not set, expected an id of ccxt such as "kraken"'),
        ({"exchange": "krakn"}, 'exchange: found "krakn", expected an id that ccxt 4.5.90 has; did you mean kraken?'),
        ({"exchange": "../x"}, 'exchange: found "../x", expected an id of ccxt such as "kraken"'),
    ],
)
def test_a_wrong_exchange_is_a_matter_of_configuration(options, told):
    with pytest.raises(ConfigError) as error:
        CcxtAdapter.for_options(options)
    assert error.value.message == told


def test_another_version_of_ccxt_is_refused_unless_it_is_wanted(monkeypatch):
    monkeypatch.setattr(loading, "VERSION", "4.5.91")
    with pytest.raises(ConfigError, match=r"ccxt 4\.5\.90 is installed, and the bridge was proved with 4\.5\.91"):
        load_exchange("kraken")
    assert load_exchange("kraken", any_version=True).__name__ == "kraken"


def test_without_ccxt_the_extra_is_named(monkeypatch):
    monkeypatch.setattr(loading.PathFinder, "find_spec", lambda _name: None)
    with pytest.raises(ConfigError, match="ccxt is not installed") as error:
        load_exchange("kraken")
    assert error.value.hint == "pip install ccxt (the extra ccxt)"


# Hosts and endpoints -----------------------------------------------------------------------


@pytest.mark.parametrize("venue", sorted(cards()))
def test_only_reading_endpoints_of_declared_hosts(venue):
    cls = venue_class(venue)
    assert cls.base_url.startswith("https://")
    for endpoint in cls.endpoints:
        assert endpoint.startswith("GET /")
        assert not re.search(r"order(?!book)|withdraw(?!Configs)|transfer|cancel", endpoint)
    assert cls.other_bases == () or venue in ("xt", "lbank", "poloniex")


def test_coins_that_ccxt_adds_to_an_empty_answer_are_no_coins():
    cls = venue_class("polymarket")
    bodies = {f"GET /v1/info/{name}": [] for name in ("instruments", "assets")}
    assert cls(FakeClient(cls.base_url, bodies), NO_MEMORY).assets().assets == {}


@pytest.mark.parametrize(
    ("venue", "path", "where", "value", "coins"),
    [
        ("bitvavo", "GET /v2/assets", (0, "withdrawalFee"), "x", {"QRS": {"ETH": None}}),
        ("bitvavo", "GET /v2/assets", (0, "networks", 0), [], {"QRS": {}}),
        ("bitget", "GET /api/v2/spot/public/coins", ("data", 0, "chains", 0, "chain"), None, {"QRS": {}}),
        ("gate", "GET /api/v4/spot/currencies", (0, "currency"), None, {}),
        ("kraken", "GET /0/public/Assets", ("result", "XQRS", "altname"), [], {}),
    ],
)
def test_a_coin_that_ccxt_cannot_read_costs_itself_alone(venue, path, where, value, coins):
    bodies, adapter = bodies_of(venue), adapter_of(venue)
    rows = bodies[path]
    at = next(place for place, key in enumerate(where) if key in (0, "XQRS"))
    for key in where[:at]:
        rows = rows[key]
    good = json.loads(text_of(rows[where[at]]).replace("QRS", "ZZZ"), parse_float=Digits, parse_int=Digits)
    more = rows | {"XZZZ": good} if isinstance(rows, dict) else [*rows, good]
    odd = changed(bodies[path], where[:at], more) if at else more
    adapter.client.bodies = bodies | {path: changed(odd, where, value)}
    batch = adapter.assets()
    found = {key: {code: one.withdraw_fee for code, one in batch.assets[key].networks.items()} for key in batch.assets}
    (other,) = (key for key in found if "ZZZ" in key)
    del found[other]
    assert (found, batch.skipped["unreadable"]) == (coins, 1)
    adapter.client.bodies = bodies | {path: changed(bodies[path], where, value)}
    with pytest.raises(BadAnswer, match="ccxt cannot read 1 of the 1 coins in the answer"):
        adapter.assets()


def test_what_was_not_foreseen_is_not_asked():
    adapter = adapter_of("kraken")
    with pytest.raises(NotSupported, match="which the bridge did not foresee"):
        adapter.public.publicGetDepth({"pair": "XBTUSD"})
    with pytest.raises(NotSupported, match="by POST"):
        adapter.public.privatePostBalance()


# Cost --------------------------------------------------------------------------------------


def python(program: str) -> str:
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_nothing_of_ccxt_is_imported_without_the_bridge():
    program = (
        "import sys; from marketctl.providers.loader import load_registry; load_registry('providers.toml', environ={});"
        "import marketctl.providers.bridge; print([name for name in sys.modules if name.startswith('ccxt')])"
    )
    assert python(program) == "[]\n"


def test_one_exchange_alone_is_imported_and_ccxt_stays_what_it_is():
    program = (
        "import sys; from marketctl.providers.bridge.loading import load_exchange; load_exchange('kraken');"
        "print('ccxt' in sys.modules, 'cryptography' in sys.modules, 'ccxt.binance' in sys.modules);"
        "from cryptography.hazmat.primitives.asymmetric import ec; print(ec.SECP256R1().name);"
        "base = sys.modules['ccxt.base.exchange']; print(base.ec.SECP256R1().name, base.hashes.SHA256().name);"
        "import ccxt; print(len(ccxt.exchanges) > 100)"
    )
    assert python(program) == "False False False\nsecp256r1\nsecp256r1 sha256\nTrue\n"


def test_a_venue_starts_nearly_as_fast_as_an_adapter_of_our_own():
    program = (
        "import time; from marketctl.http import client; from marketctl.providers.cex import kucoin;"
        "from marketctl.providers.bridge import adapter; start = time.process_time();"
        "cls = adapter.venue_class('{}'); cls(None, None).public; print(time.process_time() - start)"
    )
    spent = min(float(python(program.format("okx"))) for _ in range(4))
    assert spent < 0.15, spent  # 60 ms on a machine that does nothing else
