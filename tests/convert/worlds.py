"""Made-up markets for convert: small ones whose every way can be tried, and one of thousands of coins."""

import random
from fractions import Fraction
from pathlib import Path
from typing import Any

from marketctl.convert.graph import Graph
from marketctl.convert.wallets import read_wallet
from marketctl.files.snapshots import write_snapshot
from marketctl.providers.loader import load_registry
from marketctl.times import now_ms, to_iso
from marketctl.views.quotes import Live
from tests.desk import head

NOW = now_ms()
FEES = {"KUCOIN": "0.1", "MEXC": "0.05", "RAPIRA": "0.2"}
NETWORKS = ("tron", "ethereum")


def small_world(chance: random.Random) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return quotes and wallets by provider as their files have them."""
    coins = ["USDT", "BTC", "TRX", "RUB"]
    quotes, wallets = {}, {}
    for provider in FEES:
        quotes[provider] = {}
        for number, base in enumerate(coins):
            for counter in coins[:number]:
                if chance.random() < 0.8:
                    price = Fraction(chance.randint(1, 4000), chance.choice([1, 10, 1000]))
                    quotes[provider][f"{base}/{counter}"] = {
                        "bid": _text(price) if chance.random() < 0.9 else None,
                        "ask": _text(price * Fraction(101, 100)) if chance.random() < 0.9 else None,
                        "bid_size": _text(Fraction(chance.randint(1, 3000), 10)) if chance.random() < 0.8 else None,
                        "ask_size": _text(Fraction(chance.randint(1, 3000), 10)) if chance.random() < 0.8 else None,
                        "status": chance.choice(["trading", None, "halted", "trading", "trading", None]),
                        "mid": None, "at": None, "derived": False,
                    }  # fmt: skip
        assets = {}
        for coin in coins[:3]:
            networks = {
                slug.upper(): {
                    "network": slug,
                    "deposit": chance.choice([True] * 8 + [False, None]),
                    "withdraw": chance.choice([True] * 8 + [False, None]),
                    "withdraw_fee": chance.choice(["0", "0.5", "1", "2.25", None]),
                    "withdraw_fee_percent": chance.choice([None, None, "0.5"]),
                    "withdraw_min": chance.choice([None, "1", "10"]),
                    "withdraw_max": chance.choice([None, None, "50"]),
                    "deposit_min": chance.choice([None, "0.01", "5"]),
                    "precision": chance.choice([None, 0, 2, 6]),
                    "contract": chance.choice([None, "CoinA", "CoinA", "CoinA", "CoinB"]),
                }
                for slug in NETWORKS
                if chance.random() < 0.8
            }
            assets[coin] = {"ticker": coin, "precision": chance.choice([None, 3]), "networks": networks}
            assets[coin] |= {"deposit": True, "withdraw": True}
        wallets[provider] = {"provider": provider, "collected_at": to_iso(NOW), "assets": assets}
    return quotes, wallets


def _text(value: Fraction) -> str:
    return format(value.numerator / value.denominator, ".6f")


def large_world(providers: list[str], coins: int) -> tuple[dict[str, Any], dict[str, Any]]:
    chance = random.Random(7)
    prices = {f"C{number}": 10 ** chance.uniform(-4, 4) for number in range(coins)}
    quotes: dict[str, Any] = {name: {} for name in providers}
    wallets: dict[str, Any] = {}
    for name in providers:
        assets = {}
        for coin, price in [*prices.items(), ("USDT", 1.0)]:
            near = price * chance.uniform(0.999, 1.001)
            if coin != "USDT":
                quotes[name][f"{coin}/USDT"] = {
                    "bid": f"{near:.8f}", "ask": f"{near * 1.0005:.8f}", "bid_size": f"{5000 / near:.6f}",
                    "ask_size": f"{5000 / near:.6f}", "status": "trading", "mid": None, "at": to_iso(NOW),
                    "derived": False,
                }  # fmt: skip
            networks = {
                slug: {
                    "network": slug, "deposit": True, "withdraw": chance.random() < 0.9,
                    "withdraw_fee": f"{chance.uniform(0.5, 3) / price:.8f}", "withdraw_fee_percent": None,
                    "withdraw_min": f"{5 / price:.8f}", "withdraw_max": None, "deposit_min": f"{1 / price:.8f}",
                    "precision": 8, "contract": f"0x{coin:>040}".replace(" ", "0"), "note": None,
                }
                for slug in ("ethereum", "bsc", "tron")
            }  # fmt: skip
            assets[coin] = {"ticker": coin, "precision": 8, "networks": networks, "deposit": True, "withdraw": True}
        wallets[name] = {"provider": name, "collected_at": to_iso(NOW), "assets": assets}
    return quotes, wallets


def graph_of_files(folder: Path, quotes: dict[str, Any], found: dict[str, Any]) -> Graph:
    """Write wallets as the wallet job does, and read them as the command does."""
    tables = [f'[providers.{name}]\npath = "marketctl.providers.cex.kucoin:KucoinAdapter"\n' for name in quotes]
    (folder / "providers.toml").write_text("".join(tables))
    registry = load_registry(folder / "providers.toml", environ={})
    graph = Graph(registry.providers, NOW)
    for name, wallet in found.items():
        graph.add_quotes(Live(name, "redis", collected_ms=NOW, quotes=quotes[name]))
        path = registry.settings.data_dir / "wallet" / f"{name}.json"
        write_snapshot(path, head(name, "wallet", NOW), "assets", wallet["assets"])
        graph.add_wallet(read_wallet(registry, name))
    return graph
