"""A quote in its two forms: the texts that Redis holds, and the lines of the mirror."""

from collections.abc import Callable, Mapping, Sequence
from json.encoder import encode_basestring, encode_basestring_ascii

from marketctl.models import Row
from marketctl.times import to_iso

Rows = Sequence[tuple[str, Row]]
"""Pairs with their quotes, in order."""


class _Texts(dict[int | None, str]):
    """Times as a text holds them, each written once: those of thousands of quotes are few."""

    def __init__(self, write: Callable[[int | None], str]) -> None:
        super().__init__()
        self._write = write

    def __missing__(self, at_ms: int | None) -> str:
        text = self[at_ms] = self._write(at_ms)
        return text


def l1_texts(rows: Rows, own_ms: Mapping[str, int] | None = None) -> list[str]:
    """Return each quote as compact JSON, as Redis holds it, unknown fields left out.

    `own_ms` holds the collection times of quotes that are older than the rest.
    publish.lua relies on bid, ask, last and mid coming first, then symbol. Decimals are texts that need no escaping.
    """
    at = _Texts(lambda at_ms: "" if at_ms is None else f',"at":{at_ms}')
    texts = [
        # Nearly every one of an exchange knows all but the middle.
        f'{{"bid":"{bid}","ask":"{ask}","last":"{last}","symbol":{encode_basestring_ascii(symbol)},"bid_size":"{bid_size}"'
        f',"ask_size":"{ask_size}","volume":"{volume}","quote_volume":"{quote_volume}","status":"{status}"{at[at_ms]}}}'
        if (
            bid is not None and ask is not None and last is not None and bid_size is not None and ask_size is not None
            and volume is not None and quote_volume is not None and status is not None and mid is None and not derived
        )
        else "".join(
            (
                "{" if bid is None else f'{{"bid":"{bid}",',
                "" if ask is None else f'"ask":"{ask}",',
                "" if last is None else f'"last":"{last}",',
                "" if mid is None else f'"mid":"{mid}",',
                f'"symbol":{encode_basestring_ascii(symbol)}',
                "" if bid_size is None else f',"bid_size":"{bid_size}"',
                "" if ask_size is None else f',"ask_size":"{ask_size}"',
                "" if volume is None else f',"volume":"{volume}"',
                "" if quote_volume is None else f',"quote_volume":"{quote_volume}"',
                "" if status is None else f',"status":"{status}"',
                at[at_ms],
                ',"derived":true}' if derived else "}",
            )
        )
        for _, (
            symbol, bid, ask, bid_size, ask_size, last, mid, volume, quote_volume, status, at_ms, derived
        ) in rows
    ]  # fmt: skip
    if own_ms:
        for place, (pair, _) in enumerate(rows):
            if pair in own_ms:
                texts[place] = f'{texts[place][:-1]},"collected_ms":{own_ms[pair]}}}'
    return texts


def mirror_lines(rows: Rows, own_ms: Mapping[str, int] | None = None, times: _Texts | None = None) -> list[str]:
    """Return a line a pair as the mirror holds it, `"PAIR": {...}`: every key there and sorted, null for unknown.

    `times` are those that are written already.
    """
    times = mirror_times() if times is None else times
    return [
        # Nearly every one of an exchange knows all but the middle.
        f'{encode_basestring(pair)}: {{"ask": "{ask}", "ask_size": "{ask_size}", "at": {times[at_ms]}, "bid": "{bid}"'
        f', "bid_size": "{bid_size}", "derived": false, "last": "{last}", "mid": null'
        f', "quote_volume": "{quote_volume}", "status": "{status}", "symbol": {encode_basestring(symbol)}'
        f', "volume": "{volume}"}}'
        if (
            bid is not None and ask is not None and last is not None and bid_size is not None and ask_size is not None
            and volume is not None and quote_volume is not None and status is not None and mid is None
            and not derived and not own_ms
        )
        else "".join(
            (
                f'{encode_basestring(pair)}: ',
                '{"ask": null, ' if ask is None else f'{{"ask": "{ask}", ',
                '"ask_size": null, "at": ' if ask_size is None else f'"ask_size": "{ask_size}", "at": ',
                times[at_ms],
                ', "bid": null' if bid is None else f', "bid": "{bid}"',
                ', "bid_size": null' if bid_size is None else f', "bid_size": "{bid_size}"',
                f', "collected_at": "{to_iso(own_ms[pair])}"' if own_ms and pair in own_ms else "",
                ', "derived": true' if derived else ', "derived": false',
                ', "last": null' if last is None else f', "last": "{last}"',
                ', "mid": null' if mid is None else f', "mid": "{mid}"',
                ', "quote_volume": null' if quote_volume is None else f', "quote_volume": "{quote_volume}"',
                ', "status": null' if status is None else f', "status": "{status}"',
                f', "symbol": {encode_basestring(symbol)}',
                ', "volume": null}' if volume is None else f', "volume": "{volume}"}}',
            )
        )
        for pair, (
            symbol, bid, ask, bid_size, ask_size, last, mid, volume, quote_volume, status, at_ms, derived
        ) in rows
    ]  # fmt: skip


def mirror_times() -> _Texts:
    """Return the times that are written for a mirror, none yet."""
    return _Texts(lambda at_ms: "null" if at_ms is None else f'"{to_iso(at_ms)}"')
