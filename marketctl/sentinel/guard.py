"""Examine what a provider quotes before it is published: the one place for all adapters.

Nearly every quote is let pass after a look at the middles; the few that stand apart are judged exactly (judge.py).
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from marketctl.config.registry import ProviderEntry, Registry
from marketctl.models import Quote, Quotes
from marketctl.providers.columns import Sides
from marketctl.redis.connection import RedisConnection
from marketctl.redis.quotes import last_of_history
from marketctl.sentinel.held import aside_commands, forget_releases, last_good_of, make_record, read_aside
from marketctl.sentinel.judge import Before, Case, Peer, Span, Verdict, judge
from marketctl.sentinel.market import market_of, middles_of
from marketctl.sentinel.sheet import Draft, Good, Sheet
from marketctl.times import now_ms
from marketctl.views.freshness import age_ms, limit_ms
from marketctl.views.held import Records
from marketctl.views.snapshots import number
from marketctl.views.twins import Coins, address_of, known_coins

RATES = ("CASH", "BANK")


@dataclass
class Examined:
    """What came of it: `quotes` may be published, `held` may not, `marked` are published with a word to them."""

    quotes: Mapping[str, Quote]
    held: Records = field(default_factory=dict)
    marked: Records = field(default_factory=dict)
    reference: bytes | None = None
    sheet: Sheet | None = None
    halted: dict[str, Quote] = field(default_factory=dict)
    released: list[str] = field(default_factory=list)  # what a person let pass, and has served
    # The same answer may be judged otherwise than before: by other quotes of the others, or since a person looked.
    again: bool = False
    fresh: list[str] = field(default_factory=list)  # held now and not before
    passed: list[str] = field(default_factory=list)  # held before and not now
    gone: list[str] = field(default_factory=list)  # held before, and the source quotes them no more

    def counts(self) -> dict[str, Any]:
        """Return the counts of a result."""
        by = Counter(one["verdict"] for one in self.held.values())
        marks = Counter(one["verdict"] for one in self.marked.values())
        return {
            "held": len(self.held),
            "held_by": dict(sorted(by.items())),
            "marked": len(self.marked),
            "marked_by": dict(sorted(marks.items())),
        }


class Guard:
    """The sentinel of one publish of one provider."""

    def __init__(self, registry: Registry, store: RedisConnection | None, entry: ProviderEntry, kind: str) -> None:
        self.registry = registry
        self.store = store
        self.entry = entry
        self.rates = (entry.kind or kind) in RATES
        self.market = market_of(registry)
        self.now = now_ms()
        self._coins: Coins | None = None
        self._away: dict[str, Good] = {}

    def examine(
        self,
        quotes: Mapping[str, Quote],
        sides: Sides | None = None,
        *,
        run_id: str,
        collected_ms: int,
        complete: bool = True,
        whole: bool = True,
        force: bool = False,
    ) -> Examined:
        """Judge the quotes of one answer; `whole`: all of them are of one time and all that will be live.

        Raises RedisFailed, StorageFailed.
        """
        if not self.registry.sentinel.enabled:
            return Examined(quotes)
        with self.market.lock:
            asked = aside_commands(self.store, self.entry)
            replies = self.market.refresh(self.registry, self.store, self.registry.enabled(), asked, self.entry.name)
            held, marked, released = read_aside(self.registry, self.store, self.entry, replies)
            draft = Draft.of(quotes, sides)
            # One that lies in the band of its pair, with the last good ones of everybody, itself among them, passes:
            # then no rule can say anything, whichever of them are fresh and of the same coin.
            suspects = self.market.apart(self.entry.name, draft)
            self._away, moved = self._came_back(draft, held)
            suspects += [pair for pair in {*held, *released, *moved}.difference(suspects) if pair in quotes]
            found = Examined(quotes)
            if suspects:
                self._judge_all(found, suspects, held, marked, released, run_id, collected_ms, force)
            if not complete:  # pairs that were not asked stay as they are
                found.held |= {pair: one for pair, one in held.items() if pair not in quotes}
                found.marked |= {pair: one for pair, one in marked.items() if pair not in quotes}
            found.fresh = [pair for pair in found.held if pair not in held]
            found.passed = [pair for pair in held if pair in quotes and pair not in found.held]
            found.gone = [pair for pair in held if pair not in quotes and pair not in found.held]
            found.again = bool(found.released) or _verdicts(held, marked) != _verdicts(found.held, found.marked)
            if whole and self.store is not None:
                found.halted = {pair: found.quotes[pair] for pair in draft.halted if pair in found.quotes}
                good = draft.without(found.halted.keys() | found.held.keys())
                found.sheet = good.pack(self.market.venue(self.entry.name).sheet)
                found.reference = found.sheet.to_bytes(run_id, collected_ms)
            return found

    def published(self, found: Examined, *, run_id: str, collected_ms: int, earlier_ms: int | None) -> None:
        """Remember what went out; a set that was merged is read anew."""
        if not self.registry.sentinel.enabled:
            return
        with self.market.lock:
            if found.sheet is not None:
                self.market.accept(self.entry.name, found.sheet, found.halted, collected_ms, earlier_ms, run_id)
            else:
                self.market.forget(self.entry.name)
        if found.released:
            forget_releases(self.registry, self.store, self.entry, found.released)

    def refused(self) -> None:
        """Forget what was seen: it did not go out."""
        with self.market.lock:
            self.market.forget(self.entry.name)

    def _came_back(self, draft: Draft, held: Records) -> tuple[dict[str, Good], list[str]]:
        """Return the last good quotes of pairs that are not in the set before this one, and which of them have moved.

        They were left out for a cycle, or the set has expired; history still has them.
        """
        venue = self.market.venue(self.entry.name)
        known = [] if venue.sheet is None else venue.sheet.names.pairs
        if self.store is None or venue.token is None or known == (others := draft.others({*held, *draft.halted})):
            return {}, []
        new = list(set(others).difference(known, venue.goods))
        goods = {
            pair: Good(one.get("bid"), one.get("ask"), one.get("mid"), False, None, one["at_ms"])
            for pair, one in last_of_history(self.store, self.entry.name, new).items()
        }
        middles = dict(zip(draft.names.pairs, draft.middles, strict=True)) if goods else {}
        return goods, [pair for pair, value in middles_of(goods) if not self.market.bands.near(middles[pair], value)]

    # The closer look --------------------------------------------------------------------------

    def _judge_all(
        self,
        found: Examined,
        suspects: list[str],
        held: Records,
        marked: Records,
        released: Mapping[str, Span],
        run_id: str,
        collected_ms: int,
        force: bool,
    ) -> None:
        quotes = found.quotes
        peers = self._peers()
        for pair in suspects:
            quote = quotes[pair]
            own = self.market.venue(self.entry.name).good(pair) or last_good_of(held.get(pair)) or self._away.get(pair)
            case = self._case(pair, quote, own, peers, held.get(pair), released.get(pair), collected_ms)
            verdict = judge(case) if case is not None else None
            if verdict is not None and verdict.held and force:
                verdict = Verdict("released", False, f"--force; {verdict.why}", verdict.reference, verdict.deviation)
            if pair in released and (verdict is None or verdict.held or held.get(pair, {}).get("verdict") == "jump"):
                found.released.append(pair)  # it has served: the venues agree, it moved again, or it is the level now
            if verdict is None:
                continue
            before = held.get(pair) if verdict.held else marked.get(pair)
            one = make_record(quote, verdict, before, own if verdict.held else None, run_id, collected_ms)
            (found.held if verdict.held else found.marked)[pair] = one
        if found.held:
            left = {pair: row for pair, row in Quotes.of(quotes).rows.items() if pair not in found.held}
            found.quotes = Quotes(left)

    def _case(
        self,
        pair: str,
        quote: Quote,
        own: Good | None,
        venues: list[ProviderEntry],
        held: Mapping[str, Any] | None,
        released: Span | None,
        collected_ms: int,
    ) -> Case | None:
        limits = self.registry.sentinel.of(self.entry.name, pair)
        span = Span.of(quote.bid, quote.ask, quote.mid)
        if span is None or not limits.enabled:
            return None
        interval = self.entry.prices_interval_s
        age = age_ms(self.now, collected_ms, quote.at_ms)
        # What is old itself is no word on now: it is held against its own last good one alone.
        peers = self._live(pair, venues) if age is not None and age <= limit_ms(interval) else []
        before = Span.of(held.get("bid"), held.get("ask"), held.get("mid")) if held else None
        reference = number(held.get("reference")) if held else None
        return Case(
            span,
            limits,
            rates=self.rates,
            halted=quote.status == "halted",
            last_good=own.span if own is not None else None,
            peers=peers,
            doors=self._doors(pair) if peers else (),
            before=Before(str(held.get("verdict")), before, _count(held.get("cycles")), reference)
            if held and before
            else None,
            released=released,
        )

    def _peers(self) -> list[ProviderEntry]:
        """Return the entries of other addresses: two accounts of one exchange say the same twice."""
        own = address_of(self.entry)
        return [entry for entry in self.registry.enabled() if address_of(entry) != own]

    def _live(self, pair: str, venues: list[ProviderEntry]) -> list[Peer]:
        found: dict[object, Peer] = {}
        for entry in venues:
            good = self.market.venue(entry.name).fresh(pair, self.now, entry.prices_interval_s)
            span = good.span if good is not None else None
            address = address_of(entry)
            if span is not None and address not in found:
                found[address] = Peer(entry.name, span, self.coins.twin(pair, self.entry.name, entry.name))
        return list(found.values())

    @property
    def coins(self) -> Coins:
        """What the wallets tell; read when something stands apart, and not before."""
        if self._coins is None:
            self._coins = known_coins(self.registry)
        return self._coins

    def _doors(self, pair: str) -> list[str]:
        """Return the doors that are closed now; an old wallet does not tell."""
        return self.coins.closed_doors(self.entry, pair, self.now)


def _verdicts(*kept: Records) -> list[dict[str, Any]]:
    return [{pair: one["verdict"] for pair, one in records.items()} for records in kept]


def _count(value: object) -> int:
    return value if type(value) is int else 1
