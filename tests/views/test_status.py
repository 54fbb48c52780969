"""What `status` calls fresh: data in time, whose source's own time moves."""

import pytest

from marketctl.errors import ConfigError
from marketctl.models import Quote
from marketctl.providers.loader import load_registry
from marketctl.redis.connection import RedisConnection
from marketctl.redis.embedded import EmbeddedRedis
from marketctl.redis.publish import publish_l1
from marketctl.redis.quotes import write_mirror
from marketctl.times import now_ms
from marketctl.views.quotes import Reader
from marketctl.views.status import status
from tests.desk import head

HOUR = 3_600_000
REGISTRY = """
[settings]
redis_url = "none"
[providers.KUCOIN]
path = "marketctl.providers.cex.kucoin:KucoinAdapter"
[providers.ECB]
path = "marketctl.providers.bank.ecb:EcbBankAdapter"
"""


def sent(at_ms: int | None, mid: str | None = None) -> Quote:
    return Quote("S", None if mid else "1", None if mid else "2", None, None, None, mid, None, None, None, at_ms)


def test_prices_that_nobody_can_read_are_not_fresh(tmp_path):
    (tmp_path / "providers.toml").write_text(REGISTRY)
    with EmbeddedRedis(tmp_path / "data"), RedisConnection("embedded", tmp_path / "data", "marketctl") as store:
        registry = load_registry(tmp_path / "providers.toml", environ={})
        now, told = now_ms(), {"run_id": "r", "interval_s": 10, "skipped": 0}
        publish_l1(store, "KUCOIN", {"A/B": sent(None)}, collected_ms=now, **told)
        store.call("HSET", store.key("KUCOIN", "l1"), "A/B", "nonsense")
        found = status(registry, Reader(registry, store, None), now, [], [])
    job = next(job for job in found["jobs"] if (job["provider"], job["job"]) == ("KUCOIN", "prices"))
    assert (job["state"], job["reason"]) == ("failing", "redis")
    assert "l1 is not as marketctl writes it: A/B holds nonsense" in job["message"]


@pytest.mark.parametrize(
    ("provider", "quote", "state", "age_h"),
    [
        ("KUCOIN", (2 * HOUR, None), "stale", 2),
        ("KUCOIN", (1000, None), "fresh", 0),
        ("KUCOIN", (None, None), "fresh", 0),
        ("ECB", (37 * HOUR, "1.1"), "fresh", 37),  # of yesterday, as a bank's rates are
        ("ECB", (9 * 24 * HOUR, "1.1"), "stale", 216),
        ("ECB", (-9 * HOUR, "1.1"), "stale", None),
    ],
)
def test_prices_whose_own_time_stands_still_are_not_fresh(tmp_path, provider, quote, state, age_h):
    (tmp_path / "providers.toml").write_text(REGISTRY)
    registry = load_registry(tmp_path / "providers.toml", environ={})
    now, (age, mid) = now_ms(), quote
    path = registry.settings.data_dir / "prices" / f"{provider}.json"
    write_mirror(path, head(provider, "prices", now), {"A/B": sent(None if age is None else now - age, mid)})
    found = status(registry, Reader(registry, None, ConfigError("none")), now, ["USDT"], [])
    told = next(job for job in found["jobs"] if (job["provider"], job["job"]) == (provider, "prices"))
    assert (told["state"], told["age_ms"] and told["age_ms"] // HOUR) == (state, age_h)
    words = None if state == "fresh" else "has yet to come" if age_h is None else "stands still"
    assert told["message"] == (words and f"the source's own time {words}")
