"""Answers that operators met, made up anew, and what they are to become: one test a kind."""

import base64
import json
import subprocess

import pytest

from marketctl.check.checkup import ending
from marketctl.errors import (
    AuthFailed,
    BadAnswer,
    Blocked,
    ConfigError,
    IpNotAllowed,
    MarketctlError,
    PermissionDenied,
    Unavailable,
)
from marketctl.http.messages import Answer, Request
from marketctl.models import KeyInfo, Pair, Platform, any_open
from marketctl.providers.bank.cbr import CbrBankAdapter
from marketctl.providers.bank.ecb import EcbBankAdapter
from marketctl.providers.bank.nbu import NbuBankAdapter
from marketctl.providers.batch import PairList, QuoteBatch
from marketctl.providers.cash.frankfurter import FrankfurterCashAdapter
from marketctl.providers.cash.openexchangerates import OpenExchangeRatesCashAdapter
from marketctl.providers.cash.twelvedata import TwelveDataCashAdapter
from marketctl.providers.cex import bybit, kucoin, mexc, rapira, whitebit
from marketctl.providers.cex.bybit import BybitAdapter
from marketctl.providers.cex.htx import HtxAdapter
from marketctl.providers.cex.kucoin import KucoinAdapter
from marketctl.providers.cex.mexc import MexcAdapter
from marketctl.providers.cex.rapira import RapiraAdapter
from marketctl.providers.cex.whitebit import WhitebitAdapter
from marketctl.providers.counts import count_open, count_pairs
from tests.wire import Wire, reply

NOWHERE = "http://127.0.0.1:1"
ALL = [
    BybitAdapter, MexcAdapter, WhitebitAdapter, HtxAdapter, KucoinAdapter, RapiraAdapter, TwelveDataCashAdapter,
    OpenExchangeRatesCashAdapter, FrankfurterCashAdapter, CbrBankAdapter, EcbBankAdapter, NbuBankAdapter,
]  # fmt: skip


def answer(body, status=200, content=b""):
    return Answer(status, {}, body, content, body is not None, 0, 0, where="GET example.com/x")


def refusal(adapt, cls, body, status=200, content=b""):
    adapter = adapt(cls, NOWHERE)
    adapter.client.provider = cls.__name__.removesuffix("Adapter").upper()
    with pytest.raises(Exception) as caught:  # noqa: PT011  (each test names the class)
        adapter.check_answer(answer(body, status, content))
    return caught.value


# Doors ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("chain", "withdraw"),
    [
        ({"chainWithdraw": "1", "withdrawFee": ""}, False),  # nothing can be withdrawn there, whatever the switch says
        ({"chainWithdraw": "1", "withdrawFee": "0"}, True),  # free
        ({"chainWithdraw": "1"}, True),  # not told
        ({"chainWithdraw": "", "withdrawFee": "2"}, False),
        ({"withdrawFee": "2"}, None),
    ],
)
def test_bybit_a_fee_of_nothing_closes_the_way_out(chain, withdraw):
    network = bybit.parse_network({"chain": "ETH", "chainDeposit": "1"} | chain, "ETH", bybit.AssetBatch(bybit.OFF))
    assert (network.deposit, network.withdraw) == (True, withdraw)


def test_mexc_words_of_a_suspension_stand_beside_the_flag_as_sent():
    coin = {
        "coin": "USDT",
        "networkList": [
            {
                "netWork": "OP",
                "network": "Optimism(OP)",
                "depositEnable": True,
                "withdrawEnable": True,
                "depositDesc": "Wallet is being worked on. Deposits rest.",
                "withdrawFee": "1",
            }
        ],
    }
    network = mexc.parse_assets([coin]).assets["USDT"].networks["OP"]
    assert (network.deposit, network.note) == (True, "Wallet is being worked on. Deposits rest.")


@pytest.mark.parametrize(
    ("multiple", "precision"), [(0.001, 3), ("0.000001", 6), ("1E-8", 8), ("8", 8), (4, 4), ("1.5", None), (None, None)]
)
def test_mexc_withdrawal_step_and_count_of_decimals(multiple, precision):
    from decimal import Decimal

    value = Decimal(str(multiple)) if isinstance(multiple, float) else multiple
    assert mexc.parse_precision(mexc.AssetBatch().amount(value)) == precision


