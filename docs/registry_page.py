"""docs/registry.md: every key that the reader of providers.toml asks for, with its default; the meanings stand here."""

from collections.abc import Iterator
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any
from unittest.mock import patch

from marketctl.config import registry as reader
from marketctl.config.registry import ProviderEntry, Registry
from marketctl.config.table import Table
from marketctl.config.watch import read_watch

ADAPTER = "marketctl.providers.cex.kucoin:KucoinAdapter"
KINDS = {
    "text": "text",
    "texts": "list of texts",
    "seconds": "seconds",
    "count": "whole number",
    "flag": "true or false",
    "share": "number",
    "decimal": "text",
    "table": "table",
}
# A key of one of these tables -> its meaning; "kind: meaning" where the reader has a form of its own for it.
MEANINGS: dict[str, dict[str, str]] = {
    "settings": {
        "data_dir": "where everything is kept; relative to this file",
        "dump_dir": "where `dump` and `--dump-raw` put raw answers",
        "redis_url": '`"embedded"`, `"none"` (files only), or a `redis://`, `rediss://`, `unix://` URL',
        "redis_prefix": "how all keys in Redis begin",
        "prices_interval_s": "how often `run` collects prices",
        "wallet_interval_s": "how often `run` collects coins and networks",
        "stats_interval_s": "how often `run` collects statistics",
        "mirror_prices": "keep a JSON copy of what went to Redis",
        "embedded_stay": "the embedded Redis goes on between runs",
        "timeout_s": "one HTTP request: connect and read",
        "deadline_s": "one job of one provider, all requests, retries and waits together",
        "attempts": "how often one request is tried",
        "pairs_max_age_s": "how old a cached list of pairs may be",
        "history": "which quotes are kept in Redis, see below",
        "archive_days": "how long the day files of prices stay",
        "archive_max_mb": "all day files together; beyond that the oldest days go first",
        "ping_url": "a dead-man switch (healthchecks.io); who knows the URL may ping",
        "run_log": "a file with one line of JSON for each result; a device or a pipe is written into",
        "run_log_max_mb": "when the run log is put aside",
        "run_log_keep": "how many old run logs stay",
    },
    "settings.history": {
        "enabled": "keep history at all",
        "max_len": "entries a pair; 1000 with a Redis of your own",
        "max_age_s": "how old an entry may be",
        "pairs": 'which: `"BTC/USDT"`, `"BTC/*"`, `"*/USDT"`, `"*"`',
        "archive": "what leaves Redis goes into day files",
    },
    "providers.NAME": {
        "path": '`"module.path:ClassName"`, any importable module',
        "enabled": "what is not enabled does not run",
        "needs_api": "load its keys; with false they are never looked at",
        "kind": "the adapter's own unless set",
        "stablecoin": "what its money is counted in",
        "base_url": "scheme, host and port in place of the provider's own",
        "proxy": "http, https or socks5 URL (extra `socks`)",
        "ping_url": "a dead-man switch of this provider alone",
        "timeout_s": "as in [settings]",
        "deadline_s": "as in [settings]",
        "attempts": "as in [settings]",
        "prices_interval_s": "as in [settings]",
        "wallet_interval_s": "as in [settings]",
        "stats_interval_s": "as in [settings]",
        "pairs_max_age_s": "as in [settings]",
        "pairs": "just these; none: all",
        "taker_fee": 'what it takes of a trade, in percent (`"0.1"`), for `convert`; unset: an assumption that is told',
    },
    "sentinel": {
        "enabled": "judge at all",
        "max_deviation": "from the median of three and more venues, or from the only other one (`0.05` is 5 %)",
        "mad": "times their own spread, where that is more",
        "jump": "from its own last good one, where nobody else has it",
        "rate_jump": "the same of a source of rates",
        "cycles": "how long a jump on an exchange has to stand",
        "rules": 'tables of the same keys for some: `[sentinel.rules."RAPIRA */RUB"]`; the last one that fits counts',
    },
    "watch": {
        "assets": "tickers whose networks are watched",
        "networks": "common names; none: all",
        "pairs": "watched for gap and figures",
        "doors": "tell of networks that close and open",
        "above": "table of pair to price: the best bid is higher",
        "below": "table of pair to price: the best ask is lower",
        "gap": 'percents: best bid over best ask, net of the cheapest open network: `"0.5%"`; false: never',
        "gap_amount": "text: for so much of the quote",
        "fee": 'percents: a fee moved by more: `"20%"`; false: never',
        "failing_after": 'time span: a job fails so long: `"10min"`; false: never',
        "stale": "tell of data that are too old",
        "held": "tell of prices that are kept back",
        "crossed": "tell of a watched pair whose bid is above its ask",
        "quota_within": "time span: a plan runs dry so soon; false: never",
        "key_within": "time span: a key ends so soon; false: never",
        "twins": "tell of coins that share a ticker",
        "repeat_after": "time span: what is still so is told again; false: never",
        "quiet_hours": 'hours: nothing is sent in them, all of it afterwards: `"23:00-07:00"`',
        "timezone": "of the quiet hours",
        "language": '`"en"` or `"ru"`',
    },
}
FIELDS = {"failing_after": "failing_after_s", "quota_within": "quota_within_s", "key_within": "key_within_s"}
FIELDS |= {"repeat_after": "repeat_after_s", "quiet_hours": "quiet"}


