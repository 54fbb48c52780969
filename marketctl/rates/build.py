"""Build the export: judge every direction by what is live now, leave out what is in doubt, write the files whole.

One build at a time: who comes second waits, and reads the market only when it is its turn, so that older quotes never
replace newer ones. The account of the build is written before the files: a build killed in between leaves a direction
out for longer, never in.
"""

import fcntl
import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

from marketctl.config.registry import Registry
from marketctl.errors import Busy, ConfigError
from marketctl.files.locks import POLL_S, open_lock, try_lock
from marketctl.rates.account import Account, read_account, write_account
from marketctl.rates.export import Item, elder_text, json_text, xml_text
from marketctl.rates.formula import Formula, FormulaError, Leg, work_out
from marketctl.rates.market import Judged, Market
from marketctl.rates.plan import Direction, Plan, read_plan
from marketctl.rates.rounding import in_and_out
from marketctl.rates.writing import each, empty, withdraw, write_if_changed
from marketctl.text import plain
from marketctl.times import now_ms, to_iso
from marketctl.views.quotes import Reader, open_reader
from marketctl.views.wallets import WalletFiles

LOCK_WAIT_S = 10.0


@dataclass
class Outcome:
    """How one direction ended: `ok`, or `out` for a reason; `since` is when it came or went (ISO)."""

    direction: Direction
    status: str = "ok"
    reason: str | None = None
    message: str | None = None
    rate: Fraction | None = None
    item: Item | None = None
    legs: list[Judged] = field(default_factory=list)
    needs: list[Judged] = field(default_factory=list)
    good_builds: int = 0
    since: str | None = None
    turned: bool = False  # came or went in this build

    def out(self, reason: str, message: str) -> "Outcome":
        """Leave it out of the file."""
        self.status, self.reason, self.message, self.item = "out", reason, message, None
        return self

    @property
    def age_ms(self) -> int | None:
        """The age of its oldest quote."""
        ages = [leg.age_ms for leg in self.legs if leg.age_ms is not None]
        return max(ages) if ages else None

    def to_dict(self) -> dict[str, Any]:
        """Return the shape of `--json`."""
        one = self.direction
        return {
            "direction": one.name,
            "from": one.source.code,
            "to": one.target.code,
            "city": one.city,
            "status": self.status,
            "reason": self.reason,
            "message": self.message,
            "rate": None if self.rate is None else plain(self.rate),
            "in": self.item.gives if self.item else None,
            "out": self.item.gets if self.item else None,
            "amount": one.amount,
            "age_ms": self.age_ms,
            "good_builds": self.good_builds,
            "since": self.since,
            "legs": [leg.to_dict() for leg in self.legs],
            "needs": [need.to_dict() for need in self.needs],
        }


@dataclass
class Built:
    """What a build did; `written` are the files whose content changed."""

    run_id: str
    started_ms: int
    duration_ms: int
    outcomes: list[Outcome]
    written: list[Path]
    paths: list[Path]
    metrics: Path | None = None

    @property
    def counts(self) -> dict[str, Any]:
        """How many directions are in and out, and why."""
        out = Counter(str(one.reason) for one in self.outcomes if one.status == "out")
        return {
            "directions": len(self.outcomes),
            "in": len(self.outcomes) - out.total(),
            "out": out.total(),
            "out_by": dict(sorted(out.items())),
            "came": [one.direction.name for one in self.outcomes if one.turned and one.status == "ok"],
            "went": [one.direction.name for one in self.outcomes if one.turned and one.status == "out"],
        }


