"""Look at the rates without writing: the last build and what is wrong with it, a direction worked out anew."""

import re
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

from marketctl.config.registry import Registry
from marketctl.rates.account import Account
from marketctl.rates.build import Outcome, judge, remember
from marketctl.rates.market import Market
from marketctl.rates.plan import Direction, Plan
from marketctl.times import to_iso
from marketctl.views.freshness import age_ms, limit_ms
from marketctl.views.quotes import Reader
from marketctl.views.snapshots import no_such
from marketctl.views.wallets import WalletFiles


def build_limit_ms(registry: Registry) -> int:
    """Return how old the last build may be: as old as the quotes it is made of."""
    return limit_ms(registry.settings.prices_interval_s)


def troubles(account: Account, now_ms: int, limit_ms: int) -> list[str]:
    """Say what is wrong with the export as it lies there: too old, gone, or not what the last build wrote."""
    if account.broken:
        return ["the account of the last build cannot be read"]
    if account.built_ms is None:
        return ["nothing was built yet"]
    told = []
    age = age_ms(now_ms, account.built_ms)
    if age is None or age > limit_ms:
        old = "lies in the future" if age is None else f"is {age // 1000} s old, allowed are {limit_ms // 1000} s"
        told.append(f"the last build {old} ({to_iso(account.built_ms)})")
    for path, digest in account.files.items():
        found = _digest(path)
        if found != digest:
            told.append(f"{path} {'is not there' if found is None else 'is not what the last build wrote'}")
    return told


def choose(plan: Plan, words: Sequence[str]) -> Direction:
    """Return the direction called so: `USDTTRC20:SBERRUB`, with the city where there are several.

    Any sign may stand between the codes. Raises StorageFailed with the closest one.
    """
    wanted = [word.upper() for one in words for word in re.findall(r"[A-Za-z0-9]+", one)]
    found = [one for one in plan.directions if one.name.split(":") == wanted]
    found = found or [one for one in plan.directions if one.name.split(":")[:2] == wanted]
    if len(found) == 1:
        return found[0]
    if found:
        raise no_such("more than one direction is called", ":".join(wanted), [], found[0].name)
    names = [one.name for one in plan.directions]
    raise no_such(f"{plan.path} has no direction", ":".join(wanted), names)


def explain(direction: Direction, plan: Plan, reader: Reader, account: Account) -> Outcome:
    """Work a direction out from what is live now; what the last builds said of it counts as in a build."""
    market = Market(reader, WalletFiles(reader.registry), plan.max_age_s, direction.legs)
    outcome = judge(direction, market)
    remember(outcome, account, plan.export.good_builds, market.now_ms)
    return outcome


def _digest(path: Path) -> str | None:
    try:
        return sha256(path.read_bytes()).hexdigest() if path.is_file() else None
    except OSError:
        return None
