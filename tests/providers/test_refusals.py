"""Refusals that operators met, made up anew: what each is told as, and of which keys to be warned."""

import base64
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
from marketctl.models import KeyInfo, Platform
from marketctl.providers.bank.cbr import CbrBankAdapter
from marketctl.providers.bank.ecb import EcbBankAdapter
from marketctl.providers.bank.nbu import NbuBankAdapter
from marketctl.providers.cash.frankfurter import FrankfurterCashAdapter
from marketctl.providers.cash.openexchangerates import OpenExchangeRatesCashAdapter
from marketctl.providers.cash.twelvedata import TwelveDataCashAdapter
from marketctl.providers.cex import bybit
from marketctl.providers.cex.bybit import BybitAdapter
from marketctl.providers.cex.htx import HtxAdapter
from marketctl.providers.cex.kucoin import KucoinAdapter
from marketctl.providers.cex.mexc import MexcAdapter
from marketctl.providers.cex.rapira import RapiraAdapter
from marketctl.providers.cex.whitebit import WhitebitAdapter
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


# Refusals ----------------------------------------------------------------------------------


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


# Keys --------------------------------------------------------------------------------------


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
