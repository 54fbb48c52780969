"""[watch] of providers.toml: read strictly, with what is usual for what is left out."""

from datetime import time
from decimal import Decimal

import pytest

from marketctl.config.registry import read_registry
from marketctl.errors import ConfigError
from marketctl.notify.outbox import is_quiet
from marketctl.providers.loader import load_registry


def read(tmp_path, text: str):
    path = tmp_path / "providers.toml"
    path.write_text(f"[watch]\n{text}\n" if text else "")
    return read_registry(path, environ={}).watch


def test_what_is_usual(tmp_path):
    watch = read(tmp_path, "")
    assert (watch.given, watch.assets, watch.networks, watch.pairs) == (False, ("USDT", "USDC", "BTC", "ETH"), (), ())
    assert (watch.gap, watch.fee, watch.failing_after_s, watch.repeat_after_s) == (None, Decimal(20), 600, 86400)


def test_all_of_it(tmp_path):
    watch = read(
        tmp_path,
        'assets = ["TON"]\nnetworks = ["tron"]\npairs = ["BTC/USDT"]\nabove = { "BTC/USDT" = "120000.5" }\n'
        'below = { "USDT/RUB" = 90 }\ngap = "0.5%"\nfee = false\nfailing_after = "30min"\nrepeat_after = false\n'
        'quiet_hours = "23:00-07:30"\ntimezone = "Europe/Moscow"\nlanguage = "ru"\nheld = false\ngap_amount = "50"',
    )
    assert (watch.assets, watch.networks, watch.pairs) == (("TON",), ("tron",), ("BTC/USDT",))
    assert (watch.above, watch.below) == ({"BTC/USDT": Decimal("120000.5")}, {"USDT/RUB": Decimal(90)})
    assert (watch.gap, watch.fee, watch.failing_after_s, watch.repeat_after_s) == (Decimal("0.5"), None, 1800, None)
    assert (watch.quiet, watch.timezone, watch.language) == ((time(23), time(7, 30)), "Europe/Moscow", "ru")
    assert (watch.held, watch.gap_amount, watch.given) == (False, Decimal(50), True)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("asets = []", 'unknown key "asets"; did you mean "assets"?'),
        ('assets = ["usdt"]', 'assets: found "usdt" (string), expected an upper-case ticker such as "USDT"'),
        ('assets = ["*"]', 'assets: found "*" (string), expected an upper-case ticker such as "USDT"'),
        ('pairs = ["*/USDT"]', 'pairs: found "*/USDT" (string), expected upper-case "BASE/QUOTE"'),
        ('gap_amount = "1e999999"', 'gap_amount: found "1e999999" (string), expected a number above zero as a text'),
        ('gap_amount = "NaN"', 'gap_amount: found "NaN" (string), expected a number above zero as a text'),
        ('gap = "0.5"', 'gap: found "0.5" (string), expected percents such as "0.5%", or false'),
        ("gap = 0.5", 'gap: found 0.5 (float), expected percents such as "0.5%", or false'),
        ('fee = "x%"', 'fee: found "x%" (string), expected percents such as "0.5%", or false'),
        (
            'repeat_after = "2y"',
            'repeat_after: found "2y" (string), expected a time span such as "30min", "6h" or "7d"',
        ),
        ('above = { "BTC/USDT" = 1.5 }', "BTC/USDT: found 1.5 (float), expected a price above zero as a text"),
        ('above = { "BTC" = "1" }', 'found the key "BTC", expected an upper-case "BASE/QUOTE"'),
        ('quiet_hours = "7:00-23:00"', 'quiet_hours: found "7:00-23:00" (string), expected hours such as'),
        ('timezone = "Mars"', 'timezone: found "Mars" (string), expected a time zone such as "Europe/Moscow"'),
        ('language = "de"', 'language: found "de" (string), expected "en" or "ru"'),
        ("doors = 1", "doors: found 1 (integer), expected true or false"),
    ],
)
def test_a_typo_is_an_error(tmp_path, text, message):
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text)
    assert message in caught.value.message
    assert "[watch" in caught.value.message


def test_a_network_that_nobody_has_is_a_typo(tmp_path):
    path = tmp_path / "providers.toml"
    path.write_text('[watch]\nnetworks = ["tron", "troon"]\n')
    with pytest.raises(ConfigError) as caught:
        load_registry(path, environ={})
    assert caught.value.message == f'{path}: [watch] networks: no such network "troon"; did you mean tron?'
    path.write_text('[watch]\nnetworks = ["tron", "arbitrum-one"]\n')
    assert load_registry(path, environ={}).watch.networks == ("tron", "arbitrum-one")


def test_a_machine_without_time_zones_knows_utc_and_says_what_to_install(tmp_path, monkeypatch):
    import sys
    import zoneinfo

    monkeypatch.setitem(sys.modules, "tzdata", None)
    before = zoneinfo.TZPATH
    zoneinfo.reset_tzpath(to=[])
    zoneinfo.ZoneInfo.clear_cache()
    try:
        watch = read(tmp_path, 'quiet_hours = "23:00-07:00"\ntimezone = "UTC"')
        assert is_quiet(watch.quiet, watch.timezone, 0)
        with pytest.raises(ConfigError, match="; this machine knows none") as error:
            read(tmp_path, 'timezone = "Europe/Moscow"')
        assert error.value.hint == "apt-get install tzdata"
    finally:
        zoneinfo.reset_tzpath(to=before)
