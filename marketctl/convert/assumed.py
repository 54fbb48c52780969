"""What a way rests on that nobody told, or that may be otherwise when the money is there; and what ends one."""

from collections.abc import Iterable

from marketctl.config.registry import Registry
from marketctl.convert.search import Way
from marketctl.convert.steps import Done, Step, Trade, Transfer
from marketctl.text import plain, printable

DIGITS = 28  # decimals of an amount; what has no end is cut there

WHERE = "{asset} over {network}, {from} to {to}"

# What a way rests on, by its key; other pages say the same in other words (board/words/ways.json).
ASSUMED = {
    "fee_assumed": "{provider}: a taker fee of {percent} % is assumed ({source}), kept back of what is bought",
    "fee_set": "{provider}: a taker fee of {percent} % is set (taker_fee in {file}), kept back of what is bought",
    "size_untold": "{provider} {pair}: the size of the best level is not told, and taken as enough",
    "level_takes": "{provider} {pair}: the best level takes {taken}; {left} {asset} stay at {provider}",
    "network_takes": "{provider} sends {taken} (decimals and limits of the network); {left} {asset} stay at {provider}",
    "coin_neither": f"{WHERE}: the same coin is not proven, neither tells a contract",
    "coin_sender": f"{WHERE}: the same coin is not proven, only the sender tells a contract",
    "coin_receiver": f"{WHERE}: the same coin is not proven, only the receiver tells a contract",
    "fixed_fee_untold": f"{WHERE}: a fixed fee is not told, and taken as none",
    "withdraw_min_untold": f"{WHERE}: a least withdrawal is not told, and taken as none",
    "deposit_min_untold": f"{WHERE}: a least deposit is not told, and taken as none",
    "comment": f"{WHERE}: {{provider}} comments on the network: {{note}}",
    "decimals_untold": f"{WHERE}: the decimals of the network are not told, nothing is rounded",
    "memo_untold": f"{WHERE}: whether a memo is needed is not told by both",
    "filled_at_once": "every trade is filled at once at the best level, and the books stay as they are until the money "
    "is there",
    "no_lots": "lot sizes, least order amounts and deposit fees are not told by the sources and taken as none",
}
ALWAYS = ("filled_at_once", "no_lots")

# What keeps an amount from arriving, in the same way.
CAUSES = {
    "least": "{provider} sends no less than {least} {asset} over {network}, and there would be {amount}",
    "decimals": "{provider} sends {asset} over {network} to {decimals} decimals, and there would be {amount}",
    "fee": "{provider} sends {asset} over {network} for {fee}, and there would be {amount}",
    "fee_and_least": "{provider} sends {asset} over {network} for {fee}, and there would be {amount}; {to} takes no "
    "less than {least}",
}

Told = tuple[str, dict[str, str]]  # key of ASSUMED or CAUSES, what it is filled with


def in_words(told: Told) -> str:
    """Return an assumption or a cause as a sentence."""
    key, values = told
    return (ASSUMED | CAUSES)[key].format(**values)


def assumptions(way: Way, registry: Registry) -> list[Told]:
    """Return all that a way rests on, each once."""
    told: list[Told] = []
    for step, done in zip(way.steps, way.done, strict=True):
        told += _of_trade(step, done, registry) if isinstance(step, Trade) else _of_transfer(step, done)
    told += [(key, {}) for key in ALWAYS]
    return [one for number, one in enumerate(told) if one not in told[:number]]


def _of_trade(step: Trade, done: Done, registry: Registry) -> Iterable[Told]:
    fee = registry.provider(step.provider).taker_fee
    where = {"provider": step.provider, "pair": step.pair}
    if fee is not None:
        told = {"provider": step.provider, "percent": fee.percent}
        if fee.assumed:
            yield "fee_assumed", told | {"source": fee.source, "adapter": fee.assumed}
        else:
            yield "fee_set", told | {"file": fee.source}
    if step.size is None:
        yield "size_untold", where
    if done.left:
        yield "level_takes", where | _parts(step, done)


def _of_transfer(step: Transfer, done: Done) -> Iterable[Told]:
    leaving, entering = step.leaving.network, step.entering.network
    where = {"asset": step.leaving.ticker, "network": step.leaving.slug}
    where |= {"from": step.leaving.provider, "to": step.entering.provider}
    if step.identity != "proven":
        told = [name for name, end in (("sender", leaving), ("receiver", entering)) if end.get("contract")]
        yield f"coin_{told[0] if told else 'neither'}", where
    figures = {
        "fixed_fee_untold": leaving.get("withdraw_fee"),
        "withdraw_min_untold": leaving.get("withdraw_min"),
        "deposit_min_untold": entering.get("deposit_min"),
    }
    yield from ((key, where) for key, told in figures.items() if told is None)
    for door in (step.leaving, step.entering):
        if note := door.network.get("note"):
            yield "comment", where | {"provider": door.provider, "note": printable(note, 100)}
    if step.leaving.precision is None:
        yield "decimals_untold", where
    if leaving.get("memo_required") is None or entering.get("memo_required") is None:
        yield "memo_untold", where
    if done.left:
        yield "network_takes", {"provider": step.leaving.provider} | _parts(step, done)


def _parts(step: Step, done: Done) -> dict[str, str]:
    return {"taken": plain(done.taken, DIGITS), "left": plain(done.left, DIGITS), "asset": step.source[1]}
