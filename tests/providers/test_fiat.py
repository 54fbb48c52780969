"""The ISO 4217 codes: current, historic, metals; and what only looks like one."""

import pytest

from marketctl.providers.fiat import FIAT_CODES, is_fiat


@pytest.mark.parametrize(
    "code", ["USD", "EUR", "RUB", "TRY", "UAH", "KZT", "GEL", "JPY", "CNY", "VES", "VED", "ZWG", "XCG", "SLE", "CLF"]
)
def test_is_fiat_current(code: str) -> None:
    assert is_fiat(code)


@pytest.mark.parametrize("code", ["XAU", "XAG", "XPT", "XPD", "XDR", "XAF", "XOF", "XPF", "XCD"])
def test_is_fiat_metals_and_supranational(code: str) -> None:
    assert is_fiat(code)


@pytest.mark.parametrize("code", ["VEF", "HRK", "BYR", "ZWL", "DEM", "MRO", "STD", "CUC", "LTL", "BGN", "ANG"])
def test_is_fiat_historic(code: str) -> None:
    assert is_fiat(code)


@pytest.mark.parametrize("code", ["BTC", "USDT", "ETH", "CNH", "GGP", "IMP", "JEP", "XTS", "XXX", "00", "US", ""])
def test_is_fiat_not_in_the_standard(code: str) -> None:
    assert not is_fiat(code)


def test_is_fiat_letter_case_does_not_matter() -> None:
    assert is_fiat("usd")
    assert is_fiat("Eur")


def test_fiat_codes_are_three_letters_each_once() -> None:
    assert all(len(code) == 3 and code.isascii() and code.isalpha() and code.isupper() for code in FIAT_CODES)
    assert len(FIAT_CODES) == 232
