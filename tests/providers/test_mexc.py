"""MEXC. Long: one adapter's answers, the models they become and its requests, written out.

Sample answers to exact models, the requests that are made, the signature, its errors.
"""

from collections import Counter
from decimal import Decimal

import pytest

from marketctl.errors import (
    AuthFailed,
    BadAnswer,
    Blocked,
    ClockSkew,
    IpNotAllowed,
    NoCredentials,
    PermissionDenied,
    RateLimited,
    Unavailable,
)
from marketctl.http.messages import Answer, Request, encode_query
from marketctl.models import Asset, KeyInfo, Network, Pair, Platform, Quote
from marketctl.providers.batch import PairList, QuoteBatch
from marketctl.providers.cex import mexc
from marketctl.providers.cex.mexc import MexcAdapter

KEY = {"api_key": "mx0TESTKEY0000000001", "api_secret": "0f1e2d3c4b5a69788796a5b4c3d2e1f0"}
KEY_PATH = "GET /api/v3/apiKeyInfo"


def answer(body, status=200, headers=None, is_json=True):
    return Answer(status, headers or {}, body, b"", is_json, 1767225600000, 1767225600080)


def test_assets_suspension_text_memo_words_and_old_payloads(sample):
    batch = mexc.parse_assets(sample("mexc/getall"))
    assert batch.assets == {
        "USDT": Asset(
            "USDT",
            "USDT",
            "Tether",
            networks={
                "TRX": Network(
                    name="Tron(TRC20)",
                    network="tron",
                    deposit=True,
                    withdraw=True,
                    withdraw_min="3",
                    withdraw_max="12000000",
                    withdraw_fee="1.2",
                    precision=6,
                    confirmations=3,
                    contract="T000000000000000000000000000000007",
                ),
                "ETH": Network(
                    name="Ethereum(ERC20)",
                    network="ethereum",
                    deposit=True,
                    withdraw=False,
                    withdraw_min="12",
                    withdraw_fee="0",
                    precision=6,
                    confirmations=70,
                    contract="0x00000000000000000000000000000000000000f6",
                    note="Deposits paused for a wallet upgrade",
                ),
                "TONCOIN": Network(
                    name="Toncoin(TON)",
                    network="ton",
                    deposit=False,
                    withdraw_fee="0.5",
                    precision=18,
                    confirmations=61,
                    memo_required=True,
                ),
            },
        ),
        "EOS": Asset(
            "EOS",
            "EOS",
            "EOS",
            networks={
                "Unheard of chain": Network(
                    name="Unheard of chain",
                    deposit=True,
                    withdraw=True,
                    withdraw_min="0.500000000000000000",
                    withdraw_max="8000.000000000000000000",
                    withdraw_fee="0.250000000000000000",
                    memo_required=True,
                )
            },
        ),
        "STAGE": Asset(
            "STAGE",
            "STAGE",
            "Stage",
            networks={
                "SOL": Network(
                    name="Solana(SOL)",
                    network="solana",
                    deposit=True,
                    withdraw=True,
                    confirmations=1,
                    memo_required=True,
                )
            },
        ),
        "龙猫": Asset("龙猫", "龙猫"),
        "NUL": Asset("NUL", "NUL", "Nul"),
        "MISS": Asset("MISS", "MISS", "Missing"),
    }
    assert batch.skipped == Counter({"no-code": 3, "duplicate": 1, "not-a-flag": 1, "not-a-number": 1})


@pytest.mark.parametrize(
    ("tip", "expected"), [("fill in the TAG", True), ("MEMO", True), ("a percentage of the stage", None), ("", None)]
)
def test_memo_is_needed_where_a_tip_names_it_and_else_unknown(tip, expected):
    chain = {"netWork": "SOL", "sameAddress": False, "withdrawTips": tip}
    batch = mexc.parse_assets([{"coin": "X", "networkList": [chain]}])
    assert batch.assets["X"].networks["SOL"].memo_required is expected


