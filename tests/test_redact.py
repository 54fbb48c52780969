"""Secrets are hidden by value, in every form they travel in."""

import base64
import json
from urllib.parse import quote, quote_plus

import pytest

from marketctl import redact as module
from marketctl.redact import protect, redact

SECRET = 'k3y/with+odd "chars"\\and=é'


@pytest.fixture(autouse=True)
def _own_secrets(monkeypatch):
    monkeypatch.setattr(module, "_secrets", set())


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        quote(SECRET),
        quote(SECRET, safe=""),
        quote_plus(SECRET),
        quote(SECRET, safe="").replace("%2F", "%2f").replace("%22", "%22").replace("%2B", "%2b").replace("%5C", "%5c")
        .replace("%3D", "%3d").replace("%C3%A9", "%c3%a9"),
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
        repr(SECRET)[1:-1],
    ],
)  # fmt: skip
def test_a_value_is_hidden_plain_in_urls_and_in_json(form):
    protect([SECRET])
    assert redact(f"before {form} after") == "before *** after"


@pytest.mark.parametrize("before", ["", "u", "us", "user:", "a longer user name:"])
@pytest.mark.parametrize("after", ["", ":", "::", ":::rest"])
def test_a_value_inside_a_base64_text_is_hidden_in_each_alignment(before, after):
    secret = "sandbox-secret-0123456789"
    protect([secret])
    hidden = redact(base64.b64encode((before + secret + after).encode()).decode())
    assert "***" in hidden
    # What is left on both sides does not hold the value's middle in any alignment.
    for pad in range(3):
        inner = base64.b64encode(b"\0" * pad + secret.encode()).decode()[4:-8]
        assert inner not in hidden


def test_url_safe_base64_is_hidden_too():
    secret = "\u00ff\u00fe?>~~secret~~>?\u00ff"
    protect([secret])
    assert "***" in redact(base64.urlsafe_b64encode(secret.encode()).decode())


def test_a_key_of_several_lines_is_hidden_as_it_stands_and_in_json():
    pem = "-----BEGIN KEY-----\nMIIBVgIBADANBg\n-----END KEY-----"
    protect([pem])
    assert redact(f"key: {pem}.") == "key: ***."
    assert redact(json.dumps({"private_key": pem})) == '{"private_key": "***"}'


def test_a_value_that_contains_another_is_hidden_whole():
    protect(["abcd", "abcdefgh"])
    assert redact("abcdefgh abcd") == "*** ***"


def test_values_too_short_to_tell_from_words_are_left():
    protect(["abc", ""])
    assert redact("abc") == "abc"


def test_a_value_that_is_no_text_in_utf_8_is_hidden():
    # An environment variable with bytes that are no UTF-8 comes like this.
    protect(["key\udcff\udcfe1234"])
    assert redact("it is key\udcff\udcfe1234 here") == "it is *** here"


def test_nothing_is_hidden_before_anything_is_protected():
    assert redact("a text") == "a text"
