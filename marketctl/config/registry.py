"""providers.toml, read strictly. Long: one file of the user is one reader, its messages beside the checks.

A typo is an error with file, table, key, what was found and what is expected.

What is not enabled here does not run; there is no other place. Adapters are imported when they are
used, or (by `providers/loader.py`) when a provider's table holds keys that only its adapter can know.
"""

import os
import re
import shlex
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from marketctl.config.addresses import check_redis_url, keys_in_clear, refuse_proxy_without_package, same_variables
from marketctl.config.fees import TakerFee, read_taker_fee
from marketctl.config.paths import (
    DATA_DIR_VARIABLE,
    REDIS_URL_VARIABLE,
    absolute,
    folder,
    read_text,
    refuse_foreign,
    variable_of,
)
from marketctl.config.sentinel import SentinelSettings, read_sentinel
from marketctl.config.table import Table, found_text, parse_toml, unknown_key
from marketctl.errors import ConfigError
from marketctl.redact import mask_path, mask_url, path_secrets, url_secrets
from marketctl.text import closest, printable

if TYPE_CHECKING:
    from marketctl.config.watch import WatchSettings


def _fits(pattern: str, flags: int = 0) -> Callable[[str], re.Match[str] | None]:
    """Return what tells whether a whole text is like this; compiled when it is needed, as few of these are in a run."""
    return lambda text: re.fullmatch(pattern, text, flags)


is_provider_name = _fits(r"[A-Z0-9][A-Z0-9_-]{0,31}")