@pytest.mark.parametrize(
    ("multiple", "expected"),
    [
        (None, None),
        ("", None),
        ("0", 0),
        ("18", 18),
        (8, 8),
        ("6.000000000000000000", 6),
        ("31", None),
        ("100", None),
        ("0.001", 3),
        ("0.0010", 3),
        (Decimal("1E-8"), 8),
        ("2.5", None),
        ("many", None),
    ],
)
def test_integer_multiple_is_a_count_of_decimals_or_a_step(multiple, expected):
    chain = {"netWork": "SOL", "withdrawIntegerMultiple": multiple}
    batch = mexc.parse_assets([{"coin": "X", "networkList": [chain]}])
    assert batch.assets["X"].networks["SOL"].precision == expected


def test_pairs_offline_list_halts_and_an_unknown_status_is_unknown(sample):
    offline = mexc.parse_offline(sample("mexc/offline"))
    assert offline == {"OLDUSDT", "STOPUSDT", "ANCIENTETH"}
    assert mexc.parse_pairs(sample("mexc/exchangeInfo"), offline) == [
        Pair("BTCUSDT", "BTC", "USDT", "BTC", "USDT", "trading"),
        Pair("WORDUSDT", "WORD", "USDT", "WORD", "USDT", "trading"),
        Pair("ABC3LUSDT", "ABC3L", "USDT", "ABC3L", "USDT", "halted"),
        Pair("GONEUSDT", "GONE", "USDT", "GONE", "USDT", "halted"),
        Pair("SHUTUSDT", "SHUT", "USDT", "SHUT", "USDT", None),
        Pair("ODDUSDT", "ODD", "USDT", "ODD", "USDT", None),
        Pair("STOPUSDT", "STOP", "USDT", "STOP", "USDT", "halted"),
        Pair("4USDE", "4", "USDE", "4", "USDE", "trading"),
        Pair("龙猫USDT", "龙猫", "USDT", "龙猫", "USDT", "trading"),
        # Named by the offline list alone: counted, but nobody tells base and quote.
        Pair("ANCIENTETH", "", "", "", "", "halted"),
        Pair("OLDUSDT", "", "", "", "", "halted"),
    ]


def test_prices_empty_sides_are_none_and_each_row_has_its_own_time(sample):
    pairs = PairList(mexc.parse_pairs(sample("mexc/exchangeInfo"), mexc.parse_offline(sample("mexc/offline"))))
    batch = mexc.parse_prices(sample("mexc/tickers"), QuoteBatch(pairs))
    assert batch.quotes == {
        "BTC/USDT": Quote(
            "BTCUSDT",
            "91230.39",
            "91230.40",
            "0.41",
            "1.07",
            "91230.4",
            None,
            "7633.12091",
            "694345678.9",
            "trading",
            1767225600204,
        ),
        "WORD/USDT": Quote("WORDUSDT", None, "0.009", None, None, "0.004", None, "0", None, "trading", 1767225600205),
        "ABC3L/USDT": Quote("ABC3LUSDT", "0.5", None, "3", None, "0.5", None, "1", "0.5", "halted", None),
        "龙猫/USDT": Quote("龙猫USDT", "1", "1", "1", "1", "1", None, "2", "2", "trading", 1767225600204),
    }
    assert batch.skipped == Counter({"unknown-symbol": 2, "no-price": 1, "crossed": 1, "negative": 1})


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        (
            {"status": "VALID", "permissions": "SPOT_ACCOUNT_READ,SPOT_WITHDRAW_READ", "remainingValidity": -999},
            KeyInfo(("SPOT_ACCOUNT_READ", "SPOT_WITHDRAW_READ")),
        ),
        (
            {"status": "VALID", "permissions": "SPOT_WITHDRAW_READ,SPOT_DEAL_WRITE", "remainingValidity": 8},
            KeyInfo(
                ("SPOT_WITHDRAW_READ", "SPOT_DEAL_WRITE"),
                ("the key may write (SPOT_DEAL_WRITE); SPOT_WITHDRAW_READ is enough",),
                8,
            ),
        ),
        (
            {"status": "VALID", "permissions": "SPOT_ACCOUNT_READ", "remainingValidity": 7},
            KeyInfo(
                ("SPOT_ACCOUNT_READ",),
                ("the key lacks SPOT_WITHDRAW_READ, which the list of coins needs",),
                7,
            ),
        ),
    ],
)
def test_key_that_may_write_or_ends_soon_is_warned_of(info, expected):
    assert mexc.parse_key(info) == expected


