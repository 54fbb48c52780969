"""[sentinel] of the registry: limits, rules for some, and what is refused."""

from decimal import Decimal

import pytest

from marketctl.config.sentinel import Limits, SentinelSettings
from marketctl.errors import ConfigError
from marketctl.providers.loader import load_registry

RULE = 'a provider, an upper-case pair or pattern ("BTC/USDT", "BTC/*", "*/USDT"), or both with a space between'


@pytest.fixture
def read(tmp_path):
    def call(text):
        path = tmp_path / "providers.toml"
        path.write_text(text)
        return load_registry(path, environ={}).sentinel

    return call


def test_defaults(read):
    assert read("") == SentinelSettings(
        Limits(True, Decimal("0.05"), Decimal(6), Decimal("0.5"), Decimal("0.2"), 3),
    )
    assert read("").tightest == Decimal("0.05")


def test_the_last_rule_that_fits_counts_key_by_key(read):
    found = read("""
        [sentinel]
        max_deviation = 0.07
        [sentinel.rules."*/RUB"]
        max_deviation = 0.1
        jump = 0.25
        [sentinel.rules.RAPIRA]
        cycles = 9
        [sentinel.rules."RAPIRA USDT/RUB"]
        max_deviation = 0.02
        [sentinel.rules."MEXC BIFI/*"]
        enabled = false
        [providers.RAPIRA]
        path = "marketctl.providers.cex.rapira:RapiraAdapter"
        [providers.MEXC]
        path = "marketctl.providers.cex.mexc:MexcAdapter"
    """)
    assert found.of("BYBIT", "BTC/USDT") == Limits(max_deviation=Decimal("0.07"))
    assert found.of("BYBIT", "USDT/RUB") == Limits(max_deviation=Decimal("0.1"), jump=Decimal("0.25"))
    assert found.of("RAPIRA", "BTC/RUB") == Limits(max_deviation=Decimal("0.1"), jump=Decimal("0.25"), cycles=9)
    assert found.of("RAPIRA", "USDT/RUB") == Limits(max_deviation=Decimal("0.02"), jump=Decimal("0.25"), cycles=9)
    assert not found.of("MEXC", "BIFI/ETH").enabled
    assert found.of("MEXC", "ETH/BIFI").enabled
    assert found.tightest == Decimal("0.02")


def test_switched_off_with_a_rule_that_is_on_is_on(read):
    assert not read("[sentinel]\nenabled = false").enabled
    assert read('[sentinel]\nenabled = false\n[sentinel.rules."*/RUB"]\nenabled = true').enabled


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (
            "max_deviation = 5",
            "[sentinel] max_deviation: found 5 (integer), expected a share: 0.05 is 5 %, from 0.0001 to 1",
        ),
        ("mad = 0.5", "[sentinel] mad: found 0.5 (float), expected a factor, from 1 to 1000"),
        ("jump = true", "[sentinel] jump: found true (boolean), expected a share: 0.5 is 50 %, from 0.0001 to 100"),
        ("jump = nan", "[sentinel] jump: found nan (float), expected a share: 0.5 is 50 %, from 0.0001 to 100"),
        ("mad = inf", "[sentinel] mad: found inf (float), expected a factor, from 1 to 1000"),
        ("cycles = 0", "[sentinel] cycles: found 0 (integer), expected an integer from 1 to 1000"),
        ("max_deviaton = 0.1", '[sentinel] unknown key "max_deviaton"; did you mean "max_deviation"?'),
        ('rules = { "btc/usdt" = {} }', '[sentinel.rules] "btc/usdt"'),
        ('rules = { "A B BTC/USDT" = {} }', '[sentinel.rules] "A B BTC/USDT"'),
        ('rules = { "BTC/USDT/X" = {} }', '[sentinel.rules] "BTC/USDT/X"'),
        ('rules = { "*/RUB" = { jumps = 1 } }', '[sentinel.rules.*/RUB] unknown key "jumps"; did you mean "jump"?'),
    ],
)  # fmt: skip
def test_what_is_wrong_is_told_with_its_place(read, tmp_path, text, told):
    with pytest.raises(ConfigError) as error:
        read(f"[sentinel]\n{text}")
    if told.startswith('[sentinel.rules] "'):
        told = told.replace("[sentinel.rules] ", "[sentinel.rules]: found ") + f", expected {RULE}"
    assert error.value.message == f"{tmp_path / 'providers.toml'}: {told}"


def test_a_rule_for_a_provider_that_is_not_there_is_a_typo(read):
    text = '[sentinel.rules."{} */RUB"]\njump = 0.1\n[providers.RAPIRA]\npath = "marketctl.providers.cex.rapira:X"\n'
    assert read(text.format("RAPIRA").replace(":X", ":RapiraAdapter")).rules[0].provider == "RAPIRA"
    with pytest.raises(ConfigError) as caught:
        read(text.format("RAPRIA"))
    assert caught.value.message.endswith(
        '[sentinel.rules]: "RAPRIA */RUB": no such provider RAPRIA; did you mean RAPIRA?'
    )
    with pytest.raises(ConfigError, match=r"no such provider KRAKEN; expected one of \[providers\]"):
        read(text.format("KRAKEN"))