def test_whitebit_a_plain_fee_is_not_spread_over_two_networks():
    assets = {
        "ACME": {
            "name": "Acme",
            "can_deposit": True,
            "can_withdraw": True,
            "is_memo": False,
            "networks": {"deposits": ["ERC20", "BEP20"], "withdraws": ["ERC20", "BEP20"]},
            "confirmations": {"ERC20": 32, "BEP20": 12},
        }
    }
    fee = {
        "ACME": {
            "ticker": "ACME",
            "providers": [],
            "withdraw": {"min_amount": "25", "fixed": "3.07", "flex": None},
            "deposit": {"min_amount": "15", "fixed": None, "flex": None},
        }
    }
    networks = whitebit.parse_assets(assets, fee).assets["ACME"].networks
    assert {key: one.withdraw_fee for key, one in networks.items()} == {"ERC20": None, "BEP20": None}
    assert any_open([one.withdraw for one in networks.values()]) is True


# Prices -----------------------------------------------------------------------------------------


def test_bybit_new_kinds_of_pairs_are_pairs_and_what_is_not_open_is_halted():
    rows = [
        {"symbol": "ACMEXUSDT", "baseCoin": "ACMEX", "quoteCoin": "USDT", "status": "Trading", "symbolType": "xstocks"},
        {"symbol": "IDXUSDT", "baseCoin": "IDX", "quoteCoin": "USDT", "status": "Trading", "symbolType": "etf"},
        {"symbol": "NEWUSDT", "baseCoin": "NEW", "quoteCoin": "USDT", "status": "PreLaunch"},
    ]
    assert [(pair.symbol, pair.status) for pair in bybit.parse_pairs({"result": {"list": rows}})] == [
        ("ACMEXUSDT", "trading"), ("IDXUSDT", "trading"), ("NEWUSDT", "halted"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("told", "status"),
    [({"status": "Closed"}, "halted"), ({"status": "1"}, "trading"), ({"status": None}, None), ({}, None),
     ({"status": "Frozen?"}, None)],
)  # fmt: skip
def test_bybit_a_state_that_is_not_told_or_has_no_known_word_is_unknown(told, status):
    row = {"symbol": "AUSDT", "baseCoin": "A", "quoteCoin": "USDT"} | told
    assert bybit.parse_pairs({"result": {"list": [row]}})[0].status == status


def bybit_page(rows, cursor=None):
    result = {"category": "spot", "list": rows} | ({} if cursor is None else {"nextPageCursor": cursor})
    return reply(200, json.dumps({"retCode": 0, "result": result, "time": 1767225600000}).encode())


def bybit_rows(first, last):
    return [
        {"symbol": f"C{number}USDT", "baseCoin": f"C{number}", "quoteCoin": "USDT", "status": "Trading"}
        for number in range(first, last)
    ]


@pytest.mark.parametrize("end", [None, "", "two"])
def test_bybit_a_cursor_on_a_list_that_had_none_is_followed_to_its_end(adapt, end):
    tickers = [{"symbol": f"C{number}USDT", "bid1Price": "1", "ask1Price": "2"} for number in range(640)]
    pages = (bybit_page(bybit_rows(0, 500), "two"), bybit_page(bybit_rows(500, 640), end), bybit_page(tickers))
    wire = Wire(*pages)
    batch = adapt(BybitAdapter, wire.url).prices()
    wire.stop()
    assert (len(batch.quotes), batch.skipped) == (640, {})
    assert [one.line.split()[1] for one in wire.asked] == [
        "/v5/market/instruments-info?category=spot",
        "/v5/market/instruments-info?category=spot&cursor=two",
        "/v5/market/tickers?category=spot",
    ]


def test_bybit_an_empty_page_behind_full_ones_is_the_end_and_an_empty_first_one_is_no_list(adapt):
    tickers = [{"symbol": f"C{number}USDT", "bid1Price": "1", "ask1Price": "2"} for number in range(500)]
    wire = Wire(bybit_page(bybit_rows(0, 500), "two"), bybit_page([], ""), bybit_page(tickers))
    assert len(adapt(BybitAdapter, wire.url).prices().quotes) == 500
    wire.stop()
    wire = Wire(bybit_page([], "two"))
    with pytest.raises(BadAnswer, match=r"result\.list is an empty list"):
        adapt(BybitAdapter, wire.url).pairs()
    wire.stop()


def test_mexc_a_ticker_nobody_lists_does_not_switch_the_cache_off(adapt):
    info = {"symbols": [{"symbol": "AUSDT", "status": "1", "baseAsset": "A", "quoteAsset": "USDT"}]}
    tickers = [{"symbol": "AUSDT", "bidPrice": "1", "askPrice": "2"}, {"symbol": "ZONEUSDT", "bidPrice": "1"}]
    as_json = [reply(200, json.dumps(body).encode()) for body in (tickers, info, {"data": []}, tickers)]
    # A new adapter each time, as each run has one: the lists are asked for once, later the tickers alone.
    wire = Wire(*as_json)
    for _ in range(3):
        batch = adapt(MexcAdapter, wire.url).prices()
        batch.refuse_if_empty()
        assert batch.skipped == {"unknown-symbol": 1}
    wire.stop()
    asked = [one.line.split()[1] for one in wire.asked]
    assert asked.count("/api/v3/exchangeInfo") == 1
    assert asked.count("/api/v3/ticker/24hr") == 3


def test_kucoin_a_pair_that_never_traded_and_a_site_without_trading():
    pairs = PairList([Pair(f"{base}-USDT", base, "USDT", base, "USDT", "trading") for base in ("NEW", "BTC")])
    dead = dict.fromkeys(("buy", "sell", "last", "vol", "volValue", "high", "low", "averagePrice"))
    rows = [{"symbol": "NEW-USDT"} | dead, {"symbol": "BTC-USDT", "buy": "9000", "sell": "9001"}]
    batch = kucoin.parse_prices({"data": {"time": 1767225600000, "ticker": rows}}, QuoteBatch(pairs))
    assert (list(batch.quotes), batch.skipped) == (["BTC/USDT"], {"no-price": 1})
    gone = QuoteBatch(pairs)
    kucoin.parse_prices({"data": {"time": 1, "ticker": [{"symbol": "BTC-USDT"} | dead]}}, gone)
    with pytest.raises(BadAnswer, match="none of 1 quotes can be used: 1 no-price"):
        gone.refuse_if_empty()


def test_mexc_prices_of_zero_are_none_and_other_scripts_are_pairs():
    info = {
        "symbols": [
            {"symbol": f"{base}USDT", "status": "1", "baseAsset": base, "quoteAsset": "USDT"}
            for base in ("ZERO", "币安人生")
        ]
    }
    rows = [
        {"symbol": "ZEROUSDT", "bidPrice": "0", "askPrice": "0", "lastPrice": "0"},
        {
            "symbol": "币安人生USDT",
            "bidPrice": "0.1",
            "bidQty": "5",
            "askPrice": "0.11",
            "askQty": "",
            "quoteVolume": None,
        },
    ]
    batch = mexc.parse_prices(rows, QuoteBatch(PairList(mexc.parse_pairs(info, frozenset()))))
    assert (list(batch.quotes), batch.skipped) == (["币安人生/USDT"], {"no-price": 1})
    assert batch.quotes["币安人生/USDT"].ask_size is None


def test_rapira_volumes_of_the_row_go_before_those_of_a_list_that_is_refused(adapt):
    row = {
        "symbol": "USDT/RUB",
        "close": 80.02,
        "askPrice": 80.05,
        "bidPrice": 80.01,
        "baseCurrency": "RUB",
        "quoteCurrency": "USDT",
        "volume": 1250034.5,
        "turnover": 100027761.2,
        "zone": 0,
    }
    rates = reply(200, json.dumps({"data": [row], "code": 0, "isWorking": 1}).encode())
    wire = Wire(rates, reply(403, b"<html>no</html>"))
    quote = adapt(RapiraAdapter, wire.url).prices().quotes["USDT/RUB"]
    wire.stop()
    row |= {"askPrice": "80.05", "bidPrice": "80.01", "close": "80", "volume": "1250034.5", "turnover": "1"}
    assert (quote.volume, quote.quote_volume, quote.status) == ("1250034.5", "100027761.2", None)
    assert len(wire.asked) == 2  # rates and statuses: a list of volumes would tell nothing more
    assert (
        rapira.parse_prices([row], {"USDT/RUB": ("1", "2")}, QuoteBatch(PairList(rapira.parse_pairs([row], None))))
        .quotes["USDT/RUB"]
        .volume
        == "1250034.5"
    )


def test_configured_pairs_that_are_gone_are_named():
    pairs = PairList([Pair("AUSDT", "A", "USDT", "A", "USDT", "trading"), Pair("B", "B", "USDT", "B", "USDT", None)])
    batch = QuoteBatch(pairs, frozenset({"A/USDT", "B/USDT", "OLD/USDT"}))
    batch.add("AUSDT", "1", "2")
    assert batch.gone(("A/USDT", "B/USDT", "OLD/USDT")) == ["OLD/USDT"]
    cash = QuoteBatch(PairList([]))
    cash.add_rate("EUR/USD", "1.1")
    cash.skip("USD/BGN", "unknown-symbol")
    assert cash.gone(("EUR/USD", "USD/BGN", "USD/TRY")) == ["USD/BGN"]  # TRY could not be asked yet


def test_figures_of_a_venue_that_is_mostly_unknown_are_unknown():
    pairs = [Pair(str(number), "A", "B", "A", "B", "halted" if number < 2 else None) for number in range(6)]
    assert count_pairs(pairs) == {"total": 6, "trading": None, "halted": None}
    pairs = [pair._replace(status=pair.status or "trading") for pair in pairs[:5]] + pairs[5:]
    assert count_pairs(pairs) == {"total": 6, "trading": 3, "halted": 2}
    networks = [bybit.Network(deposit=True if number < 2 else None, withdraw=False) for number in range(6)]
    assert count_open(networks) == {"total": 6, "deposit_open": None, "withdraw_open": 0}


# Refusals ---------------------------------------------------------------------------------------


def test_kucoin_a_region_is_no_key(adapt):
    words = "Our services are currently unavailable in the U.S. (current ip: 203.0.113.9 and current area: US)"
    error = refusal(adapt, KucoinAdapter, {"code": "400302", "msg": words}, 200)
    assert type(error) is Blocked
    assert error.message.startswith("GET example.com/x: HTTP 200: KUCOIN does not serve this region: Our services")
    assert "credentials" not in error.hint
    assert type(refusal(adapt, KucoinAdapter, {"code": "400303", "msg": "KYC"}, 400)) is PermissionDenied


def test_htx_an_expired_key_is_no_wrong_secret(adapt):
    body = {"status": "error", "err-code": "api-signature-not-valid", "err-msg": "APIkey has expired", "data": None}
    error = refusal(adapt, HtxAdapter, body)
    assert type(error) is AuthFailed
    assert error.message == (
        "GET example.com/x: HTTP 200: the key has expired: APIkey has expired (code api-signature-not-valid)"
    )
    body["err-msg"] = "Signature not valid: Signature method not supported"
    assert "secret" not in refusal(adapt, HtxAdapter, body).message


@pytest.mark.parametrize(
    ("number", "kind", "words"),
    [
        (10003, AuthFailed, "made on another BYBIT site"),
        (10009, Blocked, "does not serve this region"),
        (10010, IpNotAllowed, ""),
        (10024, PermissionDenied, "compliance rules; a new key does not help"),
        (10028, PermissionDenied, "a new key does not help"),
        (33004, AuthFailed, "the key has expired"),
    ],
)
def test_bybit_what_is_wrong_with_an_account_is_told_as_what_it_is(adapt, number, kind, words):
    error = refusal(adapt, BybitAdapter, {"retCode": number, "retMsg": "no"})
    assert type(error) is kind
    assert words in error.message
    assert ("credentials set" in error.hint) == (kind is AuthFailed)


@pytest.mark.parametrize("cls", ALL)
def test_what_stands_in_front_of_an_api_is_told_in_its_own_words(adapt, cls):
    error = refusal(adapt, cls, {"detail": "upstream request timeout"}, 504)
    assert (type(error), "upstream request timeout" in error.message) == (Unavailable, True), error.message
    error = refusal(adapt, cls, [{"error": "bad thing"}], 400)
    assert (type(error), "bad thing" in error.message) == (BadAnswer, True), error.message


@pytest.mark.parametrize("cls", ALL)
def test_a_web_page_is_told_as_one_whatever_the_status_is_taken_for(adapt, cls):
    wire = Wire(reply(403, b"<!DOCTYPE HTML><html><h1>403 ERROR</h1></html>", content_type="text/html"))
    adapter = adapt(cls, wire.url)
    with pytest.raises(Blocked, match=r"HTTP 403 with a web page in place of (JSON|data)"):
        adapter.get(next(one for one in cls.endpoints if one.startswith("GET ")).partition(" ")[2])
    wire.stop()


@pytest.mark.parametrize("cls", ALL)
def test_a_region_that_is_refused_in_words_alone_is_no_key(adapt, cls):
    words = "Service unavailable from a restricted location according to the Terms of Use"
    error = refusal(adapt, cls, {"message": words}, 403)
    assert (type(error), words in error.message) == (Blocked, True), error.message
    assert "credentials" not in str(error.hint)


@pytest.mark.parametrize(
    ("body", "kind", "words"),
    [
        ({"code": 26, "data": "operation not allowed"}, PermissionDenied, "operation not allowed (code 26)"),
        (["symbol is wrong", "limit is wrong"], BadAnswer, "HTTP 400: symbol is wrong, limit is wrong"),
        ({"code": 403, "msg": "Access Denied"}, Blocked, "stop asking: Access Denied"),
    ],
)
def test_mexc_words_in_unusual_places_are_kept(adapt, body, kind, words):
    error = refusal(adapt, MexcAdapter, body, 400)
    assert type(error) is kind
    assert words in error.message


@pytest.mark.parametrize("cls", ALL)
@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (401, b"", AuthFailed),
        (451, b"", Blocked),
        (451, b'{"code": 1, "message": "not here", "msg": "not here"}', Blocked),
        (403, b"", Blocked),
        (
            403,
            b'{"code": 1, "message": "no entry", "msg": "no entry"}',
            Blocked,
        ),  # nobody sent a key that could lack a right
        (403, b"no entry", Blocked),
        (404, b"", BadAnswer),
        (405, b'{"status": "error", "err-code": "method-not-allowed", "err-msg": "no"}', BadAnswer),
    ],
)
def test_a_status_alone_says_what_was_asked_and_what_to_do(adapt, cls, status, body, kind):
    """Of what was asked without a key: there is none that could lack a right."""
    wire = Wire(*[reply(status, body)] * 2)
    adapter = adapt(cls, wire.url)
    adapter.client.provider = "X"
    with pytest.raises(MarketctlError) as caught:
        adapter.get(next(one for one in cls.endpoints if one.startswith("GET ")).partition(" ")[2])
    wire.stop()
    assert isinstance(caught.value, kind)
    assert caught.value.message.startswith("GET 127.0.0.1/")
    assert f": HTTP {status}" in caught.value.message
    assert caught.value.hint
    assert "credentials" not in caught.value.hint or status == 401


