"""The same event of several venues is one line; the same of one venue again is another."""

from marketctl.providers.loader import load_registry
from marketctl.views.changes import in_words, together
from tests.desk import REGISTRY


def event(at: str, provider: str, opened: bool, network: str = "TRX") -> dict:
    line = {"at": f"2026-11-25T{at}:00.000Z", "provider": provider, "asset": "USDT", "network": network}
    line |= {"field": "withdraw", "before": not opened, "after": opened}
    return line | {"what": in_words("withdraw", not opened, opened, network)}


def test_a_network_that_closes_opens_and_closes_again_within_an_hour_is_three_lines(tmp_path):
    path = tmp_path / "providers.toml"
    path.write_text(REGISTRY.replace("{redis_url}", "none"))
    events = [
        event("10:00", "BYBIT", False),
        event("10:00", "BYBIT", False, "TRC20"),  # two codes of one network, seen at once
        event("10:01", "KUCOIN", False),
        event("10:05", "BYBIT", True),
        event("10:06", "KUCOIN", True),
        event("10:10", "BYBIT", False),
        event("10:11", "KUCOIN", False),
        event("12:00", "MEXC", False),
    ]
    wallets = {
        name: {
            "assets": {"USDT": {"ticker": "USDT", "networks": {key: {"network": "tron"} for key in ("TRX", "TRC20")}}}
        }
        for name in ("BYBIT", "KUCOIN", "MEXC")
    }
    found = together(load_registry(path, environ={}), events, wallets)
    assert [(line["at"][11:16], line["network"], line["what"], line["provider"]) for line in found] == [
        ("10:00", "tron", "withdraw closed", "BYBIT, KUCOIN"),
        ("10:05", "tron", "withdraw opened", "BYBIT, KUCOIN"),
        ("10:10", "tron", "withdraw closed", "BYBIT, KUCOIN"),
        ("12:00", "tron", "withdraw closed", "MEXC"),
    ]
