"""RAPIRA. Long: one adapter's answers, the models they become and its requests, written out.

Sample answers to exact models, the requests that are made, the login, its errors.
"""

import base64
import builtins
import json
from collections import Counter

import pytest

from marketctl.errors import (
    AuthFailed,
    BadAnswer,
    Blocked,
    ConfigError,
    Maintenance,
    NoCredentials,
    PermissionDenied,
    RateLimited,
    Unavailable,
)
from marketctl.http.messages import Answer, Request
from marketctl.models import Asset, Clock, KeyInfo, Network, Pair, Platform, Quote
from marketctl.providers.batch import PairList, QuoteBatch
from marketctl.providers.cex import rapira
from marketctl.providers.cex.rapira import RapiraAdapter

RATES, PAIRS, THUMBS = "GET /open/market/rates", "GET /open/market/pairs", "GET /market/symbol-thumb"
LOGIN = "POST /open/generate_jwt"


def answer(body, status=200, is_json=True):
    return Answer(status, {}, body, b"", is_json, 1735689600000, 1735689600080)


def test_assets_join_the_rows_of_a_coin_and_rub_is_added(sample):
    batch = rapira.parse_assets(sample("rapira/token"))
    assert batch.assets == {
        "USDT": Asset(
            "USDT",
            "USDT",
            networks={
                "TRX": Network(
                    name="TRC20",
                    network="tron",
                    deposit=True,
                    withdraw=True,
                    deposit_min="0.03",
                    withdraw_min="6",
                    withdraw_fee="2.50",
                    precision=2,
                ),
                "ETH": Network(
                    name="ERC20",
                    network="ethereum",
                    deposit=True,
                    withdraw=False,
                    deposit_min="0.03",
                    withdraw_min="25",
                    withdraw_fee="7",
                    precision=6,
                ),
            },
        ),
        "BTC": Asset(
            "BTC",
            "BTC",
            networks={
                "BTC": Network(
                    network="bitcoin",
                    deposit=False,
                    withdraw=False,
                    deposit_min="0.00001",
                    withdraw_min="0.0006",
                    precision=8,
                ),
                "ZZCHAIN": Network(deposit=True),
            },
        ),
        "RUB": Asset("RUB", "RUB", fiat=True),
    }
    assert (batch.assets["BTC"].deposit, batch.assets["BTC"].withdraw) == (True, None)
    assert (batch.assets["RUB"].deposit, batch.assets["RUB"].withdraw) == (None, None)
    assert batch.skipped == Counter({"no-code": 2, "duplicate": 1})


def test_assets_may_come_in_an_envelope(sample):
    rows = sample("rapira/token")
    assert rapira.parse_assets({"data": rows}).assets == rapira.parse_assets(rows).assets


@pytest.mark.parametrize("body", [[], {"data": []}, {}, "text", [{"coinId": "USDT"}], [{"unexpected": 1}, 7]])
def test_rub_alone_is_no_list_of_assets(body):
    with pytest.raises(BadAnswer):
        rapira.parse_assets(body)


def test_pairs_the_symbol_is_believed_and_a_missing_pair_is_halted(sample):
    statuses = rapira.parse_statuses(sample("rapira/pairs"))
    assert statuses == {
        "USDT/RUB": "trading",
        "BTC/USDT": "trading",
        "TON/USDT": "trading",
        "DASH/USDT": "halted",
        "ODD/USDT": None,
    }
    assert rapira.parse_pairs(sample("rapira/rates")["data"], statuses) == [
        Pair("USDT/RUB", "USDT", "RUB", "USDT", "RUB", "trading"),
        Pair("BTC/USDT", "BTC", "USDT", "BTC", "USDT", "trading"),
        Pair("TON/USDT", "TON", "USDT", "TON", "USDT", "trading"),
        Pair("DASH/USDT", "DASH", "USDT", "DASH", "USDT", "halted"),
        Pair("PEPE/USDT", "PEPE", "USDT", "PEPE", "USDT", "halted"),
        Pair("ODD/USDT", "ODD", "USDT", "ODD", "USDT", None),
        Pair("MISS/USDT", "MISS", "USDT", "MISS", "USDT", "halted"),
        Pair("CROSS/USDT", "CROSS", "USDT", "CROSS", "USDT", "halted"),
    ]
    assert {pair.status for pair in rapira.parse_pairs(sample("rapira/rates")["data"], None)} == {None}