class Builder:
    """Builds again and again for one registry; wallets are read anew only when they change."""

    def __init__(self, registry: Registry, path: Path) -> None:
        self.registry = registry
        self.path = path
        self.wallets = WalletFiles(registry)

    def build(self, reader: Reader | None = None, lock_wait_s: float = LOCK_WAIT_S) -> Built:
        """Build the export out of what is live now.

        Raises ConfigError for a rates.toml that cannot be read (the export is emptied then: nobody knows whether its
        rates still hold), Busy when another build does not end, StorageFailed for files that cannot be written.
        """
        folder = self.registry.settings.data_dir / "rates"
        with build_lock(folder, lock_wait_s):
            try:
                plan = read_plan(self.path, self.registry)
            except ConfigError:
                withdraw(folder, self.path)
                raise
            if reader is not None:
                return self._build(plan, reader)
            with open_reader(self.registry) as own:
                return self._build(plan, own)

    def _build(self, plan: Plan, reader: Reader) -> Built:
        started_ms, started = now_ms(), time.monotonic()
        folder = self.registry.settings.data_dir / "rates"
        earlier = read_account(folder)
        legs = [leg for direction in plan.directions for leg in direction.legs]
        market = Market(reader, self.wallets, plan.max_age_s, legs)
        outcomes = [judge(direction, market) for direction in plan.directions]
        for outcome in outcomes:
            remember(outcome, earlier, plan.export.good_builds, started_ms)
        items = [one.item for one in outcomes if one.item is not None]
        texts = files_of(plan, items)
        stamp = (to_iso(started_ms) or "").replace("-", "").replace(":", "").replace(".", "")
        built = Built(f"{stamp}-{os.urandom(3).hex()}", started_ms, 0, outcomes, [], list(texts), plan.export.metrics)
        for path in earlier.files:
            if path not in texts:  # nobody would renew it any more
                empty(path)
        write_account(folder, built.run_id, started_ms, texts, [one.to_dict() for one in outcomes])
        built.written = each(texts, lambda path: write_if_changed(path, texts[path]))
        built.duration_ms = round((time.monotonic() - started) * 1000)
        return built


def judge(direction: Direction, market: Market) -> Outcome:
    """Work out a direction's rate, or say why it has none now."""
    found = Outcome(direction)
    contracts = {
        code.asset: (code.network, code.contract)
        for code in (direction.source, direction.target)
        if code.network is not None and code.contract is not None
    }
    legs = {leg: market.leg(leg, direction.max_age_s, contracts) for leg in direction.legs}
    found.legs, found.needs = list(legs.values()), [market.need(need) for need in direction.needs]
    for one in (*found.legs, *found.needs):
        if one.reason is not None:
            return found.out(one.reason, one.message or one.reason)
    values = {leg: market.value(judged) for leg, judged in legs.items()}
    try:
        found.rate = rate = work_out(direction.formula.node, values.__getitem__)
        bounds = [_bound(formula, values) for formula in (direction.at_least, direction.at_most)]
    except FormulaError as error:
        return found.out("formula", error.message)
    if rate <= 0:
        return found.out("not-positive", f"the rate would be {plain(rate, 12)}")
    for bound, word, beyond in zip(bounds, ("at_least", "at_most"), ("below", "above"), strict=True):
        if bound is not None and (rate < bound if word == "at_least" else rate > bound):
            return found.out("bounds", f"the rate {plain(rate, 12)} is {beyond} {word} {plain(bound, 12)}")
    pair = in_and_out(rate, direction.in_decimals, direction.out_decimals)
    if pair is None:
        return found.out("rounding", f"nothing is left of {plain(rate, 12)} with {direction.out_decimals} decimals")
    found.item = Item(direction, plain(pair[0]), plain(pair[1]))
    return found


def _bound(formula: Formula | None, values: Mapping[Leg, Fraction]) -> Fraction | None:
    return None if formula is None else work_out(formula.node, values.__getitem__)


def remember(outcome: Outcome, earlier: Account, good_builds: int, at_ms: int) -> None:
    """Hold back what was out and has not been good for long enough, and note since when it is as it is."""
    known = earlier.directions.get(outcome.direction.name)
    was_in = known is not None and known["status"] == "ok"
    good = 0 if outcome.status == "out" else (known["good_builds"] if known else 0) + 1
    outcome.good_builds = min(good, 1_000_000)
    back = known is None and not earlier.broken
    if outcome.status == "ok" and not was_in and not back and good < good_builds:
        outcome.out("returning", f"good again, build {good} of {good_builds}")
    outcome.turned = known is None or was_in != (outcome.status == "ok")
    outcome.since = to_iso(at_ms) if outcome.turned or known is None else known["since"]


def files_of(plan: Plan, items: Sequence[Item]) -> dict[Path, str]:
    """Return path → content of every file of the export."""
    export = plan.export
    texts = {export.xml: xml_text(items, legacy=export.legacy), export.json: json_text(items)}
    if export.elder is not None:
        texts[export.elder] = elder_text(items)
    return texts


@contextmanager
def build_lock(folder: Path, wait_s: float) -> Iterator[None]:
    """Hold the lock of builds, a file that stays. Raises Busy when it is not free in time."""
    path = folder / ".build.lock"
    fd = open_lock(path)
    try:
        until = time.monotonic() + wait_s
        while not try_lock(fd, path, fcntl.LOCK_EX):
            if time.monotonic() >= until:
                raise Busy(
                    f"another build of the rates holds {path}", hint="add --lock-wait S, or wait until it is done"
                )
            time.sleep(POLL_S)
        yield
    finally:
        os.close(fd)
