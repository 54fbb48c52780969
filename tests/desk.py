"""A small desk for the tests of the market board: three providers, awkward names, old and one-sided quotes."""

from pathlib import Path
from typing import Any

from marketctl.config.registry import Registry
from marketctl.files.journal import append_journal
from marketctl.files.snapshots import write_document, write_snapshot
from marketctl.files.state import record_state
from marketctl.models import Network, Quote
from marketctl.providers.loader import load_registry
from marketctl.redis.connection import connect
from marketctl.redis.publish import publish_l1
from marketctl.redis.quotes import write_mirror
from marketctl.times import now_ms, to_iso

EVIL = "<script>"
REGISTRY = """
[settings]
redis_url = "{redis_url}"

[providers.BYBIT]
path = "marketctl.providers.cex.bybit:BybitAdapter"
needs_api = true

[providers.KUCOIN]
path = "marketctl.providers.cex.kucoin:KucoinAdapter"
needs_api = true

[providers.OPENEXCHANGERATES]
path = "marketctl.providers.cash.openexchangerates:OpenExchangeRatesCashAdapter"
needs_api = true
prices_interval_s = 3600

[providers.MEXC]
path = "marketctl.providers.cex.mexc:MexcAdapter"
enabled = false
"""


def quote(bid: str | None = None, ask: str | None = None, **more: Any) -> Quote:
    empty = dict.fromkeys(
        ("symbol", "bid_size", "ask_size", "last", "mid", "volume", "quote_volume", "status", "at_ms")
    )
    return Quote(bid=bid, ask=ask, **(empty | {"symbol": "X"} | more))


def head(provider: str, job: str, at_ms: int) -> dict[str, Any]:
    return {
        "schema": 1,
        "provider": provider,
        "job": job,
        "run_id": "r1",
        "collected_at": to_iso(at_ms),
        "version": "0.1.0",
    }


def asset(ticker: str, networks: dict[str, Network], **more: Any) -> dict[str, Any]:
    given = {"ticker": ticker, "name": None, "fiat": False, "precision": 8, "deposit": None, "withdraw": None}
    return given | more | {"networks": {code: network.to_dict() for code, network in networks.items()}}


def quotes(now: int) -> dict[str, dict[str, Quote]]:
    """Return provider → pair → quote as of the last publish."""
    return {
        "BYBIT": {
            "BTC/USDT": quote(
                "100.10", "100.20", last="100.15", quote_volume="123456.5", status="trading", at_ms=now - 900
            ),
            "ETH/USDT": quote("10", None, quote_volume="5", status="trading"),
            f"{EVIL}/USDT": quote("1.0", "1.10", status="trading"),
            "OLD/USDT": quote("2", "3", status="trading", at_ms=now - 7_200_000),
            "TINY/USDT": quote("0.0000000001234567", "0.0000000001234568", status="halted"),
        },
        "KUCOIN": {
            "BTC/USDT": quote("100.15", "100.30", last="100.2", quote_volume="99999999999.123", status="trading"),
            "ETH/USDT": quote("10.1", "10.2", status=None),
        },
        "OPENEXCHANGERATES": {"EUR/USD": quote(mid="1.0812345678901", derived=True)},
    }


def wallets() -> dict[str, dict[str, Any]]:
    """Return provider → assets."""
    one, other = "0x" + "ab" * 20, "0x" + "cd" * 20
    return {
        "BYBIT": {
            "USDT": asset(
                "USDT",
                {
                    "TRX": Network(name="TRC20", network="tron", deposit=True, withdraw=True, deposit_min="1",
                                   withdraw_min="10", withdraw_fee="1.5", confirmations=20, contract="TX" + "a" * 32),
                    "ETH": Network(name="ERC20", network="ethereum", deposit=True, withdraw=False, withdraw_fee="4",
                                   contract=one, note="Suspended </script><b>now</b>"),
                    "NEWNET": Network(name="New", network=None, deposit=None, withdraw=None),
                },
                name="Tether",
            ),
            "GEM": asset("GEM", {"BSC": Network(network="bsc", deposit=True, withdraw=True, withdraw_fee="0.1",
                                                contract=one)}),
            EVIL: asset(EVIL, {"BSC": Network(network="bsc", deposit=False, withdraw=False)}, name="<img src=x>"),
            "DEAD": asset("DEAD", {}, deposit=False, withdraw=False),
        },
        "KUCOIN": {
            "USDT": asset(
                "USDT",
                {
                    "trx": Network(network="tron", deposit=True, withdraw=True, deposit_min="25", withdraw_min="2",
                                   withdraw_fee="1.25", confirmations=12, contract="TX" + "a" * 32),
                    "eth": Network(network="ethereum", deposit=None, withdraw=True, withdraw_fee="3",
                                   contract=one.upper().replace("X", "x", 1)),
                },
            ),
            "GEM": asset("GEM", {"bsc": Network(network="bsc", deposit=True, withdraw=True, withdraw_fee="0.2",
                                                contract=other)}),
        },
        "OPENEXCHANGERATES": {"EUR": asset("EUR", {}, fiat=True, name="Euro")},
    }  # fmt: skip


