"""Figures of what is watched, and of nothing else, so that they stay few: doors of networks, best prices of pairs."""

from decimal import Decimal

from marketctl.config.registry import Registry
from marketctl.monitoring.prometheus import Sample
from marketctl.times import now_ms
from marketctl.views.compare import compare
from marketctl.views.doors import doors
from marketctl.views.freshness import limit_ms
from marketctl.views.quotes import open_reader
from marketctl.views.snapshots import number
from marketctl.views.twins import known_coins
from marketctl.views.wallets import WalletFiles


def families(registry: Registry) -> list[tuple[str, str, list[Sample]]]:
    """Return name, help and samples by `[watch]`; what is unknown, stale or held has no sample."""
    watch = registry.watch
    now = now_ms()
    opened: list[Sample] = []
    found = doors(WalletFiles(registry, watch.assets).readable(), now, watch.assets, watch.networks or None)
    for (asset, network, name), door in sorted(found.items()):
        for provider, value in [*((one, 1) for one in door.open), *((one, 0) for one in door.closed)]:
            labels = {"asset": asset, "network": network, "provider": provider, "direction": name}
            opened.append((labels, value))
    bids: list[Sample] = []
    asks: list[Sample] = []
    between: list[Sample] = []
    if watch.pairs:
        with open_reader(registry) as reader:
            lives = [reader.read(entry, watch.pairs) for entry in registry.enabled()]
        limits = {
            live.provider: limit_ms(registry.provider(live.provider).prices_interval_s, live.kept_ms) for live in lives
        }
        coins = known_coins(registry)
        for pair in watch.pairs:
            best = compare(pair, lives, now, limits, coins)["best"]
            bid, ask = (number(best[side]["price"]) if best[side] else None for side in ("bid", "ask"))
            for samples, figure in ((bids, bid), (asks, ask), (between, _gap(bid, ask))):
                if figure is not None:
                    samples.append(({"pair": pair}, float(figure)))
    return [
        ("marketctl_network_open", "1 if a watched network is open in this direction, 0 if it is closed.", opened),
        ("marketctl_best_bid", "The highest fresh bid of a watched pair over all venues.", bids),
        ("marketctl_best_ask", "The lowest fresh ask of a watched pair over all venues.", asks),
        (
            "marketctl_best_gap",
            "The best bid over the best ask in percent, before costs; mostly negative.",
            between,
        ),
    ]


def _gap(bid: Decimal | None, ask: Decimal | None) -> Decimal | None:
    return None if bid is None or not ask else (bid - ask) * 100 / ask
