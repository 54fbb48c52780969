"""Secrets are hidden by value, in every form they travel in."""

import base64
import json
from urllib.parse import quote, quote_plus

import pytest

from marketctl import redact as module
from marketctl.cli.table import Aged
from marketctl.redact import mask_url, protect, redact, redact_data

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


def test_the_zeros_of_a_key_hide_no_amount():
    protect(["65000000000000000000f00d"])
    assert redact("0.0000000000004453741 ISG stay at MEXC") == "0.0000000000004453741 ISG stay at MEXC"
    assert redact("of 65000000000000000000f00d the end: 00000000000f00d") == "of *** the end: ***"


def test_nothing_is_hidden_before_anything_is_protected():
    assert redact("a text") == "a text"


@pytest.mark.parametrize(
    "told",
    [
        "sandbox-secret-\n 0123456789",  # broken over lines
        "s a n d b o x - s e c r e t - 0 1 2 3 4 5 6 7 8 9",
        "the first half: sandbox-secre",
        "73616e64626f782d7365637265742d30313233343536373839",
        "hex 73616E64626F782D7365637265742D30313233343536373839",
    ],
)
def test_words_hide_a_long_value_in_pieces_and_in_other_clothes(told):
    protect(["sandbox-secret-0123456789"])
    hidden = redact(told)
    assert "***" in hidden
    assert "secre" not in hidden.replace(" ", "").replace("\n", "")
    assert "36372d" not in hidden


def test_html_and_twice_quoted_are_hidden_in_words():
    secret = "k3y/with+odd<chars>&more"
    protect([secret])
    assert redact("k3y/with+odd&lt;chars&gt;&amp;more") == "***"
    assert redact(quote(quote(secret, safe=""), safe="")) == "***"


def test_data_keep_what_a_short_secret_or_a_number_would_break():
    protect(["redis", "91197", "0000", "sandbox-secret-0123456789"])
    data = {"stored": ["redis", "file"], "bid": "91197.35", "n": 0, "note": "key sandbox-secret-0123456789!"}
    assert redact_data(data) == data | {"note": "key ***!"}
    assert redact("price 91197.35 and 10000") == "price 91197.35 and 10000"


def test_an_age_with_its_word_stays_one():
    protect(["a-secret-of-some-length"])
    row = ("KUCOIN", Aged(7_000, "stale"), ["a-secret-of-some-length"], None)
    assert redact_data([row]) == [("KUCOIN", Aged(7_000, "stale"), ["***"], None)]
    assert str(redact_data([row])[0][1]) == "7.0 s stale"


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://:pw@h:1/0", "redis://***@h:1/0"),
        ("redis://:hidden", "redis:***"),
        ("redis:/:hidden", "redis:***"),
        ("http://user:hidden", "http:***"),
        ("rediss://h:1?PASSWORD=hidden", "rediss://h:1?PASSWORD=***"),
        ("redis://127.0.0.1:6379/prod", "redis://127.0.0.1:6379/prod"),
        ("http://[::1]:80", "http://[::1]:80"),
        ("localhost:6379", "localhost:6379"),
    ],
)
def test_url_is_shown_without_its_password_also_mistyped(url, shown):
    assert mask_url(url) == shown


def test_a_short_secret_that_is_a_common_word_breaks_no_line_of_monitoring_no_page_and_no_table(capsys):
    from marketctl.board.compact import safe, words
    from marketctl.check.health import Check, Health
    from marketctl.cli.globals import Globals
    from marketctl.cli.output import print_csv, print_rows
    from marketctl.jobs.result import Result
    from marketctl.monitoring.nagios import nagios_line, nagios_unknown
    from marketctl.monitoring.pings import body

    protect(["KUCOIN", "prices", "healthy", "Tether", "MARKETCTL", "a-long-secret-of-mine"])
    well = Health("KUCOIN", [Check("published", "pass", message="fresh")])
    assert nagios_line([well], 12) == "MARKETCTL OK - KUCOIN healthy | time=0.012s KUCOIN_time=0.000s"
    ill = Health("KUCOIN", [Check("prices", "fail", message="it said Tether")])
    assert nagios_line([ill], 12).startswith("MARKETCTL CRITICAL - KUCOIN prices: it said *** | ")
    assert nagios_unknown("no file Tether.toml") == "MARKETCTL UNKNOWN - no file ***.toml"
    failed = Result("KUCOIN", "prices", "failed", "auth", "it said Tether")
    assert body([failed, Result("KUCOIN", "prices")]) == (
        b"KUCOIN prices failed (auth): it said ***\nKUCOIN prices ok\n"
    )
    assert (safe("Tether"), words("it said Tether")) == ("Tether", "it said ***")
    print_rows(Globals(), ["provider", "note"], [("KUCOIN", "Tether a-long-secret-of-mine")])
    print_csv(["provider", "note"], [("KUCOIN", "Tether a-long-secret-of-mine")])
    assert capsys.readouterr().out == "KUCOIN\tTether ***\nprovider,note\nKUCOIN,Tether ***\n"


def test_what_names_an_account_is_no_secret(tmp_path):
    from marketctl.config.credentials import load_credentials

    path = tmp_path / "credentials.toml"
    path.write_text('[RAPIRA]\nuid = "a-public-name-of-mine"\nprivate_key = "a-private-key-of-mine"\n')
    path.chmod(0o600)
    protect(load_credentials(path, {}).all_values())
    load_credentials(path, {}).for_provider("RAPIRA", ("uid", "private_key"))
    assert redact("a-public-name-of-mine a-private-key-of-mine") == "a-public-name-of-mine ***"


def test_a_channel_on_this_machine_does_not_hide_addresses_of_it():
    protect(["json://127.0.0.1:8099/s3cr3t-webhook-token", "jsons://hooks.example.com/s3cr3t"])
    assert redact("the board is at http://127.0.0.1:8099/") == "the board is at http://127.0.0.1:8099/"
    assert redact("POST json://127.0.0.1:8099/s3cr3t-webhook-token") == "POST json://127.0.0.1:8099***"
    assert "s3cr3t" not in redact("POST https://hooks.example.com/s3cr3t")