@cache
def asked() -> tuple[dict[str, dict[str, str]], Registry, ProviderEntry]:
    """Read an almost empty registry; return which keys the reader asked for and how, and what it made of them."""
    found: dict[str, dict[str, str]] = {name: {} for name in MEANINGS}
    take = Table._take

    def noted(kind: str) -> Any:
        real = getattr(Table, kind)

        def method(self: Table, key: str, *args: Any, **more: Any) -> Any:
            name = self.name.replace("providers.KUCOIN", "providers.NAME")
            if name in found:
                found[name].setdefault(key, KINDS[kind])
            return real(self, key, *args, **more)

        return method

    text = f'[watch]\ndoors = true\n[providers.KUCOIN]\npath = "{ADAPTER}"\n'
    assert take is Table._take
    with (
        patch.multiple(Table, **{kind: noted(kind) for kind in KINDS}),
        patch.object(reader, "read_registry_text", lambda _path: text),
    ):
        read = reader.read_registry(Path("/registry/providers.toml"), environ={})
        table = Table("", "watch", {"doors": True})
        read_watch(table)
    for key in table.known:  # those with a form of their own
        found["watch"].setdefault(key, "")
    return found, read, read.provider("KUCOIN")


def default(value: object) -> str:
    """Return a default as it would be written."""
    match value:
        case None | () | "":
            return "-"
        case bool():
            return f"`{str(value).lower()}`"
        case Path():
            return f'`"{value.relative_to("/registry")}"`'
        case str():
            return f'`"{value}"`'
        case tuple():
            return "`[" + ", ".join(f'"{one}"' for one in value) + "]`"
    return f"`{value}`"


def rows(name: str) -> Iterator[tuple[str, str, str, str]]:
    """Yield key, kind, default and meaning of a table. Raises LookupError for a key that nobody has explained here."""
    found, read, entry = asked()
    holders: dict[str, Any] = {
        "settings": read.settings,
        "settings.history": read.settings.history,
        "providers.NAME": entry,
        "sentinel": read.sentinel.limits,
        "watch": read.watch,
    }
    for key, kind in found[name].items():
        if key not in MEANINGS[name]:
            raise LookupError(f"docs/registry_page.py: the reader knows [{name}] {key}: give it a meaning there")
        meaning = MEANINGS[name][key]
        own, colon, rest = meaning.partition(": ")
        if not kind and colon:
            kind, meaning = own, rest
        value = getattr(holders[name], FIELDS.get(key, key), None)
        if key in ("history", "rules", "above", "below") or (name == "providers.NAME" and meaning.startswith("as in")):
            value = None
        if key == "path":
            shown = "required"
        elif key == "taker_fee":
            shown = "-"
        else:
            shown = span(value) if kind == "time span" else f'`"{value}%"`' if kind == "percents" and value else None
            if kind == "text" and isinstance(value, Decimal):
                value = str(value)
            shown = shown or default(value)
        yield f"`{key}`", kind, shown, meaning


def span(seconds: Any) -> str:
    """Return seconds as the registry writes them."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds % size == 0:
            return f'`"{seconds // size}{unit}"`'
    return f'`"{seconds}s"`'