def test_key_that_has_ended_is_refused():
    with pytest.raises(AuthFailed, match=r"^the key has expired$"):
        mexc.parse_key({"remainingValidity": 0, "createTime": 1767225600000})


@pytest.mark.parametrize("status", ["FROZEN", "DELETE"])
def test_key_that_is_not_valid_is_refused(status):
    with pytest.raises(AuthFailed, match=f"^api_key is {status}, not VALID$"):
        mexc.parse_key({"status": status, "permissions": "SPOT_WITHDRAW_READ"})


@pytest.mark.parametrize(
    ("query", "signed", "signature"),
    [
        (
            {},
            "recvWindow=5000&timestamp=1767225600000",
            "7b7af0b104cf0a4f05875e14082f35f1a9533319d24ea479e4e0330834f0f9b7",
        ),
        (
            {"accessKey": "mx0TESTKEY0000000001"},
            "accessKey=mx0TESTKEY0000000001&recvWindow=5000&timestamp=1767225600000",
            "77efaf8c7b21e488ead524852996c8c70aa516853a66d96b3ebfd50ad3cf0ca6",
        ),
        (
            {"coin": "USDT", "network": "Tron(TRC20)"},
            "coin=USDT&network=Tron%28TRC20%29&recvWindow=5000&timestamp=1767225600000",
            "709319aa92160427b643e5082a70bfa96e85a337ebcae3bfe16c0e5b9ca5fdce",
        ),
    ],
)
def test_signature_matches_the_vector(adapt, query, signed, signature):
    adapter = adapt(MexcAdapter, "http://127.0.0.1:1", credentials=KEY)
    request = Request("GET", "api.mexc.com", "/api/v3/capital/config/getall", encode_query(query), 1767225600000)
    adapter.sign(request)
    assert request.query == f"{signed}&signature={signature}"
    assert request.headers == {"X-MEXC-APIKEY": "mx0TESTKEY0000000001"}


def test_signature_without_a_window_matches_the_vector():
    signature = mexc.hmac_hex(KEY["api_secret"], "timestamp=1767225600000")
    assert signature == "5767ffbee0943e3ba61dae2e84110d839487b54bc204f97b7c70fc6692a94f2e"


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"serverTime": 1767225600123},
        {"data": [], "code": 0, "msg": "success"},
        {"data": [], "code": 200, "msg": None},
        {"data": [], "code": None},
    ],
)
def test_every_form_of_a_good_answer_is_good(adapt, body):
    assert adapt(MexcAdapter, "http://127.0.0.1:1").check_answer(answer(body)) is None


@pytest.mark.parametrize(
    ("number", "status", "expected"),
    [
        (400, 400, AuthFailed),
        (401, 401, AuthFailed),
        (602, 400, AuthFailed),
        (10072, 400, AuthFailed),
        (700001, 400, AuthFailed),
        (700002, 400, AuthFailed),
        (700002, 200, AuthFailed),
        (700013, 400, AuthFailed),
        (99, 401, AuthFailed),
        (700003, 400, ClockSkew),
        (10073, 400, ClockSkew),
        (700006, 403, IpNotAllowed),
        (700007, 403, PermissionDenied),
        (26, 400, PermissionDenied),
        (99, 403, Blocked),
        (500, 200, Unavailable),
        (503, 503, Unavailable),
        (504, 504, Unavailable),
        (20002, 400, Unavailable),
        (730000, 400, Unavailable),
        (99, 500, Unavailable),
        (700004, 400, BadAnswer),
        (700005, 400, BadAnswer),
        (10007, 200, BadAnswer),
        (-1121, 400, BadAnswer),
        (30016, 400, BadAnswer),
    ],
)
def test_error_codes_choose_the_class_and_stay_in_the_message(adapt, number, status, expected):
    adapter = adapt(MexcAdapter, "http://127.0.0.1:1")
    with pytest.raises(expected, match=rf"^HTTP {status}: .*its words \(code {number}\)$") as caught:
        adapter.check_answer(answer({"code": number, "msg": "its words", "_extend": None}, status))
    assert type(caught.value) is expected


