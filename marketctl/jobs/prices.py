"""The prices job: what was read, and what is told of it."""

from collections.abc import Sequence
from typing import Any

from marketctl.config.registry import ProviderEntry
from marketctl.errors import HalfAnswer, Overtaken
from marketctl.jobs.result import TOLD, Result
from marketctl.jobs.run import Run
from marketctl.log import log
from marketctl.providers.base import Provider
from marketctl.providers.batch import QuoteBatch
from marketctl.times import now_ms, to_iso

NOTED = 100  # pairs that are crossed, for alerts; the rest is counted


def collect_prices(run: Run, entry: ProviderEntry, adapter: Provider, result: Result) -> None:
    """Fetch quotes, publish them to Redis and, after that succeeded, mirror them to a file.

    Raises whatever the adapter does, Suspect, RedisFailed, StorageFailed; what is live stays as it was then.
    """
    started = now_ms()
    batch = adapter.read(adapter.prices)
    collected = batch.collected_ms or started
    result.collected_at = to_iso(collected)
    result.cached = batch.cached
    result.counts = {
        "quotes": len(batch.quotes),
        "published": 0,
        "skipped": len(batch.skips),
        "changed": None,
        "added": None,
        "removed": None,
        "skipped_by": dict(sorted(batch.skipped.items())),
        "complete": batch.complete,
        "held": 0,
        "held_by": {},
    }
    result.crossed = crossed_pairs(batch)
    if run.options.dump_raw:
        result.batch = prices_batch(batch)
    for skip in batch.skips:
        log.debug("%s left out: %s", skip.symbol, skip.reason, extra={"provider": entry.name, "job": "prices"})
    if batch.cached:
        result.message = f"the last answer is still good and was used again, its data are of {result.collected_at}"
    gone = batch.gone(entry.pairs)
    if gone:
        log.warning("%s", gone_words(gone), extra={"provider": entry.name, "job": "prices"})
    if run.options.dry_run:
        result.message = "dry run: nothing was published or written"
        result.counts |= {"held": None, "held_by": None}  # nothing is judged that is not to go out
        return
    # Not before the answer is there: with several pairs of hands it is loaded while they wait for theirs.
    from marketctl.jobs.publishing import publish_batch

    try:
        publish_batch(run, entry, batch, result, collected, adapter.kind)
    except HalfAnswer:
        run.keep(entry.name, "prices", None)
        raise
    except Overtaken as error:
        if not batch.cached:
            raise
        # Nobody was asked: what another machine asked for since is there, and good.
        result.status, result.message = "skipped", f"the last answer would be used again, but {error.message}"
        return
    if not entry.pairs:
        run.keep(entry.name, "prices", batch)


def crossed_pairs(batch: QuoteBatch) -> list[str]:
    """Return the pairs that were left out because their bid is above their ask, some of them."""
    symbols = [skip.symbol for skip in batch.skips if skip.reason == "crossed"]
    named = [(batch.pairs.by_symbol.get(symbol), symbol) for symbol in symbols[:NOTED]]
    return sorted(pair.key if pair and pair.key else symbol for pair, symbol in named)


def gone_words(pairs: Sequence[str]) -> str:
    """Name configured pairs that a source has no more, and what to do."""
    told = ", ".join(pairs[:TOLD]) + (f" and {len(pairs) - TOLD} more" if len(pairs) > TOLD else "")
    verbs, them = ("is not offered but stands", "it") if len(pairs) == 1 else ("are not offered but stand", "them")
    return f"{told} {verbs} in `pairs`. Next: take {them} out of providers.toml"


def prices_batch(batch: QuoteBatch) -> dict[str, Any]:
    """Return what was read of prices: quotes and what was left out."""
    quotes = {}
    for pair, quote in sorted(batch.quotes.items()):
        quotes[pair] = quote._asdict() | {"at": to_iso(quote.at_ms)}
        del quotes[pair]["at_ms"]
    return {"quotes": quotes, "skipped_by": dict(sorted(batch.skipped.items()))}
