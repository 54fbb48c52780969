"""WHITEBIT's sandbox is as strict as the API: what is malformed is refused, a nonce is taken once."""

import json

import pytest

from marketctl.errors import BadAnswer, ClockSkew
from marketctl.providers.cex import whitebit
from marketctl.providers.cex.whitebit import WhitebitAdapter


@pytest.mark.parametrize(
    ("body", "headers", "words"),
    [
        (b'{"request": "/api/v4/trade-account/balance"}', {}, "Invalid payload"),
        (b"{}", {"X-TXC-PAYLOAD": ""}, "Payload not provided"),
        (b'{"request":"/api/v4/other","nonce":1}', {}, "Request not provided"),
        (b'{"request":"/api/v4/trade-account/balance"}', {}, "Nonce not provided"),
        (b'{"request":"/api/v4/trade-account/balance","nonce":1,"nonceWindow":2}', {}, "Invalid nonceWindow"),
        (b'{"request":"/api/v4/trade-account/balance","nonce":0}', {}, "Too many requests"),
    ],
)
def test_sandbox_refuses_malformed_calls(sandbox, adapt, monkeypatch, body, headers, words):
    adapter = adapt(WhitebitAdapter, sandbox.url("WHITEBIT"), credentials=sandbox.apis["WHITEBIT"].keys)
    monkeypatch.setattr(whitebit, "private_body", lambda path, params, nonce: body)
    signed = adapter.sign

    def sign(request):
        signed(request)
        request.headers |= headers

    adapter.sign = sign
    with pytest.raises((BadAnswer, ClockSkew), match=words):
        adapter.check_key()


def test_sandbox_takes_a_nonce_once_and_answers_unknown_paths_with_nothing(sandbox, adapt, monkeypatch):
    keys = sandbox.apis["WHITEBIT"].keys
    fixed = json.dumps(
        {"request": "/api/v4/trade-account/balance", "nonce": 10**15, "nonceWindow": False}, separators=(",", ":")
    ).encode()
    monkeypatch.setattr(whitebit, "private_body", lambda path, params, nonce: fixed)
    adapt(WhitebitAdapter, sandbox.url("WHITEBIT"), credentials=keys).check_key()
    with pytest.raises(ClockSkew, match="the nonce did not rise"):
        adapt(WhitebitAdapter, sandbox.url("WHITEBIT"), credentials=keys).check_key()
    monkeypatch.setattr(WhitebitAdapter, "endpoints", ("GET /api/v4/platform/status",))
    with pytest.raises(BadAnswer, match="HTTP 404"):
        adapt(WhitebitAdapter, sandbox.url("WHITEBIT")).get("/api/v4/platform/status")