def test_words_of_an_error_may_stand_under_message(adapt):
    body = {"code": 500, "message": "Under maintenance, please try again later", "announcement": "https://example.com"}
    with pytest.raises(Unavailable, match=r"^HTTP 503: Under maintenance, please try again later \(code 500\)$"):
        adapt(MexcAdapter, "http://127.0.0.1:1").check_answer(answer(body, 503))


@pytest.mark.parametrize(
    ("body", "status", "headers", "wait"),
    [
        ({"code": 429, "msg": "Too many requests"}, 200, {}, 10.0),
        ({"code": 429, "msg": "Too many requests"}, 429, {"retry-after": "3"}, 3.0),
        (None, 429, {"retry-after": "4"}, 4.0),
        (None, 429, {}, 10.0),
    ],
)
def test_rate_limit_waits_as_told_else_ten_seconds(adapt, body, status, headers, wait):
    with pytest.raises(RateLimited) as caught:
        adapt(MexcAdapter, "http://127.0.0.1:1").check_answer(answer(body, status, headers, body is not None))
    assert caught.value.retry_after == wait


def test_ban_is_never_asked_again_and_says_until_when(adapt):
    adapter = adapt(MexcAdapter, "http://127.0.0.1:1")
    banned = answer({"code": 418, "msg": "ip banned"}, 418, {"retry-after": "3600"})._replace(received_ms=1767225600000)
    words = r"^HTTP 418: this address is banned for a while: ip banned \(code 418\)$"
    with pytest.raises(Blocked, match=words) as told:
        adapter.check_answer(banned)
    assert (told.value.retryable, told.value.retry_after, told.value.until_ms) == (False, 3600.0, 1767229200000)
    # Without a header it lasts the documented least, two minutes.
    silent = answer(None, 418, is_json=False)._replace(received_ms=1767225600000)
    with pytest.raises(Blocked, match=r"^HTTP 418: this address is banned for a while$") as caught:
        adapter.check_answer(silent)
    assert (caught.value.retryable, caught.value.until_ms) == (False, 1767225720000)


def test_jobs_against_the_sandbox_make_these_requests(sandbox, adapt):
    adapter = adapt(MexcAdapter, sandbox.url("MEXC"), credentials=sandbox.apis["MEXC"].keys)
    assets = adapter.assets().assets
    assert assets["USDT"].networks["TRX"].network == "tron"
    half = assets["HALF"].networks["ETH"]
    assert (half.deposit, half.note) == (True, "Deposits paused for a wallet upgrade")
    batch = adapter.prices()
    statuses = {key: batch.quotes[key].status for key in ("BTC/USDT", "ABC3L/USDT", "SHUT/USDT", "龙猫/USDT")}
    assert statuses == {"BTC/USDT": "trading", "ABC3L/USDT": "halted", "SHUT/USDT": None, "龙猫/USDT": "trading"}
    assert batch.quotes["DEAD/USDT"].bid is None
    assert batch.quotes["67/USDT"].ask == "0.03920"
    assert batch.skipped == Counter({"no-price": 1, "unknown-symbol": 1})
    assert adapter.check_key() == KeyInfo(("SPOT_ACCOUNT_READ", "SPOT_WITHDRAW_READ"), (), 82)
    adapter.prices()
    assert sandbox.requests("MEXC") == {
        "GET /api/v3/capital/config/getall": 1,
        "GET /api/v3/ticker/24hr": 2,
        "GET /api/v3/exchangeInfo": 1,  # remembered
        "GET /api/v3/symbol/offline": 1,
        KEY_PATH: 1,
    }


OFFLINE_FAULTS = [("empty-object", 1), ("error", 4), ("permission", 1), ("403", 1), ("429:3600", 1)]


@pytest.mark.parametrize(("fault", "requests"), OFFLINE_FAULTS)
def test_what_trades_is_unknown_without_the_offline_list(sandbox, adapt, no_sleep, fault, requests):
    sandbox.fault(f"MEXC/api/v3/symbol/offline={fault}")
    batch = adapt(MexcAdapter, sandbox.url("MEXC")).prices()
    assert batch.pairs.by_symbol["BTCUSDT"].status is None
    assert batch.quotes["BTC/USDT"].status is None
    # What exchangeInfo itself calls paused is halted all the same.
    assert batch.quotes["ABC3L/USDT"].status == "halted"
    assert sandbox.requests("MEXC")["GET /api/v3/symbol/offline"] == requests