@pytest.mark.parametrize("body", [[], {}, [{"coinSymbol": "USDT"}], {"data": "text"}])
def test_list_of_pairs_without_a_readable_one_halts_nothing(body):
    with pytest.raises(BadAnswer):
        rapira.parse_statuses(body)


def test_prices_of_numbers_keep_their_digits_and_bad_rows_are_counted(sample):
    statuses = rapira.parse_statuses(sample("rapira/pairs"))
    volumes = rapira.parse_volumes(sample("rapira/symbol-thumb"))
    batch = QuoteBatch(PairList(rapira.parse_pairs(sample("rapira/rates")["data"], statuses)))
    rapira.parse_prices(sample("rapira/rates")["data"], volumes, batch)
    rest = (None, None)
    assert batch.quotes == {
        "USDT/RUB": Quote(
            "USDT/RUB", "81.90", "81.97", *rest, "81.95", None, "1350034.25", "110627806.7875", "trading", None
        ),
        "BTC/USDT": Quote("BTC/USDT", "91230.4", "91231.5", *rest, "91230", None, None, None, "trading", None),
        "TON/USDT": Quote("TON/USDT", None, "3.25", *rest, "3.24", None, None, None, "trading", None),
        "DASH/USDT": Quote("DASH/USDT", "41.1", "41.4", *rest, "41.2", None, None, None, "halted", None),
        "PEPE/USDT": Quote(
            "PEPE/USDT", "0.00000410", "0.0000042", *rest, "0.0000041", None, None, None, "halted", None
        ),
        "ODD/USDT": Quote("ODD/USDT", "1.1", "1.2", *rest, "1", None, None, None, None, None),
    }
    assert batch.skipped == Counter({"unknown-symbol": 2, "no-price": 1, "crossed": 1})


def test_login_matches_the_vector(sample):
    vector = sample("rapira/login")
    body = rapira.login_body(vector["uid"], vector["private_key"], vector["expires"], vector["jti"])
    assert json.loads(body) == {"kid": vector["uid"], "jwt_token": vector["jwt_token"]}


def test_key_is_read_in_every_form_it_is_handed_around(sample):
    vector = sample("rapira/login")
    handed_out = vector["private_key"]
    pem = base64.b64decode(handed_out).decode()
    bare = "".join(pem.splitlines()[1:-1])
    wrapped = "\n".join(handed_out[start : start + 76] for start in range(0, len(handed_out), 76))
    for form in (
        pem,
        pem.replace("\n", "\\n"),
        pem.replace("\n", "\r\n"),
        bare,
        pem.strip(),
        wrapped,
        f" {handed_out}\n",
    ):
        body = rapira.login_body(vector["uid"], form, vector["expires"], vector["jti"])
        assert json.loads(body)["jwt_token"] == vector["jwt_token"]


def test_key_of_the_older_pem_form_is_read_too(sample):
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
        load_pem_private_key,
    )

    vector = sample("rapira/login")
    key = load_pem_private_key(base64.b64decode(vector["private_key"]), None)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption())
    assert pem.startswith(b"-----BEGIN RSA PRIVATE KEY-----")
    for form in (pem.decode(), base64.b64encode(pem).decode(), "".join(pem.decode().splitlines()[1:-1])):
        assert rapira.rsa_signature(form, b"x") == rapira.rsa_signature(vector["private_key"], b"x")


GIVE = "give the PEM, or its base64 as an exchange hands it out, without a passphrase"
PRIVATE = "give the private key that belongs to it: the exchange alone wants the public one"
EXPECTED = ", expected PRIVATE KEY or RSA PRIVATE KEY"


