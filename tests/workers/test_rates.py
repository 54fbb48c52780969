"""Rates of a site with workers: asked for by whoever collected prices, built once, on the machine that serves them."""

import re

import pytest

pytest.importorskip("celery", reason="celery is not installed: pip install celery[redis] (the extra celery)")

from tests.rates.checker import check_export
from tests.workers.fleet import Fleet, wait_for

RATES = """
[export]
metrics = "rates.prom"

[codes]
BTC = { asset = "BTC", network = "bitcoin" }
USDTTRC20 = { asset = "USDT", network = "tron" }

[[directions]]
from = "BTC"
to = "USDTTRC20"
rate = "KUCOIN BTC/USDT bid - 1%"
amount = 50000
from_min = 0.01
from_max = 1
"""


def builds(fleet: Fleet) -> int:
    return len(
        re.findall(
            r"Task marketctl\.rates\[[^]]+\] succeeded in [\d.]+s: {'directions': 1, 'in': 1", fleet.told("site")
        )
    )


def test_rates_are_built_where_they_are_served_after_prices_of_any_machine(tmp_path):
    fleet = Fleet(tmp_path)
    try:
        (fleet.registry.parent / "rates.toml").write_text(RATES)
        fleet.start("site", "worker", "-c", "1", "-Q", "rates")
        fleet.start("north", "worker", "-c", "2")
        fleet.start("north", "beat")
        xml = tmp_path / "site" / "data" / "rates" / "rates.xml"
        wait_for(lambda: xml.exists() and check_export(xml.read_bytes()), 25)
        wait_for(lambda: builds(fleet) >= 3, 25)
        assert len(check_export(xml.read_bytes())) == 1
        assert not (tmp_path / "north" / "data" / "rates").exists()
        built = builds(fleet)
        asked = sum(fleet.done(name, "prices") for name in ("BYBIT", "HTX", "KUCOIN", "WHITEBIT"))
        print(f"\n{built} builds after {asked} jobs")
        assert 3 <= built <= asked
        assert fleet.server.say("LLEN", "marketctl:celery:rates") <= 2
    finally:
        fleet.close()