def make_desk(folder: Path, now: int, redis_url: str = "embedded", rounds: int = 3) -> Registry:
    """Write the folder; with a Redis, publish `rounds` times a minute apart, the last one 5 s before `now`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "providers.toml"
    path.write_text(REGISTRY.replace("{redis_url}", redis_url), encoding="utf-8")
    registry = load_registry(path, environ={})
    data = registry.settings.data_dir
    for provider, assets in wallets().items():
        write_snapshot(data / "wallet" / f"{provider}.json", head(provider, "wallet", now - 60_000), "assets", assets)
    for provider in ("BYBIT", "KUCOIN"):
        stats = {
            "pairs": {"total": 5, "trading": 4, "halted": None},
            "assets": {"total": 4, "deposit_open": 2, "withdraw_open": 2},
            "networks": {"total": 5, "deposit_open": 3, "withdraw_open": 2},
            "turnover_24h": {"USDT": "123461.5" if provider == "BYBIT" else "99999999999.123", "<b>": "0"},
            "server_time": to_iso(now),
            "clock_skew_ms": -1500,
            "latency_ms": 42,
            "platform": {"status": "maintenance", "message": "Upgrade </script>"},
            "quota": {
                "plan": "basic",
                "used": 750,
                "limit": 800,
                "remaining": 50,
                "resets_at": "2026-11-24T00:00:00.000Z",
            },
        }
        write_document(data / "stats" / f"{provider}.json", head(provider, "stats", now - 50_000) | {"stats": stats})
    counts = [
        {"at": to_iso(now - days * 86_400_000), "pairs": {"total": 9 - days}, "assets": {"total": 4}}
        for days in (3, 2, 1)
    ]
    append_journal(data / "stats" / "BYBIT.history.jsonl", counts)
    line = {"run_id": "r1", "provider": "KUCOIN", "network": "trx"}
    append_journal(
        data / "wallet" / "KUCOIN.changes.jsonl",
        [
            line
            | {
                "at": to_iso(now - 2 * 86_400_000),
                "asset": "USDT",
                "field": "withdraw",
                "before": True,
                "after": False,
            },
            line
            | {"at": to_iso(now - 3_600_000), "asset": "USDT", "field": "withdraw", "before": False, "after": True},
            line
            | {
                "at": to_iso(now - 1_800_000),
                "asset": "USDT",
                "field": "withdraw_fee",
                "before": None,
                "after": "1.25",
            },
            line
            | {
                "at": to_iso(now - 900_000),
                "asset": EVIL,
                "network": None,
                "field": "asset",
                "before": EVIL,
                "after": None,
            },
        ],
    )
    for provider in ("BYBIT", "KUCOIN"):
        for job in ("wallet", "prices", "stats"):
            record_state(data / "state", provider, job, at_ms=now - 60_000, ok=True, reason=None)
    for _ in range(3):
        record_state(data / "state", "KUCOIN", "stats", at_ms=now - 30_000, ok=False, reason="rate-limited")
    record_state(data / "state", "OPENEXCHANGERATES", "wallet", at_ms=now - 60_000, ok=True, reason=None)
    record_state(data / "state", "OPENEXCHANGERATES", "stats", at_ms=now - 60_000, ok=None, reason="no-credentials")
    last = quotes(now)
    for provider, found in last.items():
        write_mirror(data / "prices" / f"{provider}.json", head(provider, "prices", now - 5_000), found)
    if redis_url != "none":
        publish(registry, now, rounds, last)
    return registry


def publish(registry: Registry, now: int, rounds: int, last: dict[str, dict[str, Quote]]) -> None:
    settings = registry.settings
    with connect(settings.redis_url, settings.data_dir, settings.redis_prefix) as store:
        for turn in range(rounds - 1, -1, -1):
            for provider, found in last.items():
                # BTC/USDT climbs by a cent a minute.
                moved = {
                    pair: one._replace(bid=f"{float(one.bid) - turn / 100:.2f}") if pair == "BTC/USDT" else one
                    for pair, one in found.items()
                }
                publish_l1(store, provider, moved, run_id=f"r{turn}", collected_ms=now - 5_000 - turn * 60_000,
                           interval_s=10, skipped=0, history=settings.history, until_ms=now_ms() + 60_000)  # fmt: skip