def other_keys():
    """Yield keys that cannot sign, with what is said of each, and what to do."""
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519
    from cryptography.hazmat.primitives.serialization import (
        BestAvailableEncryption,
        Encoding,
        NoEncryption,
        PrivateFormat,
        PublicFormat,
    )

    key = ec.generate_private_key(ec.SECP256R1())
    plain, spki = NoEncryption(), PublicFormat.SubjectPublicKeyInfo
    for secrecy, form in ((plain, PrivateFormat.PKCS8), (plain, PrivateFormat.TraditionalOpenSSL)):
        ours = "make an RSA key for this exchange"
        yield key.private_bytes(Encoding.PEM, form, secrecy), "is a private key of the kind EC, expected RSA", ours
    other = ed25519.Ed25519PrivateKey.generate().private_bytes(Encoding.DER, PrivateFormat.PKCS8, plain)
    yield base64.b64encode(other), "is a private key of the kind Ed25519, expected RSA", ours
    take_off = "take it off: openssl pkey -in KEY.pem -out PLAIN.pem; give PLAIN.pem"
    for form in (PrivateFormat.PKCS8, PrivateFormat.TraditionalOpenSSL):
        secrecy = BestAvailableEncryption(b"passphrase")
        yield (
            key.private_bytes(Encoding.PEM, form, secrecy),
            "is a private key with a passphrase, expected one without",
            take_off,
        )
    for public in (
        key.public_key().public_bytes(Encoding.PEM, spki),
        base64.b64encode(key.public_key().public_bytes(Encoding.DER, spki)),
        base64.b64encode(key.public_key().public_bytes(Encoding.PEM, spki)),
    ):
        yield public, f"is a PEM of the kind PUBLIC KEY{EXPECTED}", PRIVATE
    ssh = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, plain)
    convert = "write it as PEM: ssh-keygen -p -m PEM -f FILE"
    yield ssh, f"is a PEM of the kind OPENSSH PRIVATE KEY{EXPECTED}", convert
    for found, kind in (("CERTIFICATE", f"is a PEM of the kind CERTIFICATE{EXPECTED}"), ("PRIVATE KEY", None)):
        yield f"-----BEGIN {found}-----\nSGVsbG8=\n-----END {found}-----".encode(), kind, GIVE
    for found in ("", "no base64 at all: äöü", "SGVsbG8="):
        yield found.encode(), None, GIVE


def test_key_that_cannot_sign_is_told_by_what_it_is_and_not_shown():
    for key, said, hint in other_keys():
        with pytest.raises(ConfigError) as caught:
            rapira.rsa_signature(key.decode(), b"x")
        assert caught.value.message == f"private_key {said or 'is no readable RSA key'}"
        assert caught.value.hint == hint
        assert (caught.value.__cause__, caught.value.__context__) == (None, None)


def test_login_without_cryptography_names_what_to_install(monkeypatch):
    real = builtins.__import__

    def without(name, *rest):
        if name.startswith("cryptography"):
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ConfigError, match="needs a package more") as caught:
        rapira.rsa_signature("", b"x")
    assert caught.value.hint == "pip install cryptography (the extra rapira)"


def test_login_is_new_and_short_on_every_attempt(adapt, sample):
    keys = {"uid": "u", "private_key": sample("rapira/login")["private_key"]}
    adapter = adapt(RapiraAdapter, "http://127.0.0.1:1", credentials=keys)
    seen = set()
    for _ in range(2):
        request = Request("POST", "api.rapira.net", "/open/generate_jwt", "", 1767225600999)
        adapter.sign(request)
        token = json.loads(request.body)["jwt_token"]
        claims = json.loads(base64.urlsafe_b64decode(token.split(".")[1] + "=="))
        assert request.headers == {"Content-Type": "application/json"}
        assert (set(claims), claims["exp"], len(claims["jti"])) == ({"exp", "jti"}, 1767227400, 24)
        seen.add(claims["jti"])
    assert len(seen) == 2


@pytest.mark.parametrize(
    ("status", "body", "expected", "message"),
    [
        (200, {"code": 500, "message": "Отказано"}, BadAnswer, "HTTP 200: Отказано (code 500)"),
        (200, {"code": "4001", "message": None}, BadAnswer, "HTTP 200 without words (code 4001)"),
        (200, {"code": None}, BadAnswer, "HTTP 200 without words (code None)"),
        (
            200,
            {"data": [], "code": 0, "isWorking": 0},
            Maintenance,
            "HTTP 200: the exchange says that it is not working (code isWorking)",
        ),
        (
            200,
            {"data": [], "code": 0, "isWorking": 2},
            Maintenance,
            "HTTP 200: the exchange says that it is not working (code isWorking)",
        ),
        (500, {"code": 500, "message": "x"}, Unavailable, "HTTP 500: x (code 500)"),
        (401, {"code": 401, "message": "x"}, AuthFailed, "HTTP 401: x (code 401)"),
        (403, {"code": 403, "message": "x"}, PermissionDenied, "HTTP 403: x (code 403)"),
        (429, {"code": 429, "message": "x"}, RateLimited, "HTTP 429: x (code 429)"),
        (429, None, RateLimited, "HTTP 429"),
        (451, {"code": 451, "message": "x"}, Blocked, "HTTP 451: x (code 451)"),
        (451, None, Blocked, "HTTP 451"),
    ],
)
def test_errors_by_envelope_and_status(adapt, status, body, expected, message):
    adapter = adapt(RapiraAdapter, "http://127.0.0.1:1")
    with pytest.raises(expected) as caught:
        adapter.check_answer(answer(body, status, is_json=body is not None))
    assert type(caught.value) is expected
    assert caught.value.message == message
    if expected is RateLimited:
        assert caught.value.retry_after == 15.0