@pytest.mark.parametrize("cls", [MexcAdapter, WhitebitAdapter, HtxAdapter, KucoinAdapter])
def test_a_private_key_where_only_hmac_signs_is_told_before_anything_is_asked(adapt, cls):
    pem = "-----BEGIN PRIVATE KEY-----\nMIIBVgIBADANBg\n-----END PRIVATE KEY-----"
    adapter = adapt(cls, NOWHERE, credentials={"api_key": "k", "api_secret": pem, "passphrase": "p"})
    with pytest.raises(ConfigError) as caught:
        adapter.check_key()
    assert caught.value.message == "api_secret is a key in PEM, and here only keys of the kind HMAC can sign"
    assert caught.value.hint == "make a key of that kind: its secret is one word"


# Keys -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("days", "left", "warnings"),
    [
        (7, 7, ("the key ends in 7 days: renew it, or bind it to an address",)),
        (2, 2, ("the key ends in 2 days: renew it, or bind it to an address",)),
        (0, 0, ("the key ends within a day: renew it, or bind it to an address",)),
        (8, 8, ()), (-1, None, ()), (-2, None, ()), (None, None, ()),
    ],
)  # fmt: skip
def test_bybit_a_key_that_ends_within_a_week_is_warned_of(days, left, warnings):
    result = {"readOnly": 1, "permissions": {"Wallet": ["AccountTransfer"]}, "deadlineDay": days}
    assert bybit.parse_key({"result": result}) == KeyInfo(("Wallet.AccountTransfer",), (), left)
    assert ending(left) == warnings


