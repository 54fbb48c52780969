"""The registry we ship: all eight, its comments true, read without heavy modules."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import tomli_w

from marketctl.config.sentinel import Limits
from tests.config.reading import ROOT, SHIPPED, read

pytestmark = pytest.mark.usefixtures("here")


def test_shipped_registry_is_the_one_at_the_root() -> None:
    assert (ROOT / "providers.toml").read_bytes() == SHIPPED.read_bytes()


def test_shipped_registry_enables_all_eight(here: Path) -> None:
    registry = read(SHIPPED.read_text())
    assert {entry.name: (entry.path, entry.needs_api, entry.stablecoin) for entry in registry.enabled()} == {
        "BYBIT": ("marketctl.providers.cex.bybit:BybitAdapter", True, None),
        "MEXC": ("marketctl.providers.cex.mexc:MexcAdapter", True, None),
        "WHITEBIT": ("marketctl.providers.cex.whitebit:WhitebitAdapter", True, None),
        "HTX": ("marketctl.providers.cex.htx:HtxAdapter", True, None),
        "KUCOIN": ("marketctl.providers.cex.kucoin:KucoinAdapter", True, None),
        "RAPIRA": ("marketctl.providers.cex.rapira:RapiraAdapter", False, None),
        "TWELVEDATA": ("marketctl.providers.cash.twelvedata:TwelveDataCashAdapter", True, "USD"),
        "OPENEXCHANGERATES": (
            "marketctl.providers.cash.openexchangerates:OpenExchangeRatesCashAdapter",
            True,
            "USD",
        ),
    }
    assert registry.settings == read("").settings


def test_shipped_twelvedata_fits_the_free_plan() -> None:
    entry = read(SHIPPED.read_text()).providers["TWELVEDATA"]
    assert len(entry.pairs) <= 8
    assert len(entry.pairs) * 86400 / entry.prices_interval_s <= 800


def without_watch(text: str) -> tuple[str, str]:
    """Part the commented [watch] from the rest."""
    before, _, after = text.partition("# [watch]\n")
    block, _, after = after.partition("\n\n")
    return f"{before}\n\n{after}", "\n".join(line[2:] for line in block.splitlines())


def test_shipped_comments_of_watch_can_be_taken_as_they_are(here: Path) -> None:
    _, watched = without_watch(SHIPPED.read_text())
    watch = read(f"[watch]\n{watched}").watch
    assert (watch.assets, watch.fee, watch.failing_after_s, watch.repeat_after_s) == (
        ("USDT", "USDC", "BTC", "ETH"), 20, 600, 86400,
    )  # fmt: skip
    assert watch.gap_amount == 1000


def test_shipped_comments_tell_the_true_defaults(here: Path) -> None:
    shipped, _ = without_watch(SHIPPED.read_text())
    text, _, rest = shipped.partition("# [sentinel]\n")
    lines = text.splitlines()
    commented = [line[2:] for line in lines if line.startswith("# ") and " = " in line and "providers" not in line]
    shown = [line for line in commented if line.split(" = ")[0].isidentifier()]
    assert [line.split(" = ")[0] for line in shown] == [
        "dump_dir",
        "redis_prefix",
        "embedded_stay",
        "mirror_prices",
        "timeout_s",
        "deadline_s",
        "attempts",
        "pairs_max_age_s",
        "history",
        "archive_days",
        "archive_max_mb",
        "run_log_max_mb",
        "run_log_keep",
    ]
    assert read("[settings]\n" + "\n".join(shown)).settings == read("").settings
    limits = "\n".join(line[2:] for line in rest.partition("# [sentinel.rules")[0].splitlines())
    assert read("[sentinel]\n" + limits).sentinel == read("").sentinel
    assert set(tomllib.loads(limits)) == set(Limits._fields)


def test_effective_settings_can_be_read_back(here: Path) -> None:
    registry = read(SHIPPED.read_text())
    text = tomli_w.dumps({"providers": {name: entry.effective() for name, entry in registry.providers.items()}})
    assert read(text).providers == registry.providers


def test_loading_needs_no_heavy_modules(here: Path) -> None:
    code = (
        "import sys; from marketctl.providers.loader import load_registry;"
        "from marketctl.config.credentials import load_credentials;"
        f"load_registry({str(SHIPPED)!r}); load_credentials(__import__('pathlib').Path('none'));"
        "print(*sorted({'requests', 'redis', 'tomlkit', 'tomli_w', 'difflib', 'tenacity', 'importlib.metadata',"
        " 'marketctl.providers.base'} & set(sys.modules)))"
    )
    environ = {"PATH": os.defpath}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environ, check=True)
    assert (done.stdout, done.stderr) == ("\n", "")
