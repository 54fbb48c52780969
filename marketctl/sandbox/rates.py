"""The currencies both rate sandboxes sell: names, units per 1 USD, how they move, and JSON with exact digits."""

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from marketctl.sandbox import shocks

if TYPE_CHECKING:
    from marketctl.sandbox.faults import Fault

# code, name, units per 1 USD at rest; the digits are the ones that are sent. None: listed, but without a rate.
CURRENCIES: list[tuple[str, str, str | None]] = [
    ("AED", "United Arab Emirates Dirham", "3.673"),
    ("AMD", "Armenian Dram", "382.515044"),
    ("ARS", "Argentine Peso", "1449.5172"),
    ("AUD", "Australian Dollar", "1.549211"),
    ("AZN", "Azerbaijani Manat", "1.7"),
    ("BBD", "Barbadian Dollar", "2"),
    ("BGN", "Bulgarian Lev", "1.698155"),
    ("BMD", "Bermudan Dollar", "1"),
    ("BRL", "Brazilian Real", "5.3412"),
    ("BTC", "Bitcoin", "0.000011621734"),
    ("BYN", "Belarusian Ruble", "3.409117"),
    ("CAD", "Canadian Dollar", "1.410024"),
    ("CHF", "Swiss Franc", "0.808511"),
    ("CLF", "Chilean Unit of Account (UF)", "0.02362"),
    ("CLP", "Chilean Peso", "941.31"),
    ("CNH", "Chinese Yuan (Offshore)", "7.105614"),
    ("CNY", "Chinese Yuan", "7.1085"),
    ("CZK", "Czech Republic Koruna", "21.031004"),
    ("DKK", "Danish Krone", "6.484115"),
    ("EGP", "Egyptian Pound", "47.6621"),
    ("EUR", "Euro", "0.868211"),
    ("FKP", "Falkland Islands Pound", "0.764512"),
    ("GBP", "British Pound Sterling", "0.764512"),
    ("GEL", "Georgian Lari", "2.7025"),
    ("GGP", "Guernsey Pound", "0.764512"),
    ("GYD", "Guyanaese Dollar", "209.212007"),
    ("HKD", "Hong Kong Dollar", "7.78391"),
    ("HUF", "Hungarian Forint", "331.92154"),
    ("IDR", "Indonesian Rupiah", "16689.5"),
    ("ILS", "Israeli New Sheqel", "3.27113"),
    ("IMP", "Manx pound", "0.764512"),
    ("INR", "Indian Rupee", "89.402211"),
    ("IRR", "Iranian Rial", "42112.5"),
    ("ISK", "Icelandic Króna", "127.41"),
    ("JEP", "Jersey Pound", "0.764512"),
    ("JPY", "Japanese Yen", "156.38500214"),
    ("KGS", "Kyrgystani Som", "87.45"),
    ("KPW", "North Korean Won", "900"),
    ("KRW", "South Korean Won", "1472.038112"),
    ("KWD", "Kuwaiti Dinar", "0.30714"),
    ("KZT", "Kazakhstani Tenge", "519.885112"),
    ("LBP", "Lebanese Pound", "89630.114211"),
    ("MMK", "Myanma Kyat", "2099"),
    ("MXN", "Mexican Peso", "18.4801"),
    ("NOK", "Norwegian Krone", "10.2405"),
    ("NZD", "New Zealand Dollar", "1.782304"),
    ("PLN", "Polish Zloty", "3.680214"),
    ("RUB", "Russian Ruble", "92.473155"),
    ("SEK", "Swedish Krona", "9.55112"),
    ("SGD", "Singapore Dollar", "1.30821"),
    ("STN", "São Tomé and Príncipe Dobra", "21.271154"),
    ("THB", "Thai Baht", "32.42"),
    ("TJS", "Tajikistani Somoni", "9.278011"),
    ("TOP", "Tongan Pa'anga", "2.40776"),
    ("TRY", "Turkish Lira", "42.4101"),
    ("UAH", "Ukrainian Hryvnia", "42.271403"),
    ("USD", "United States Dollar", "1"),
    ("UZS", "Uzbekistan Som", "11914.332018"),
    ("VEF", "Venezuelan Bolívar Fuerte (Old)", None),
    ("VES", "Venezuelan Bolívar Soberano", "243.1105"),
    ("VND", "Vietnamese Dong", "26362.441807"),
    ("XAG", "Silver Ounce", "0.01998401"),
    ("XAU", "Gold Ounce", "0.00024431"),
    ("XDR", "Special Drawing Rights", "0.735081"),
    ("XOF", "CFA Franc BCEAO", "569.508"),
    ("ZAR", "South African Rand", "17.334105"),
]
# What stands still: pegs, and the pounds that equal GBP would drift apart from it.
FIXED = frozenset("AED BBD BMD FKP GBP GGP IMP JEP KPW USD".split())


class Digits(str):
    """A number by its digits: what JSON of a server has and a float would lose."""


def usd_rates(tick: int, faults: "Sequence[Fault]" = ()) -> dict[str, Decimal]:
    """Return units per 1 USD by code at a tick, each with as many decimals as it has at rest.

    A fault of the pair USD/RUB moves the rouble, and with it all its crosses.
    """
    rates = {}
    for index, (code, _name, rest) in enumerate(CURRENCIES):
        if rest is not None:
            at_rest = Decimal(rest)
            sway = Decimal((tick * (7 + index)) % 89 - 44) / 22000 if tick and code not in FIXED else Decimal(0)
            if faults and code != "USD":
                at_rest *= shocks.factor(faults, "USD", code)
            rates[code] = (at_rest * (1 + sway)).quantize(Decimal(rest))
    return rates


def exact_json(value: Any) -> bytes:
    """Write JSON; `Digits` come out as numbers, letter for letter."""
    return _text(value).encode()


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key, ensure_ascii=False)}:{_text(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(_text, value)) + "]"
    return str(value) if isinstance(value, Digits) else json.dumps(value, ensure_ascii=False)