@pytest.mark.parametrize(
    "body", [{"code": 0}, {"code": 200}, {"code": "0", "isWorking": 1}, {"isWorking": None}, {"data": []}, [], {}, 17]
)
def test_good_answers_with_and_without_an_envelope(adapt, body):
    adapt(RapiraAdapter, "http://127.0.0.1:1").check_answer(answer(body))


def test_jobs_against_the_sandbox_make_these_requests_without_a_key(sandbox, adapt):
    adapter = adapt(RapiraAdapter, sandbox.url("RAPIRA"))
    batch = adapter.assets()
    assert batch.assets["USDT"].networks["TRX"].network == "tron"
    assert batch.assets["RUB"] == Asset("RUB", "RUB", fiat=True)
    assert batch.assets["OLD"].networks["ETH"] == Network(
        network="ethereum", deposit=False, withdraw=False, deposit_min="0.0000001", withdraw_min="0.5", precision=4
    )
    assert batch.skipped == Counter({"no-code": 1})
    prices = adapter.prices()
    quote = prices.quotes["USDT/RUB"]
    assert 80 < float(quote.bid) < float(quote.ask) < 105
    assert (quote.status, quote.at_ms, quote.bid_size) == ("trading", None, None)
    assert quote.volume is not None
    statuses = {pair: prices.quotes[f"{pair}/USDT"].status for pair in ("THIN", "FLIP", "HALT", "NEW")}
    assert statuses == {"THIN": "trading", "FLIP": "trading", "HALT": "halted", "NEW": "halted"}
    assert prices.quotes["NEW/USDT"].bid == "0.0000002"
    assert prices.skipped == Counter({"no-price": 1, "unknown-symbol": 1})
    assert sandbox.requests("RAPIRA") == {"GET /open/token": 1, RATES: 1, PAIRS: 1, THUMBS: 1}


def test_every_network_of_the_sandbox_has_a_common_name(sandbox, adapt):
    assets = adapt(RapiraAdapter, sandbox.url("RAPIRA")).assets().assets
    for coin in sandbox.world.coins:
        assert {network.network for network in assets[coin.ticker].networks.values()} == set(coin.networks)


def test_configured_pairs_are_the_only_ones(sandbox, adapt):
    adapter = adapt(RapiraAdapter, sandbox.url("RAPIRA"), pairs=("USDT/RUB", "BTC/USDT"))
    assert set(adapter.prices().quotes) == {"USDT/RUB", "BTC/USDT"}


@pytest.mark.parametrize(
    "fault", ["500", "empty-list", "types", "html", "429:1", "drop", "truncated", "403", "refused"]
)
def test_prices_are_good_without_status_and_volume(sandbox, adapt, no_sleep, fault):
    sandbox.fault(f"RAPIRA/open/market/pairs={fault}", f"RAPIRA/market/symbol-thumb={fault}")
    batch = adapt(RapiraAdapter, sandbox.url("RAPIRA")).prices()
    assert {quote.status for quote in batch.quotes.values()} == {None}
    assert {quote.volume for quote in batch.quotes.values()} == {None}
    assert batch.skipped == Counter({"no-price": 1, "unknown-symbol": 1})


@pytest.mark.parametrize("fault", ["empty-list", "empty-object", "types", "refused"])
def test_rates_that_cannot_be_read_are_a_failure(sandbox, adapt, fault):
    sandbox.fault(f"RAPIRA/open/market/rates={fault}")
    with pytest.raises(BadAnswer):
        adapt(RapiraAdapter, sandbox.url("RAPIRA")).prices()
    assert sandbox.requests("RAPIRA") == {RATES: 1}


def test_stats_count_the_rates_and_sum_up_the_turnover(sandbox, adapt):
    stats = adapt(RapiraAdapter, sandbox.url("RAPIRA")).stats()
    listed = len(sandbox.apis["RAPIRA"].pairs)
    assert stats.pairs == {"total": listed + 5, "trading": listed + 3, "halted": 2}
    assert stats.assets["total"] == len(sandbox.world.coins) + 2
    assert set(stats.turnover_24h) == {"RUB", "USDT"}
    assert stats.platform == Platform("ok")
    assert abs(stats.clock.skew_ms) < 1000


