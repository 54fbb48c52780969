"""All that an adapter in a package of its own may import: `from marketctl.adapter import Exchange, AssetBatch, ...`.

    from marketctl.adapter import Asset, AssetBatch, Exchange, Network, QuoteBatch, errors, own_networks, rows

Promised, with SemVer: what stands in `__all__` keeps its name, its arguments and its meaning until the next major
version; arguments and fields with a default may come, and so may names. The class attributes that an adapter declares
and the methods it overrides are part of that; names with an underscore are not, nor is another module of marketctl.
Importing it is cheap: it loads neither requests nor redis, which a list of providers has no use for.

What a package tests itself with is `marketctl.testing`.
"""

from marketctl import errors
from marketctl.http.messages import Answer, Request, encode_query
from marketctl.http.verdicts import moment
from marketctl.log import log
from marketctl.models import (
    JOBS,
    Asset,
    Clock,
    KeyInfo,
    Network,
    Pair,
    Platform,
    Quota,
    Quote,
    Stats,
    any_open,
)
from marketctl.providers.bank.base import DAY, BankProvider, Fixing, read_day
from marketctl.providers.bank.markup import read_xml
from marketctl.providers.base import (
    NO_ENVELOPE,
    Exchange,
    Failure,
    Provider,
    days_left,
    key_info,
    measure,
    seconds_until,
)
from marketctl.providers.batch import AssetBatch, PairList, QuoteBatch
from marketctl.providers.cash.base import CashProvider, Rate, add_currency, add_pair, cross, quotient, seconds
from marketctl.providers.cash.credits import (
    DAY_S,
    MINUTE_MS,
    Credits,
    ListTooLong,
    MeteredProvider,
    Plan,
    RateBook,
    Row,
    UnknownSymbol,
    next_fetch_ms,
    next_turn,
    reason_of,
    refresh_seconds,
)
from marketctl.providers.columns import column, integers
from marketctl.providers.counts import count_open, count_pairs, turnover
from marketctl.providers.fiat import is_fiat
from marketctl.providers.fields import (
    NotANumber,
    bad_answer,
    code,
    count,
    decimal_text,
    flag,
    integer,
    is_zero,
    mapping,
    member,
    named,
    objects,
    rows,
    shift_point,
    step_precision,
    table,
    text,
)
from marketctl.providers.networks import common_network, network_names, own_networks
from marketctl.providers.refusals import words_of
from marketctl.providers.signing import base64_text, hmac_base64, hmac_hex, is_pem, rsa_signature
from marketctl.text import printable
from marketctl.times import DAY_MS, from_iso, ms_or_none, now_ms, to_iso

__all__ = [
    "DAY",
    "DAY_MS",
    "DAY_S",
    "JOBS",
    "MINUTE_MS",
    "NO_ENVELOPE",
    "Answer",
    "Asset",
    "AssetBatch",
    "BankProvider",
    "CashProvider",
    "Clock",
    "Credits",
    "Exchange",
    "Failure",
    "Fixing",
    "KeyInfo",
    "ListTooLong",
    "MeteredProvider",
    "Network",
    "NotANumber",
    "Pair",
    "PairList",
    "Plan",
    "Platform",
    "Provider",
    "Quota",
    "Quote",
    "QuoteBatch",
    "Rate",
    "RateBook",
    "Request",
    "Row",
    "Stats",
    "UnknownSymbol",
    "add_currency",
    "add_pair",
    "any_open",
    "bad_answer",
    "base64_text",
    "code",
    "column",
    "common_network",
    "count",
    "count_open",
    "count_pairs",
    "cross",
    "days_left",
    "decimal_text",
    "encode_query",
    "errors",
    "flag",
    "from_iso",
    "hmac_base64",
    "hmac_hex",
    "integer",
    "integers",
    "is_fiat",
    "is_pem",
    "is_zero",
    "key_info",
    "log",
    "mapping",
    "measure",
    "member",
    "moment",
    "ms_or_none",
    "named",
    "network_names",
    "next_fetch_ms",
    "next_turn",
    "now_ms",
    "objects",
    "own_networks",
    "printable",
    "quotient",
    "read_day",
    "read_xml",
    "reason_of",
    "refresh_seconds",
    "rows",
    "rsa_signature",
    "seconds",
    "seconds_until",
    "shift_point",
    "step_precision",
    "table",
    "text",
    "to_iso",
    "turnover",
    "words_of",
]