def test_stats_count_what_only_the_offline_list_names(sandbox, adapt):
    adapter = adapt(MexcAdapter, sandbox.url("MEXC"))
    adapter.prices()
    stats = adapter.stats()
    listed = len(sandbox.world.pairs) + 7
    # One has status 2, one stands in both lists, two in the offline list alone; of one the status is unknown.
    assert stats.pairs == {"total": listed + 2, "trading": listed - 3, "halted": 4}
    assert stats.assets == {"total": None, "deposit_open": None, "withdraw_open": None}
    assert (stats.platform, stats.quota) == (Platform("unknown"), None)
    assert abs(stats.clock.skew_ms) < 1000


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"api_key": "mx0ANOTHERKEY000001"}, r"HTTP 400: api_key is unknown: Api key info invalid \(code 10072\)$"),
        (
            {"api_secret": "00000000000000000000000000000000"},
            r"HTTP 400: api_secret is wrong: Signature for this request is not valid. \(code 700002\)$",
        ),
    ],
)
def test_wrong_key_and_wrong_secret_are_told_apart(sandbox, adapt, changed, words):
    adapter = adapt(MexcAdapter, sandbox.url("MEXC"), credentials=sandbox.apis["MEXC"].keys | changed)
    with pytest.raises(AuthFailed, match=words):
        adapter.check_key()
    with pytest.raises(AuthFailed, match=words):
        adapter.assets()
    assert sandbox.requests("MEXC") == {KEY_PATH: 1, "GET /api/v3/capital/config/getall": 1}


@pytest.mark.parametrize("skew", [120_000, -120_000])
def test_clock_two_minutes_off_is_measured_and_tried_once_more(sandbox, adapt, skew):
    sandbox.fault(f"MEXC=skew:{skew}")
    adapter = adapt(MexcAdapter, sandbox.url("MEXC"), credentials=sandbox.apis["MEXC"].keys)
    assert adapter.assets().assets
    assert adapter.check_key().warnings == ()
    assert sandbox.requests("MEXC") == {
        "GET /api/v3/capital/config/getall": 2,
        "GET /api/v3/time": 1,
        KEY_PATH: 1,
    }


def test_clock_refused_again_is_clock_skew(sandbox, adapt):
    sandbox.fault("MEXC/api/v3/apiKeyInfo=clock")
    adapter = adapt(MexcAdapter, sandbox.url("MEXC"), credentials=sandbox.apis["MEXC"].keys)
    with pytest.raises(ClockSkew, match="outside of the recvWindow"):
        adapter.check_key()
    assert sandbox.requests("MEXC") == {KEY_PATH: 2, "GET /api/v3/time": 1}


def test_wallet_needs_both_keys_and_the_permission(sandbox, adapt):
    with pytest.raises(NoCredentials, match=r"^no credentials: api_key, api_secret missing$"):
        adapt(MexcAdapter, sandbox.url("MEXC")).assets()
    assert sandbox.requests("MEXC") == {}
    sandbox.fault("MEXC=permission")
    with pytest.raises(PermissionDenied, match="700007"):
        adapt(MexcAdapter, sandbox.url("MEXC"), credentials=sandbox.apis["MEXC"].keys).assets()
    assert sandbox.requests("MEXC") == {"GET /api/v3/capital/config/getall": 1}


def test_sandbox_lists_one_twin_and_changes_from_call_to_call(sandbox, adapt):
    coin = sandbox.world.coins[16]
    adapter = adapt(MexcAdapter, sandbox.url("MEXC"), credentials=sandbox.apis["MEXC"].keys)
    first, second = adapter.assets().assets, adapter.assets().assets
    codes = {network.network: network for network in first[coin.ticker].networks.values()}
    differing = [name for name in coin.networks if codes[name].contract != coin.contract(name)]
    assert differing == [coin.networks[0]]
    assert [one["USDT"].networks["TRX"].withdraw for one in (first, second)] == [True, False]
    assert first["ETH"].networks["ETH"].withdraw_fee != second["ETH"].networks["ETH"].withdraw_fee
