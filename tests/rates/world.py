"""A desk of four providers in files alone, whose quotes, networks and directions a test sets as it needs them."""

from pathlib import Path
from typing import Any

from marketctl.files.snapshots import write_snapshot
from marketctl.models import Network
from marketctl.providers.loader import load_registry
from marketctl.rates.build import Builder, Built
from marketctl.redis.quotes import write_mirror
from marketctl.times import now_ms
from tests.desk import asset, head, quote

GOOD = quote("92.25723", "92.3", status="trading")
REGISTRY = """
[settings]
redis_url = "{redis_url}"
wallet_interval_s = 3600

[providers.KUCOIN]
path = "marketctl.providers.cex.kucoin:KucoinAdapter"

[providers.MEXC]
path = "marketctl.providers.cex.mexc:MexcAdapter"

[providers.RAPIRA]
path = "marketctl.providers.cex.rapira:RapiraAdapter"

[providers.OPENEXCHANGERATES]
path = "marketctl.providers.cash.openexchangerates:OpenExchangeRatesCashAdapter"
prices_interval_s = 3600
"""
CODES = """
[codes]
USDTTRC20 = { asset = "USDT", network = "tron", decimals = 2 }
BTC = { asset = "BTC", network = "bitcoin" }
SBERRUB = { asset = "RUB" }
"""
LIMITS = 'amount = 5000000\nfrom_min = 100\nfrom_max = "20000.559"\n'
DIRECTION = f"""
[[directions]]
from = "USDTTRC20"
to = "SBERRUB"
rate = "RAPIRA USDT/RUB bid - 1.5%"
needs = ["MEXC USDT tron deposit"]
{LIMITS}"""
SECOND = f"""
[[directions]]
from = "BTC"
to = "SBERRUB"
rate = "KUCOIN BTC/USDT bid * RAPIRA USDT/RUB bid * 0.985"
{LIMITS}"""
TRON, ETHEREUM = "TR7NHqjeKQxGTCi8q8ZY4pL8otSzgjLj6t", "0xdAC17F958D2ee523a2206206994597C13D831ec7"


def usdt(**given: Any) -> dict[str, Any]:
    return asset("USDT", {"TRX": Network(**({"network": "tron", "deposit": True, "withdraw": True, "contract": TRON}
                                            | given))})  # fmt: skip


class World:
    """Quotes and wallets are of the moment they are set, unless a test says how old they are."""

    def __init__(self, folder: Path, redis_url: str = "none") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.path = folder / "providers.toml"
        self.path.write_text(REGISTRY.replace("{redis_url}", redis_url))
        self.registry = load_registry(self.path, environ={})
        self.data = self.registry.settings.data_dir
        self.rates = folder / "rates.toml"
        self.directions(DIRECTION)
        self.quotes("KUCOIN", **{"BTC/USDT": quote("60000.5", "60001", status="trading")})
        self.quotes("RAPIRA", **{"USDT/RUB": GOOD})
        self.quotes("OPENEXCHANGERATES", **{"USD/RUB": quote(mid="92.5")})
        for provider in ("MEXC", "KUCOIN", "RAPIRA"):
            self.wallet(provider, USDT=usdt())
        self.builder = Builder(self.registry, self.rates)

    def again(self) -> "World":
        """Read what the registry says now, as the next run does."""
        self.registry = load_registry(self.path, environ={})
        self.builder = Builder(self.registry, self.rates)
        return self

    def directions(self, *parts: str, codes: str = CODES) -> None:
        self.rates.write_text("[export]\ngood_builds = 3\n" + codes + "".join(parts))

    def quotes(self, provider: str, age_s: float = 1, **quotes: Any) -> None:
        at_ms = now_ms() - round(age_s * 1000)
        write_mirror(self.data / "prices" / f"{provider}.json", head(provider, "prices", at_ms), quotes)

    def wallet(self, provider: str, age_s: float = 60, **assets: Any) -> None:
        path = self.data / "wallet" / f"{provider}.json"
        write_snapshot(path, head(provider, "wallet", now_ms() - round(age_s * 1000)), "assets", assets)

    def build(self) -> Built:
        return self.builder.build()

    def reason(self) -> str | None:
        """Build; return why the first direction is out, None when it is in."""
        return self.build().outcomes[0].reason

    @property
    def xml(self) -> Path:
        return self.data / "rates" / "rates.xml"
