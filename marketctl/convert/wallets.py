"""A wallet whose assets are read when a way looks at them: most of thousands never are."""

from collections.abc import Iterable, Mapping
from typing import Any

from marketctl.config.registry import Registry
from marketctl.convert.edges import SLACK
from marketctl.errors import StorageFailed
from marketctl.files.snapshots import read_lines
from marketctl.redis.connection import RedisConnection
from marketctl.text import printable
from marketctl.views.snapshots import read_line, snapshot, ticker_of
from marketctl.views.sound import read_asset
from marketctl.views.wallets import newer_copy, read_copy

FEE, PERCENT = '"withdraw_fee": ', '"withdraw_fee_percent": '


class Wallet:
    """A provider's assets by ticker. `unreadable` names those whose record is none: nothing is known of them."""

    def __init__(self, provider: str, collected_at: str, records: Iterable[str | Mapping[str, Any]]) -> None:
        self.provider = provider
        self.collected_at = collected_at
        self.unreadable: set[str] = set()
        self._least: dict[str, float] = {}
        self._records: dict[str, list[str | Mapping[str, Any]]] = {}
        for record in records:
            ticker = _ticker(record)
            if ticker is None:
                self.unreadable.add(printable(str(record).partition('"')[0], 40))
            elif ticker in self._records:
                self._records[ticker].append(record)
            else:
                self._records[ticker] = [record]

    def __contains__(self, ticker: str) -> bool:
        return ticker in self._records

    def tickers(self) -> Iterable[str]:
        """Return the tickers of its assets."""
        return self._records

    def least_fee(self, ticker: str) -> float:
        """Return what no network of an asset asks less than as a fixed fee; lines are not read for it."""
        known = self._least.get(ticker)
        if known is None:
            known = self._least[ticker] = min(map(_least_fee, self._records[ticker])) / SLACK
        return known

    def coins(self, ticker: str) -> list[Mapping[str, Any]]:
        """Return the assets of a ticker that have networks: more than one where a dead coin had it before."""
        read = [_read(record) for record in self._records.get(ticker, ())]
        if None in read:
            self.unreadable.add(ticker)
        return [] if ticker in self.unreadable else [one for one in read if one is not None and one.get("networks")]


def wallet_of(found: Mapping[str, Any]) -> Wallet:
    """Return the wallet of a snapshot that was read whole."""
    wallet = Wallet(found["provider"], found["collected_at"], found["assets"].values())
    wallet.unreadable.update(found.get("unreadable", ()))
    return wallet


def read_wallet(registry: Registry, provider: str, store: RedisConnection | None = None) -> Wallet:
    """Return a provider's wallet: that of the file, or the copy in Redis where it is newer.

    Raises StorageFailed where there is none, or another file, RedisFailed where its copy cannot be read.
    """
    try:
        here = _read_file(registry, provider)
    except StorageFailed as error:
        if store is None:
            raise
        here, missing = None, error
    if store is not None and newer_copy(store, provider, here.collected_at if here else None):
        found = read_copy(store, provider)
        if found is not None:
            head, assets = found
            return Wallet(provider, head["collected_at"], [f'{code}": {text}' for code, text in assets.items()])
    if here is None:
        raise missing
    return here


def _read_file(registry: Registry, provider: str) -> Wallet:
    try:
        found = read_lines(registry.settings.data_dir / "wallet" / f"{provider}.json", "assets")
    except ValueError:
        found = None
    if found is not None:
        head, lines = found
        at = head.get("collected_at")
        if (head.get("provider"), head.get("job")) == (provider, "wallet") and isinstance(at, str):
            return Wallet(provider, at, lines)
    return wallet_of(snapshot(registry, "wallet", provider))


def _ticker(record: str | Mapping[str, Any]) -> str | None:
    """Return a record's ticker, read from its line where that is plain; None where the record is none."""
    if isinstance(record, str) and (ticker := ticker_of(record)) is not None:
        return ticker
    asset = _read(record)
    return None if asset is None else str(asset.get("ticker")).upper()


def _least_fee(record: str | Mapping[str, Any]) -> float:
    """Return the least fixed fee a record tells; 0 where a network may have none, or has none that is told."""
    if isinstance(record, str):
        parts = record.split(FEE)
        if len(parts) != record.count(PERCENT) + 1:
            return 0.0
        told = [part[1 : part.find('"', 1)] if part[0] == '"' else None for part in parts[1:]]
    else:
        told = [network.get("withdraw_fee") for network in record["networks"].values()]
    try:
        return min([float(text or 0) for text in told], default=0.0)
    except ValueError:
        return 0.0


def _read(record: str | Mapping[str, Any]) -> Mapping[str, Any] | None:
    return read_asset(read_line(record)) if isinstance(record, str) else record
