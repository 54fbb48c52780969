"""What the sentinel holds back and what it marks, in the shape of files and the command line."""

from collections.abc import Mapping
from typing import Any

from marketctl.redis.quotes import DECIMALS
from marketctl.text import printable
from marketctl.times import ms_or_none, to_iso

Records = dict[str, dict[str, Any]]

WORDS = ("verdict", "why", "cause", "reference", "deviation_percent", "by", "run_id", "cycles", "symbol", "status")


def mirror_record(told: Mapping[str, Any]) -> dict[str, Any]:
    """Turn a record as Redis holds it into the shape of files and the CLI: every key there, times as ISO texts."""
    shown: dict[str, Any] = {name: told.get(name) for name in (*WORDS, *DECIMALS)}
    shown |= {"since": to_iso(told.get("since")), "at": to_iso(told.get("at"))}
    shown["collected_at"] = to_iso(told.get("collected_ms"))
    kept = told.get("last_good")
    shown["last_good"] = None
    if isinstance(kept, dict):
        times = {"at": to_iso(kept.get("at")), "collected_at": to_iso(kept.get("collected_ms"))}
        shown["last_good"] = {name: kept.get(name) for name in ("bid", "ask", "mid")} | times
    return shown


def redis_record(shown: Mapping[str, Any]) -> dict[str, Any]:
    """Turn a record of the mirror back into that of Redis: unknown left out, times in ms."""
    told: dict[str, Any] = {name: shown.get(name) for name in (*WORDS, *DECIMALS)}
    told |= {
        "since": ms_or_none(shown.get("since")),
        "at": ms_or_none(shown.get("at")),
        "collected_ms": ms_or_none(shown.get("collected_at")),
    }
    kept = shown.get("last_good")
    if isinstance(kept, dict):
        times = {"at": ms_or_none(kept.get("at")), "collected_ms": ms_or_none(kept.get("collected_at"))}
        told["last_good"] = _known({name: kept.get(name) for name in ("bid", "ask", "mid")} | times)
    return _known(told)


def _known(told: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in told.items() if value is not None}


def price_of(record: Mapping[str, Any]) -> str:
    """Write the prices of a record: "10947.6/10949.1", or its middle."""
    if record.get("bid") or record.get("ask"):
        return f"{record.get('bid') or '-'}/{record.get('ask') or '-'}"
    return str(record.get("mid") or "-")


def in_words(pair: str, record: Mapping[str, Any]) -> str:
    """Say what is wrong with a quote: "BTC/USDT 10947.6/10949.1 outlier since ...: -88.00 % from ..."."""
    return f"{pair} {price_of(record)} {record['verdict']} since {record['since'] or '-'}: {printable(record['why'])}"
