"""What signatures are made of, against published vectors and openssl's figures."""

import pytest

from marketctl.http.messages import encode_query
from marketctl.providers.signing import hmac_base64, hmac_hex


def test_hmac_sha256_of_rfc_4231():
    assert hmac_hex("Jefe", "what do ya want for nothing?") == (
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    )


def test_hmac_sha512_of_rfc_4231():
    assert hmac_hex("Jefe", "what do ya want for nothing?", "sha512") == (
        "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea250554"
        "9758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737"
    )


def test_hmac_base64_is_the_same_in_base64():
    assert hmac_base64("Jefe", "what do ya want for nothing?") == "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM="


@pytest.mark.parametrize(
    ("params", "encoded"),
    [
        ({}, ""),
        ({"b": "1", "a": "2"}, "b=1&a=2"),
        ({"time": "2026-01-01T00:00:00"}, "time=2026-01-01T00%3A00%3A00"),
        ({"a": "x y+z/~-_.", "symbol": "币"}, "a=x%20y%2Bz%2F~-_.&symbol=%E5%B8%81"),
        ([("a", "1"), ("a", "2")], "a=1&a=2"),
        ({"a&b": "c=d"}, "a%26b=c%3Dd"),
    ],
)
def test_query_is_encoded_by_rfc_3986_in_the_order_given(params, encoded):
    assert encode_query(params) == encoded