_is_path = _fits(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*:[A-Za-z_]\w*", re.ASCII)

_is_base_url = _fits(r"https?://(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9][A-Za-z0-9._-]*)(?::([0-9]{1,5}))?")

_is_proxy = _fits(
    r"(?:https?|socks[45][ah]?)://(?:[^\s/?#@]*@)?(?:\[[0-9A-Fa-f:.]+\]|[^\s/?#@:\[\]]+)(?::([0-9]{1,5}))?/?"
)

# Without user, query and fragment: ours are put behind it. The "***" of a shown one is none.
_is_ping_url = _fits(
    r"https?://(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9][A-Za-z0-9._-]*)(?::([0-9]{1,5}))?(?:/[A-Za-z0-9._~%+-]+)+/?"
)

_is_redis_url = _fits(r"embedded|none|(?:rediss?|unix)://\S+")

_is_redis_prefix = _fits(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}")

_is_kind = _fits(r"[A-Z][A-Z0-9_-]{0,15}")

_is_stablecoin = _fits(r"[A-Z0-9]{0,16}")

PROVIDER_NAME = "capital letters, digits, - and _, at most 32"

ADAPTER_PATH = '"module.path:ClassName"'

PING_URL = "an http:// or https:// URL with a path, without user and query"

PROXY = "an http://, https:// or socks5:// URL with a host, # / ? @ of its password percent-encoded"

REDIS_URL = '"embedded", "none" or a redis://, rediss:// or unix:// URL'


def _repr_without(told: Any, *secret: str) -> str:
    shown = (f"{name}={value!r}" for name, value in zip(told._fields, told, strict=True) if name not in secret)
    return f"{type(told).__name__}({', '.join(shown)})"


class HistorySettings(NamedTuple):
    """Which quotes are kept in Redis streams, and how many and how old (`max_age_s`, seconds) at most."""

    enabled: bool
    max_len: int
    max_age_s: float
    pairs: tuple[str, ...]
    archive: bool = True

    def wants(self, pair: str) -> bool:
        """Tell whether a pair has a history: `*` is all of them, `BTC/*` and `*/USDT` one side."""
        if "*" in self.pairs or pair in self.pairs:
            return True
        base, _, quote = pair.partition("/")
        return f"{base}/*" in self.pairs or f"*/{quote}" in self.pairs or "*/*" in self.pairs


class Settings(NamedTuple):
    """`[settings]` after environment and options; paths are absolute, `_s` are seconds."""

    data_dir: Path
    dump_dir: Path
    redis_url: str  # may hold a password
    redis_prefix: str
    prices_interval_s: float
    wallet_interval_s: float
    stats_interval_s: float
    mirror_prices: bool
    embedded_stay: bool
    timeout_s: float
    deadline_s: float
    attempts: int
    pairs_max_age_s: int
    history: HistorySettings
    archive_days: int
    archive_max_mb: int
    ping_url: str | None  # who knows it may ping
    run_log: Path | None
    run_log_max_mb: int
    run_log_keep: int

    def __repr__(self) -> str:
        return _repr_without(self, "redis_url", "ping_url")


class ProviderEntry(NamedTuple):
    """`[providers.NAME]` with the settings filled in; `_s` are seconds.

    `kind` None is the adapter's own, `stablecoin` None is unset, no `pairs` are all pairs. `where` begins messages.
    """

    name: str
    path: str
    enabled: bool
    needs_api: bool
    kind: str | None
    stablecoin: str | None
    base_url: str | None
    proxy: str | None  # may hold a password
    ping_url: str | None  # who knows it may ping
    timeout_s: float
    deadline_s: float
    attempts: int
    prices_interval_s: float
    wallet_interval_s: float
    stats_interval_s: float
    pairs_max_age_s: int
    pairs: tuple[str, ...]
    taker_fee: TakerFee | None
    options: Mapping[str, object]
    where: str

    def __repr__(self) -> str:
        return _repr_without(self, "proxy", "ping_url", "where")

    def interval_s(self, job: str) -> float:
        """Return the seconds from one run of a job to the next."""
        return {
            "wallet": self.wallet_interval_s,
            "prices": self.prices_interval_s,
            "stats": self.stats_interval_s,
        }[job]

    def effective(self) -> dict[str, object]:
        """Return what is in force, as TOML can hold it: unset keys left out, secrets hidden."""
        values: dict[str, object] = {name: getattr(self, name) for name in ENTRY_KEYS}
        values["proxy"] = mask_url(self.proxy) if self.proxy else None
        values["ping_url"] = mask_path(self.ping_url) if self.ping_url else None
        values["pairs"] = list(self.pairs) or None
        values["taker_fee"] = self.taker_fee.percent if self.taker_fee and not self.taker_fee.assumed else None
        return {key: value for key, value in values.items() if value is not None} | dict(self.options)


ENTRY_KEYS = tuple(name for name in ProviderEntry._fields if name not in ("name", "options", "where"))


class Registry(NamedTuple):
    """The whole file; `path` is as the user gave it, `providers` in the order of the file."""

    path: Path
    settings: Settings
    providers: Mapping[str, ProviderEntry]
    sentinel: SentinelSettings = SentinelSettings()
    watched: "WatchSettings | None" = None

    @property
    def watch(self) -> "WatchSettings":
        """Return `[watch]`, or what is usual where there is none."""
        from marketctl.config.watch import WatchSettings

        return self.watched or WatchSettings()

    def enabled(self) -> list[ProviderEntry]:
        """Return the providers that run."""
        return [entry for entry in self.providers.values() if entry.enabled]

    def provider(self, name: str) -> ProviderEntry:
        """Return one provider, in any case of letters. Raises ConfigError with the closest name."""
        entry = self.providers.get(name) or self.providers.get(name.upper())
        if entry is None:
            raise no_such_provider(name, self.providers)
        return entry

    def chosen(self, names: Iterable[str] = ()) -> list[ProviderEntry]:
        """Return the named providers, each once, or all enabled ones. Raises ConfigError where there is none."""
        found = list({entry.name: entry for entry in map(self.provider, names)}.values()) or self.enabled()
        if not found:
            raise ConfigError(f"{self.path}: no provider is enabled", hint="marketctl providers enable NAME")
        return found

    def secret_values(self) -> list[str]:
        """Return the passwords inside URLs, and the URLs that are secrets themselves, for redaction."""
        urls = [self.settings.redis_url, *(entry.proxy or "" for entry in self.providers.values())]
        urls += [value for name, value in os.environ.items() if name.lower().endswith("_proxy")]
        pings = [self.settings.ping_url, *(entry.ping_url for entry in self.providers.values())]
        found = [secret for url in urls for secret in url_secrets(url)]
        return found + [secret for url in pings if url for secret in path_secrets(url)]


def read_registry(
    path: str | Path,
    *,
    data_dir: str | None = None,
    redis_url: str | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Registry:
    """Read the registry; `data_dir` and `redis_url` beat the environment, which beats the file.

    Keys that are not ours stay in an entry's `options`, unchecked: only its adapter knows them. Raises ConfigError.
    """
    path = Path(path)
    top = Table(str(path), "", parse_toml(read_registry_text(path), path))
    settings_table, entries = top.table("settings"), top.table("providers")
    sentinel, watch = top.table("sentinel"), top.table("watch")
    top.refuse_unknown()
    settings = _read_settings(settings_table, path, data_dir, redis_url, environ)
    watched: WatchSettings | None = None
    if watch.values:
        from marketctl.config.watch import read_watch

        watched = read_watch(watch)
    providers = {name: _read_entry(entries, name, settings) for name in entries.values}
    same_variables(entries.where, providers)
    return Registry(path, settings, providers, read_sentinel(sentinel, providers), watched)


def read_registry_text(path: Path) -> str:
    """Return the registry's text, unless somebody else may write it. Raises ConfigError."""
    refuse_foreign(path)
    try:
        return read_text(path, forbidden=0, complaint="", chmod="")
    except FileNotFoundError as error:
        raise ConfigError(
            f"{path}: cannot be read: {error.strerror}", hint=f"marketctl --config {shlex.quote(str(path))} init"
        ) from error


def check_entry(path: Path, name: str, values: Mapping[str, object]) -> ProviderEntry:
    """Read a provider's table as `read_registry` would, with default settings. Raises ConfigError."""
    settings = _read_settings(Table(str(path), "settings", {}), path, None, None, {})
    return _read_entry(Table(str(path), "providers", {name: dict(values)}), name, settings)


def default_stablecoin(kind: str) -> str | None:
    """Return the stablecoin a new entry gets when none is chosen: the money kinds count in dollars."""
    return "USD" if kind in ("PSP", "BANK", "CASH") else None


def no_such_provider(name: str, known: Iterable[str]) -> ConfigError:
    """Make the error for a provider that is not in the registry."""
    shown = printable(name, 40)
    if close := closest(name.upper(), known):
        return ConfigError(f'No such provider "{shown}". Did you mean {close}?')
    return ConfigError(f'No such provider "{shown}".', hint="marketctl providers list")


def _read_settings(
    table: Table, path: Path, data_dir: str | None, redis_url: str | None, environ: Mapping[str, str]
) -> Settings:
    base = path.parent
    written = table.text("data_dir", bool, "a folder") or "data"
    given = ((data_dir, None, "--data-dir"), (variable_of(environ, DATA_DIR_VARIABLE), None, DATA_DIR_VARIABLE))
    data = folder(*next((one for one in given if one[0]), (written, base, f"{table.where} data_dir")))
    dump = table.text("dump_dir", bool, "a folder")
    url = table.text("redis_url", _is_redis_url, REDIS_URL) or "embedded"
    url_source = f"{table.where} redis_url"
    for text, source in ((variable_of(environ, REDIS_URL_VARIABLE), REDIS_URL_VARIABLE), (redis_url, "redis_url")):
        if text:
            if not _is_redis_url(text):
                raise ConfigError(f"{source}: found {found_text(text)}, expected {REDIS_URL}")
            url, url_source = text, source
    check_redis_url(url, url_source)
    run_log = table.text("run_log", bool, "a file")
    history = table.table("history")
    settings = Settings(
        data_dir=data,
        dump_dir=folder(dump, base, f"{table.where} dump_dir") if dump else data / "raw",
        redis_url=url,
        redis_prefix=table.text("redis_prefix", _is_redis_prefix, "letters, digits and _ . : -, at most 64")
        or "marketctl",
        prices_interval_s=table.seconds("prices_interval_s", 10),
        wallet_interval_s=table.seconds("wallet_interval_s", 3600),
        stats_interval_s=table.seconds("stats_interval_s", 3600),
        mirror_prices=table.flag("mirror_prices", True),
        embedded_stay=table.flag("embedded_stay", True),
        timeout_s=table.seconds("timeout_s", 10),
        deadline_s=table.seconds("deadline_s", 60),
        attempts=table.count("attempts", 4, 1, 100),
        pairs_max_age_s=table.count("pairs_max_age_s", 300, 0, 300),
        history=HistorySettings(
            enabled=history.flag("enabled", True),
            max_len=history.count("max_len", 100 if url == "embedded" else 1000, 1, 10_000_000),
            max_age_s=history.seconds("max_age_s", 86400),
            pairs=history.texts("pairs", _is_pair_pattern, 'upper-case "BASE/QUOTE", "BASE/*", "*/QUOTE" or "*"')
            or ("*",),
            archive=history.flag("archive", True),
        ),
        archive_days=table.count("archive_days", 30, 1, 36500),
        archive_max_mb=table.count("archive_max_mb", 2048, 1, 10_000_000),
        ping_url=table.text("ping_url", _fits_ping_url, PING_URL, secret=True),
        run_log=absolute(run_log, base, f"{table.where} run_log") if run_log else None,
        run_log_max_mb=table.count("run_log_max_mb", 10, 1, 10_000),
        run_log_keep=table.count("run_log_keep", 5, 1, 1000),
    )
    table.refuse_unknown()
    history.refuse_unknown()
    return settings


def _read_entry(entries: Table, name: str, settings: Settings) -> ProviderEntry:
    if not is_provider_name(name):
        raise ConfigError(f'{entries.where}: found the name "{printable(name, 60)}", expected {PROVIDER_NAME}')
    table = entries.table(name)
    path = table.text("path", _is_path, ADAPTER_PATH)
    if path is None:
        slip = next((key for key in table.values if key not in ENTRY_KEYS and closest(key, ENTRY_KEYS) == "path"), None)
        if slip is not None:
            raise unknown_key(table.where, slip, ENTRY_KEYS)
        raise table.wrong("path", ADAPTER_PATH)
    entry = _make_entry(table, name, path, settings)
    refuse_proxy_without_package(entry.where, entry.proxy)
    if entry.needs_api and entry.base_url and keys_in_clear(entry.base_url):
        raise ConfigError(
            f"{entry.where} base_url: found {entry.base_url}, and keys are not sent over plain http to another machine",
            hint="write https://, or set needs_api = false",
        )
    return entry


def _make_entry(table: Table, name: str, path: str, settings: Settings) -> ProviderEntry:
    return ProviderEntry(
        name=name,
        path=path,
        enabled=table.flag("enabled", True),
        needs_api=table.flag("needs_api", False),
        kind=table.text("kind", _is_kind, 'an upper-case word such as "CEX" or "CASH"'),
        stablecoin=table.text("stablecoin", _is_stablecoin, 'an upper-case code such as "USD", or ""'),
        base_url=table.text("base_url", _fits_base_url, "http:// or https://, host and port, nothing behind"),
        proxy=table.text("proxy", _fits_proxy, PROXY),
        ping_url=table.text("ping_url", _fits_ping_url, PING_URL, secret=True),
        timeout_s=table.seconds("timeout_s", settings.timeout_s),
        deadline_s=table.seconds("deadline_s", settings.deadline_s),
        attempts=table.count("attempts", settings.attempts, 1, 100),
        prices_interval_s=table.seconds("prices_interval_s", settings.prices_interval_s),
        wallet_interval_s=table.seconds("wallet_interval_s", settings.wallet_interval_s),
        stats_interval_s=table.seconds("stats_interval_s", settings.stats_interval_s),
        pairs_max_age_s=table.count("pairs_max_age_s", settings.pairs_max_age_s, 0, 300),
        pairs=table.texts("pairs", _is_named_pair, 'upper-case "BASE/QUOTE"'),
        taker_fee=read_taker_fee(table, path),
        options=table.unknown(),
        where=table.where,
    )


def _is_pair(text: str) -> bool:
    base, slash, quote = text.partition("/")
    return bool(base and slash and quote) and "/" not in quote and _is_upper(base) and _is_upper(quote)


def _is_named_pair(text: str) -> bool:
    base, _, quote = text.partition("/")
    return _is_pair(text) and "*" not in text and base != quote  # no pattern: each is asked for by its name


def _is_pair_pattern(text: str) -> bool:
    return text == "*" or _is_pair(text)


def _is_upper(text: str) -> bool:
    return text == text.upper() and text.isprintable() and " " not in text


def _fits_base_url(text: str) -> bool:
    return _has_port(_is_base_url(text))


def _fits_proxy(text: str) -> bool:
    return _has_port(_is_proxy(text))


def _fits_ping_url(text: str) -> bool:
    return _has_port(_is_ping_url(text))


def _has_port(match: re.Match[str] | None) -> bool:
    return match is not None and 0 < int(match[1] or 1) < 65536
