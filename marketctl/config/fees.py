"""What a venue takes of a trade at once ("taker fee"), in percent: from the registry, else what we assume and why."""

from decimal import Decimal
from typing import NamedTuple

from marketctl.config.table import Table

EXPECTED = 'a percentage from 0 to 10 such as "0.1"'

# path of the adapter -> percent and where that figure is from: first tier, without a discount, the highest where
# pairs differ. A key's own rate may be lower; no provider is asked for it.
ASSUMED = {
    "marketctl.providers.cex.bybit:BybitAdapter": (
        "0.1",
        "BYBIT's spot fees from memory, lowest tier; no answer without a key tells it",
    ),
    "marketctl.providers.cex.mexc:MexcAdapter": ("0.05", "takerCommission of MEXC's list of pairs"),
    "marketctl.providers.cex.whitebit:WhitebitAdapter": ("0.1", "takerFee of WHITEBIT's list of markets"),
    "marketctl.providers.cex.htx:HtxAdapter": (
        "0.2",
        "HTX as ccxt 4.5.90 knows it, lowest tier; no answer without a key tells it",
    ),
    "marketctl.providers.cex.kucoin:KucoinAdapter": ("0.1", "takerFeeRate of KUCOIN's tickers, class A, lowest tier"),
    "marketctl.providers.cex.rapira:RapiraAdapter": ("0.2", "fee of RAPIRA's list of pairs: 0.1 on USDT/RUB, else 0.2"),
}


class TakerFee(NamedTuple):
    """A percentage as a text, and where it is from: the registry's file or, in words, what an assumption goes by.

    `assumed` is the module of the adapter whose fee is assumed ("bybit"); None where the registry says the fee.
    """

    percent: str
    source: str
    assumed: str | None = None


def read_taker_fee(table: Table, path: str) -> TakerFee | None:
    """Return `taker_fee` of a provider's table; None where nobody says it. Raises ConfigError."""
    text = table.decimal("taker_fee", EXPECTED, Decimal(10))
    if text is not None:
        return TakerFee(text, table.file)
    known = ASSUMED.get(path)
    return None if known is None else TakerFee(*known, adapter_module(path))


def adapter_module(path: str) -> str:
    """Return the name of an adapter's module, "bybit"; other pages have words for what is assumed under it."""
    return path.partition(":")[0].rpartition(".")[2]