@pytest.mark.parametrize(
    ("told", "left"),
    [
        ({"expiredAt": "2026-11-27T00:00:00Z"}, 2), ({"expiredAt": "2026-11-24T11:00:00Z"}, 0),
        ({"expiredAt": "1970-01-01T00:00:00Z"}, None), ({"expiredAt": "0001-01-01T00:00:00Z"}, None),
        ({"expiredAt": ""}, None), ({"expiredAt": "2026-11-27T00:00:00Z", "deadlineDay": -2}, None),
        ({"expiredAt": "2026-11-27T00:00:00Z", "deadlineDay": 71}, 71),
    ],
)  # fmt: skip
def test_bybit_the_end_of_a_key_is_told_by_its_date_where_no_days_are(told, left):
    body = {"result": {"readOnly": 1, "permissions": {"Spot": ["Read"]}, **told}, "time": 1795521600000}  # 24 Nov 12:00
    assert bybit.parse_key(body) == KeyInfo(("Spot.Read",), (), left)


def test_bybit_an_rsa_key_signs_and_one_that_is_none_is_named(adapt, tmp_path):
    pem = tmp_path / "key.pem"
    subprocess.run(["openssl", "genrsa", "-out", pem, "2048"], check=True, capture_output=True)
    adapter = adapt(BybitAdapter, NOWHERE, credentials={"api_key": "k", "api_secret": pem.read_text()})
    request = Request("GET", "h", "/v5/user/query-api", "", 1767225600000)
    adapter.sign(request)
    (tmp_path / "sig").write_bytes(base64.b64decode(request.headers["X-BAPI-SIGN"]))
    (tmp_path / "text").write_text("1767225600000k5000")
    subprocess.run(["openssl", "rsa", "-in", pem, "-pubout", "-out", tmp_path / "pub"], check=True, capture_output=True)
    verify = [
        "openssl",
        "dgst",
        "-sha256",
        "-verify",
        tmp_path / "pub",
        "-signature",
        tmp_path / "sig",
        tmp_path / "text",
    ]
    assert subprocess.run(verify, check=True, capture_output=True).stdout == b"Verified OK\n"
    broken = "-----BEGIN PRIVATE KEY-----\nMIIE\n-----END PRIVATE KEY-----\n"
    adapter = adapt(BybitAdapter, NOWHERE, credentials={"api_key": "k", "api_secret": broken})
    with pytest.raises(ConfigError, match=r"^api_secret is no readable RSA key$"):
        adapter.sign(request)


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({"serviceTypes": [2, 5]}, Platform("maintenance", "Work")),
        ({}, Platform("maintenance", "Work")),
        ({"serviceTypes": [3, 4]}, Platform("ok", "going on, but not for what we ask: Work")),
        ({"serviceTypes": [5], "uidSuffix": [7]}, Platform("ok", "going on, but not for what we ask: Work")),
        ({"product": [1]}, Platform("ok")),
        ({"env": "2"}, Platform("ok")),
        ({"state": "completed"}, Platform("ok")),
    ],
)
def test_bybit_work_counts_only_where_it_touches_what_we_ask(more, expected):
    event = {"title": "Work", "state": "ongoing", "env": 1, "product": [2], "uidSuffix": []} | more
    assert bybit.parse_status({"result": {"list": [event]}}) == expected
