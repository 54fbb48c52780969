"""The last wallets of all providers: of the files here, and where jobs run on several machines the newer in Redis."""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any

from marketctl.config.registry import ProviderEntry, Registry
from marketctl.errors import MarketctlError
from marketctl.times import ms_or_none
from marketctl.views.snapshots import NotCollected, read_line, snapshot, unread
from marketctl.views.sound import read_assets

if TYPE_CHECKING:
    from marketctl.redis.connection import RedisConnection


class WalletFiles:
    """The last wallet snapshots of a registry's providers, read anew when their files change; one serves many looks.

    Who looks at some tickers alone names them.
    """

    def __init__(self, registry: Registry, tickers: Collection[str] | None = None) -> None:
        self.registry = registry
        self.tickers = tickers
        self._known: dict[str, tuple[object, dict[str, Any] | MarketctlError]] = {}

    def get(self, provider: str) -> tuple[dict[str, Any] | None, str | None]:
        """Return a provider's snapshot, or None and why there is none."""
        found = self._read(provider)
        return (None, found.message) if isinstance(found, MarketctlError) else (found, None)

    def _read(self, provider: str) -> dict[str, Any] | MarketctlError:
        path = self.registry.settings.data_dir / "wallet" / f"{provider}.json"
        try:
            status = path.stat()
            stamp: object = (status.st_mtime_ns, status.st_size, status.st_ino)
        except OSError:
            stamp = None
        known = self._known.get(provider)
        if known is None or known[0] != stamp or stamp is None:
            try:
                known = stamp, snapshot(self.registry, "wallet", provider, self.tickers)
            except MarketctlError as error:
                known = stamp, error
            self._known[provider] = known
        return known[1]

    def whole(self, provider: str) -> dict[str, Any]:
        """Return a provider's snapshot. Raises StorageFailed where there is none or not all of it can be read."""
        found = self._read(provider)
        problems = [found] if isinstance(found, MarketctlError) else unread(found)
        if problems:
            raise problems[0]
        assert isinstance(found, dict)
        return found

    def readable(self) -> list[tuple[ProviderEntry, Mapping[str, Any]]]:
        """Return those of the enabled providers that can be read."""
        found = [(entry, self._read(entry.name)) for entry in self.registry.enabled()]
        return [(entry, wallet) for entry, wallet in found if not isinstance(wallet, MarketctlError)]

    def broken(self) -> list[MarketctlError]:
        """Return why those of the enabled providers that are there cannot be read, or cannot for some assets."""
        found: list[MarketctlError] = []
        for entry in self.registry.enabled():
            one = self._read(entry.name)
            if not isinstance(one, NotCollected):
                found += [one] if isinstance(one, MarketctlError) else unread(one)
        return found


def shared_wallets(
    registry: Registry, store: "RedisConnection", known: dict[str, Any]
) -> list[tuple[ProviderEntry, Mapping[str, Any]]]:
    """Return the wallets of the enabled providers, each the newest there is; `known` keeps those that did not change.

    A copy that cannot be read counts as none. Raises RedisFailed.
    """
    files = known.get("files")
    if files is None or files.registry is not registry:
        files = known["files"] = WalletFiles(registry)
    here = {entry.name: wallet for entry, wallet in files.readable()}
    copies = known.setdefault("copies", {})
    found: list[tuple[ProviderEntry, Mapping[str, Any]]] = []
    for entry in registry.enabled():
        wallet = here.get(entry.name)
        at = newer_copy(store, entry.name, wallet["collected_at"] if wallet else None)
        if at is not None:
            if copies.get(entry.name, {}).get("collected_at") != at:
                copies[entry.name] = _read(store, entry.name)
            wallet = copies[entry.name] or wallet
        if wallet is not None:
            found.append((entry, wallet))
    return found


def newer_copy(store: "RedisConnection", provider: str, than: str | None) -> str | None:
    """Return of when the copy in Redis is, where that is newer than a file of this time. Raises RedisFailed."""
    told = store.call("HGET", store.key(provider, "wallet:meta"), "collected_at")
    at = told.decode(errors="replace") if isinstance(told, bytes) else None
    return at if (ms_or_none(at) or 0) > (ms_or_none(than) or 0) else None


def read_copy(store: "RedisConnection", provider: str) -> tuple[dict[str, str], dict[str, str]] | None:
    """Return the copy in Redis: its head, and asset → JSON as it is written; None where it is not as we write it.

    Raises RedisFailed.
    """
    keys = [store.key(provider, name) for name in ("wallet:meta", "wallet")]
    try:
        head, assets = (_pairs(told) for told in store.batch([("HGETALL", key) for key in keys]))
    except UnicodeDecodeError:
        return None
    return (head, assets) if assets and "collected_at" in head else None


def _read(store: "RedisConnection", provider: str) -> dict[str, Any]:
    """Return a provider's wallet as the file has it, empty where it is not as we write it."""
    found = read_copy(store, provider)
    if found is None:
        return {}
    head, texts = found
    assets, unreadable = read_assets({code: read_line(f'": {text}') for code, text in texts.items()})
    return head | {"provider": provider, "assets": assets, "unreadable": unreadable}


def _pairs(flat: list[bytes]) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in zip(flat[::2], flat[1::2], strict=True)}
