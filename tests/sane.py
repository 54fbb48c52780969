"""What may come out of an adapter, whatever came in: foreseen errors, and values that are sane."""

import json
import re
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any

from marketctl.cli.table import printable_cell
from marketctl.errors import MarketctlError, StorageFailed
from marketctl.files.snapshots import read_snapshot, write_document, write_snapshot
from marketctl.jobs.changes import compare
from marketctl.jobs.stats import stats_to_dict
from marketctl.models import KeyInfo, Stats
from marketctl.providers.batch import AssetBatch, QuoteBatch
from marketctl.providers.fields import code
from marketctl.redis.forms import l1_texts
from marketctl.redis.publish import _pack_hset
from marketctl.redis.quotes import write_mirror

HEAD = {"schema": 1, "provider": "X", "job": "x", "run_id": "r", "collected_at": None, "version": "0"}
NUMBER = re.compile(r"[0-9]+(\.[0-9]+)?")


def verify(found: Any) -> None:
    """Check that what was read is sane, and can be stored and shown."""
    if isinstance(found, AssetBatch):
        found.refuse_if_empty()
        verify_assets(found)
    elif isinstance(found, QuoteBatch):
        found.refuse_if_empty()
        verify_quotes(found)
    elif isinstance(found, Stats):
        verify_stats(found)
    else:
        assert isinstance(found, KeyInfo)
        for word in (*(found.permissions or ()), *found.warnings):
            assert printable_cell(word).isprintable()


def verify_error(error: MarketctlError) -> None:
    """Check that it is one of the provider's, told on one line whatever its words were."""
    assert not isinstance(error, StorageFailed), error.message
    assert error.message.isprintable(), ascii(error.message)
    assert (error.hint or "").isprintable(), ascii(error.hint)
    assert len(error.message) < 600
    assert error.retry_after is None or 0 <= error.retry_after < 4e9


def verify_assets(batch: AssetBatch) -> None:
    shapes = {key: asset.to_dict() for key, asset in batch.assets.items()}
    for key, asset in batch.assets.items():
        verify_key(key)
        verify_key(asset.ticker)
        verify_flags(asset.deposit, asset.withdraw)
        verify_counts(asset.precision)
        assert not (asset.fiat and asset.networks)
        for network_key, network in asset.networks.items():
            verify_key(network_key)
            verify_flags(network.deposit, network.withdraw, network.memo_required)
            verify_counts(network.precision, network.confirmations)
            verify_numbers(network.deposit_min, network.withdraw_min, network.withdraw_max)
            verify_numbers(network.withdraw_fee, network.withdraw_fee_percent)
            verify_texts(network.name, network.network, network.contract, network.note)
        verify_texts(asset.name)
    write_snapshot(Path("wallet.json"), HEAD, "assets", shapes)
    stored = read_snapshot(Path("wallet.json"))
    assert stored is not None
    assert stored["assets"] == shapes
    assert compare(stored["assets"], shapes).unchanged == len(shapes)
    verify_redis({key: json.dumps(shape, separators=(",", ":")) for key, shape in shapes.items()})


def verify_quotes(batch: QuoteBatch) -> None:
    for key, quote in batch.quotes.items():
        verify_key(key)
        assert "/" in key
        verify_key(quote.symbol)
        sides = (quote.bid, quote.ask, quote.mid, quote.last)
        verify_numbers(*sides, quote.bid_size, quote.ask_size, quote.volume, quote.quote_volume)
        assert any(sides[:3])
        assert all(side is None or side.strip("0.") for side in sides), "zero is no price"
        if quote.bid is not None and quote.ask is not None:
            assert Decimal(quote.bid) <= Decimal(quote.ask)
        assert quote.status in ("trading", "halted", None)
        assert quote.at_ms is None or 0 < quote.at_ms < 253_402_300_800_000
    for skip in batch.skips:
        assert skip.symbol.isprintable()
        assert len(skip.symbol) <= 64
    write_mirror(Path("prices.json"), HEAD, batch.quotes)
    stored = read_snapshot(Path("prices.json"))
    assert stored is not None
    assert {key: (row["symbol"], row["bid"], row["ask"]) for key, row in stored["quotes"].items()} == {
        key: (quote.symbol, quote.bid, quote.ask) for key, quote in batch.quotes.items()
    }
    live = dict(zip(batch.quotes, l1_texts(list(batch.quotes.items())), strict=True))
    assert {key: json.loads(value)["symbol"] for key, value in live.items()} == {
        key: quote.symbol for key, quote in batch.quotes.items()
    }
    verify_redis(live)


def verify_stats(stats: Stats) -> None:
    shape = stats_to_dict(stats)
    for counts in (shape["pairs"], shape["assets"], shape["networks"]):
        verify_counts(*counts.values())
    verify_numbers(*shape["turnover_24h"].values())
    for currency in shape["turnover_24h"]:
        verify_key(currency)
    assert shape["platform"]["status"] in ("ok", "maintenance", "unknown")
    assert (shape["platform"]["message"] or "").isprintable()
    write_document(Path("stats.json"), HEAD | {"stats": shape})
    assert json.loads(Path("stats.json").read_bytes())["stats"] == json.loads(json.dumps(shape))


def verify_key(key: str) -> None:
    """Check what becomes a key of Redis and of JSON and a cell of a table: printable, short, no blanks around."""
    assert code(key[:64]) == key[:64]
    assert len(key) <= 200


def verify_numbers(*numbers: str | None) -> None:
    for number in numbers:
        assert number is None or NUMBER.fullmatch(number), number
        assert number is None or len(number) <= 130


def verify_counts(*counts: int | None) -> None:
    for count in counts:
        assert count is None or (type(count) is int and 0 <= count <= 10**9), count


def verify_flags(*flags: bool | None) -> None:
    for flag in flags:
        assert flag in (True, False, None)
        assert flag is None or type(flag) is bool


def verify_texts(*texts: str | None) -> None:
    for text in texts:
        assert text is None or type(text) is str
        assert printable_cell(text).isprintable()


def verify_redis(fields: Mapping[str, str]) -> None:
    """Read back what goes over the wire to Redis: as many parts as announced, each as long as announced."""
    sent = b"".join(_pack_hset("P:{X}:l1", fields))
    found: dict[str, str] = {}
    while sent:
        head, _, sent = sent.partition(b"\r\n")
        parts = []
        for _ in range(int(head[1:])):
            size, _, sent = sent.partition(b"\r\n")
            parts.append(sent[: int(size[1:])].decode())
            assert sent[int(size[1:]) : int(size[1:]) + 2] == b"\r\n"
            sent = sent[int(size[1:]) + 2 :]
        assert parts[:2] == ["HSET", "P:{X}:l1"]
        found |= dict(zip(parts[2::2], parts[3::2], strict=True))
    assert found == dict(fields)
