"""A page of the board made, and read back: its elements, and the document it holds."""

import json
from contextlib import ExitStack
from html.parser import HTMLParser

from marketctl.board import build_board
from marketctl.board.compact import DERIVED, HALTED, IS_MID, RATE, TRADING
from marketctl.redis.embedded import EmbeddedRedis
from marketctl.times import now_ms
from marketctl.views.quotes import open_reader

NOW = now_ms()
ROWS = {
    ("BYBIT", "BTC/USDT"): ("100.10", "100.20", "100.15", "123456.5", TRADING),
    ("BYBIT", "ETH/USDT"): ("10", "", "", "5", TRADING),
    ("BYBIT", "<script>/USDT"): ("1.0", "1.10", "", "", TRADING),
    ("BYBIT", "OLD/USDT"): ("2", "3", "", "", TRADING),
    ("BYBIT", "TINY/USDT"): ("0.0000000001234567", "0.0000000001234568", "", "", HALTED),
    ("KUCOIN", "BTC/USDT"): ("100.15", "100.30", "100.2", "99999999999.123", TRADING),
    ("KUCOIN", "ETH/USDT"): ("10.1", "10.2", "", "", 0),
    ("OPENEXCHANGERATES", "EUR/USD"): ("", "", "1.0812345678901", "", RATE | IS_MID | DERIVED),
}


class Page(HTMLParser):
    """The elements of a page: (tag, attributes), and the texts of its scripts."""

    def __init__(self, page: bytes) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.inside = False
        self.feed(page.decode())

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        self.inside = tag == "script"
        if self.inside:
            self.scripts.append("")

    def handle_endtag(self, tag):
        self.inside = False

    def handle_data(self, data):
        if self.inside:
            self.scripts[-1] += data


def made(registry, now=NOW) -> bytes:
    with ExitStack() as stack:
        if registry.settings.redis_url == "embedded":  # it goes on between runs
            stack.enter_context(EmbeddedRedis(registry.settings.data_dir))
        return build_board(stack.enter_context(open_reader(registry)), now)


def told(page: bytes) -> dict:
    return json.loads(Page(page).scripts[1])


def rows_of(found: dict) -> dict[tuple[str, str], tuple]:
    names = [one["name"] for one in found["providers"]]
    rows = {}
    for name, column in zip(names, found["prices"]["by"], strict=True):
        for x, *cells in zip(*(column[key] for key in "xbalvf"), strict=True):
            rows[name, found["prices"]["pairs"][x]] = tuple(cells)
    return rows


def entries_of(found: dict) -> dict[tuple, dict]:
    wallet, names = found["wallet"], [one["name"] for one in found["providers"]]
    rows, texts = wallet["rows"], wallet["texts"]
    return {
        (names[rows["p"][i]], texts[rows["t"][i]], texts[rows["n"][i]] if rows["n"][i] >= 0 else None): {
            "row": i,
            "network": texts[rows["g"][i]] if rows["g"][i] >= 0 else None,
            "flags": (rows["f"][i] & 3, rows["f"][i] >> 2 & 3, rows["f"][i] >> 4 & 3),
            "amounts": (rows["fee"][i], rows["min"][i], rows["dmin"][i], rows["conf"][i]),
        }
        for i in range(len(rows["p"]))
    }