def test_platform_is_what_the_rates_say(sandbox, adapt):
    adapter = adapt(RapiraAdapter, sandbox.url("RAPIRA"))
    assert adapter.platform() == Platform("ok")
    sandbox.fault("RAPIRA/open/market/rates=empty-object")
    assert adapter.platform() == Platform("unknown")
    sandbox.fault("RAPIRA=maintenance")
    told = "the exchange says that it is not working"
    assert adapter.platform() == Platform("maintenance", told)
    with pytest.raises(Maintenance):
        adapter.prices()


@pytest.mark.parametrize("body", [{"serverTime": 1735689601040}, 1735689601040, "1735689601040"])
def test_clock_with_and_without_an_envelope(adapt, monkeypatch, body):
    adapter = adapt(RapiraAdapter, "http://127.0.0.1:1")
    monkeypatch.setattr(adapter, "ask", lambda method, path: answer(body))
    assert adapter.clock() == Clock(1735689601040, 1000, 80)


def test_clock_of_another_shape_is_unknown(adapt, monkeypatch):
    adapter = adapt(RapiraAdapter, "http://127.0.0.1:1")
    monkeypatch.setattr(adapter, "ask", lambda method, path: answer([]))
    assert adapter.clock() == Clock(None, None, 80)


def test_check_of_a_good_key_needs_one_request(sandbox, adapt):
    adapter = adapt(RapiraAdapter, sandbox.url("RAPIRA"), credentials=sandbox.apis["RAPIRA"].keys)
    assert adapter.check_key() == KeyInfo()
    assert adapter.check_key() == KeyInfo()
    assert sandbox.requests("RAPIRA") == {LOGIN: 2}


def test_wrong_uid_wrong_key_and_wrong_clock_are_refused_alike(sandbox, adapt, sample):
    keys = sandbox.apis["RAPIRA"].keys
    wrong = ({"uid": "00000000-0000-4000-8000-000000000000"}, {"private_key": sample("rapira/login")["private_key"]})
    for changed in wrong:
        with pytest.raises(AuthFailed, match="Unauthorized"):
            adapt(RapiraAdapter, sandbox.url("RAPIRA"), credentials=keys | changed).check_key()
    assert sandbox.requests("RAPIRA") == {LOGIN: 2}
    sandbox.fault("RAPIRA=skew:7200000")
    with pytest.raises(AuthFailed, match="Unauthorized"):
        adapt(RapiraAdapter, sandbox.url("RAPIRA"), credentials=keys).check_key()


def test_login_without_a_token_or_with_403_is_refused(sandbox, adapt, monkeypatch):
    adapter = adapt(RapiraAdapter, sandbox.url("RAPIRA"), credentials=sandbox.apis["RAPIRA"].keys)
    sandbox.fault("RAPIRA=empty-object")
    with pytest.raises(AuthFailed, match="no token: uid, private_key or clock is wrong"):
        adapter.check_key()

    def forbidden(*_args, **_more):
        raise PermissionDenied("HTTP 403")

    monkeypatch.setattr(adapter, "ask", forbidden)
    with pytest.raises(AuthFailed, match=r"^the login is refused: HTTP 403$"):
        adapter.check_key()


def test_check_without_all_keys_asks_nothing(sandbox, adapt):
    with pytest.raises(NoCredentials, match=r"^no credentials: private_key missing$"):
        adapt(RapiraAdapter, sandbox.url("RAPIRA"), credentials={"uid": "u"}).check_key()
    assert sandbox.requests("RAPIRA") == {}


def test_geo_block_is_told_as_such(sandbox, adapt):
    sandbox.fault("RAPIRA=451")
    with pytest.raises(Blocked, match="451"):
        adapt(RapiraAdapter, sandbox.url("RAPIRA")).assets()
    assert sandbox.requests("RAPIRA") == {"GET /open/token": 1}


def test_rate_limit_without_a_time_waits_fifteen_seconds(sandbox, adapt, no_sleep):
    sandbox.fault("RAPIRA/open/token=rate-limit*1", "RAPIRA/open/token=429:2*1")
    assert adapt(RapiraAdapter, sandbox.url("RAPIRA")).assets().assets
    assert [round(wait) for wait in no_sleep] == [15, 2]
