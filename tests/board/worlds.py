"""A world where one way of an amount is far cheaper than another."""

from tests.desk import Network, asset, quote
from tests.rates.world import World, usdt


def make_world(folder, redis_url="none"):
    """To send USDT from MEXC costs 40; to send TRX, which both trade, costs 1."""
    world = World(folder, redis_url)
    trx = asset("TRX", {"TRX": Network(network="tron", deposit=True, withdraw=True, withdraw_fee="1", precision=6)})
    for provider in ("MEXC", "KUCOIN"):
        world.quotes(provider, **{"TRX/USDT": quote("0.2500", "0.2501", ask_size="3900", status="trading"),
                                  "BTC/USDT": quote("60000", "60001", status="trading")})  # fmt: skip
    world.wallet("MEXC", USDT=usdt(withdraw_fee="40", precision=2), TRX=trx)
    world.wallet("KUCOIN", USDT=usdt(withdraw_fee="1", precision=2, note="Slow </script>"), TRX=trx)
    return world
