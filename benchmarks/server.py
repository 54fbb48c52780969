"""All answers rendered and compressed beforehand, served after a fixed latency: the server is not what is measured.

The bodies are the sandbox's own. Usage: server.py SPEC..., a spec is NAME:TIMES:LATENCY_MS:http|https, TIMES is how
many times the base number of pairs. Prints one JSON line, set name -> provider -> URL, then serves until killed.
"""

import asyncio
import gzip
import json
import re
import ssl
import sys
from pathlib import Path
from typing import Any

from marketctl.sandbox import load_api
from marketctl.sandbox.base import Call, Reply
from marketctl.sandbox.world import World

# Pairs of each exchange: together about 5,800, as on a day in 2025. The others are as the sandbox has them.
PAIRS = {"BYBIT": 600, "MEXC": 2100, "WHITEBIT": 750, "HTX": 700, "KUCOIN": 1650}
SMALL = ("RAPIRA", "TWELVEDATA", "OPENEXCHANGERATES")
KUCOIN_COINS = 1400
FRAMES = 4  # values move: the n-th call gets frame n modulo this

# What moves, and what the peers or marketctl ask beside it; the query is what the sandbox insists on.
MOVING = {
    "BYBIT": ["/v5/market/tickers?category=spot"],
    "MEXC": ["/api/v3/ticker/24hr"],
    "WHITEBIT": ["/api/v1/public/tickers", "/api/v4/public/ticker"],
    "HTX": ["/market/tickers"],
    "KUCOIN": ["/api/v1/market/allTickers"],
    "RAPIRA": ["/open/market/rates", "/market/symbol-thumb"],
    "TWELVEDATA": ["/exchange_rate?symbol=EUR/USD,GBP/USD,USD/RUB,USD/TRY,USD/JPY,USD/CNY,USD/KZT&dp=11"],
    "OPENEXCHANGERATES": ["/api/latest.json"],
}
STILL = {
    "BYBIT": ["/v5/market/instruments-info?category=spot", "/v5/market/time"],
    "MEXC": ["/api/v3/exchangeInfo", "/api/v3/symbol/offline", "/api/v3/time"],
    "WHITEBIT": ["/api/v4/public/markets", "/api/v4/public/assets", "/api/v4/public/fee", "/api/v4/public/time"],
    "HTX": ["/v2/settings/common/symbols", "/v2/reference/currencies", "/v2/settings/common/currencies"],
    "KUCOIN": ["/api/v2/symbols", "/api/v3/currencies", "/api/v1/timestamp"],
    "RAPIRA": ["/open/market/pairs", "/open/token", "/open/system/time"],
    "TWELVEDATA": ["/forex_pairs", "/api_usage"],
    "OPENEXCHANGERATES": ["/api/currencies.json", "/api/usage.json"],
}
# The sandbox tells of symbols that no list names, and for one of them the list of pairs is asked for anew, each run:
# here the usual run is measured, not that one.
GHOST = re.compile(
    rb',\{"symbol":"(?:GHOSTUSDT|GHOST-USDT|ghostusdt|btc3lusdtnav)"[^{}]*\}|,"GONE_USDT":\{[^{}]*\{[^{}]*\}[^{}]*\}'
)
# ccxt asks MEXC for its futures as well; there are none here.
NO_FUTURES = {"success": True, "code": 0, "data": []}
KEYS = {"TWELVEDATA": "apikey {api_key}", "OPENEXCHANGERATES": "Token {app_id}"}


def world_of(count: int) -> World:
    """Return a world of exactly so many pairs."""
    world = World(1, (count / 1.55 - 16) / 24)
    while len(world.pairs) < count:
        world = World(1, world.scale * 1.05)
    del world.pairs[count:]
    return world


def response(reply: Reply) -> bytes:
    """Render a whole HTTP answer."""
    body = gzip.compress(GHOST.sub(b"", reply.content()), 6, mtime=0)
    head = f"HTTP/1.1 {reply.status} OK\r\nContent-Type: application/json; charset=utf-8\r\nContent-Encoding: gzip\r\n"
    return f"{head}Content-Length: {len(body)}\r\nConnection: keep-alive\r\n\r\n".encode() + body


def render(name: str, times: float) -> dict[str, list[bytes]]:
    """Return path -> frames of one provider."""
    world = world_of(round(PAIRS[name] * times)) if name in PAIRS else World(1, 1)
    api: Any = load_api(name)(world)
    if name == "TWELVEDATA":
        api.plan = (1_000_000, None)
    headers = {"authorization": KEYS[name].format(**api.keys)} if name in KEYS else {}
    answers: dict[str, list[bytes]] = {}
    for path in MOVING[name] + STILL[name]:
        bare, _, query = path.partition("?")
        if bare == "/api/v3/currencies":
            coins = World(1, (KUCOIN_COINS - 16) / 24)
            api.world = coins
        frames = []
        for _ in range(FRAMES if path in MOVING[name] else 1):
            reply = api.answer(Call("GET", bare, query, headers, b""))
            if reply.status != 200:
                raise SystemExit(f"{name} {path}: {reply.status} {reply.content()[:200]!r}")
            frames.append(response(reply))
        api.world = world
        answers[bare] = frames
    if name == "MEXC":
        answers["/api/v1/contract/detail"] = [response(Reply(NO_FUTURES))]
    if name == "HTX":
        answers["/v1/common/symbols"] = [response(Reply({"status": "ok", "data": list(map(old_symbol, world.pairs))}))]
    return answers


def old_symbol(pair: tuple[str, str]) -> dict[str, Any]:
    """Return a pair as HTX's /v1/common/symbols has it, which ccxt still asks."""
    base, quote = (code.lower() for code in pair)
    return {
        "base-currency": base,
        "quote-currency": quote,
        "price-precision": 8,
        "amount-precision": 4,
        "symbol-partition": "main",
        "symbol": base + quote,
        "state": "online",
        "value-precision": 8,
        "min-order-amt": 0.0001,
        "max-order-amt": 100000,
        "min-order-value": 5,
        "limit-order-min-order-amt": 0.0001,
        "limit-order-max-order-amt": 100000,
        "limit-order-max-buy-amt": 100000,
        "limit-order-max-sell-amt": 100000,
        "buy-limit-must-less-than": 1.1,
        "sell-limit-must-greater-than": 0.9,
        "sell-market-min-order-amt": 0.0001,
        "sell-market-max-order-amt": 10000,
        "buy-market-max-order-value": 1000000,
        "market-sell-order-rate-must-less-than": 0.1,
        "market-buy-order-rate-must-less-than": 0.1,
        "api-trading": "enabled",
        "tags": "",
    }


class Serve(asyncio.Protocol):
    """Just enough HTTP/1.1: GET, keep-alive, one request at a time."""

    missing = response(Reply({"error": "not here"}, 404))

    def __init__(self, answers: dict[str, list[bytes]], counts: dict[str, int], latency_s: float) -> None:
        self.answers, self.counts, self.latency_s = answers, counts, latency_s
        self.buffer = b""

    def connection_made(self, transport: Any) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while b"\r\n\r\n" in self.buffer:
            head, _, self.buffer = self.buffer.partition(b"\r\n\r\n")
            path = head.split(b" ", 2)[1].partition(b"?")[0].decode()
            frames = self.answers.get(path)
            if frames is None:
                print(f"not served: {path}", file=sys.stderr, flush=True)
            count = self.counts[path] = self.counts.get(path, 0) + 1
            content = frames[count % len(frames)] if frames else self.missing
            if self.latency_s:
                asyncio.get_running_loop().call_later(self.latency_s, self.transport.write, content)
            else:
                self.transport.write(content)


async def main(specs: list[str]) -> None:
    """Serve every set, a port for each provider."""
    loop = asyncio.get_running_loop()
    rendered: dict[tuple[str, float], dict[str, list[bytes]]] = {}
    urls: dict[str, dict[str, str]] = {}
    for spec in specs:
        name, times, latency_ms, scheme = spec.split(":")
        context = None
        if scheme == "https":
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(Path("server.pem"))
        urls[name] = {}
        for provider in (*PAIRS, *SMALL):
            key = provider, float(times)
            if key not in rendered:
                rendered[key] = render(*key)
            counts: dict[str, int] = {}
            server = await loop.create_server(
                lambda answers=rendered[key], counts=counts, s=int(latency_ms) / 1000: Serve(answers, counts, s),
                "127.0.0.1",
                0,
                ssl=context,
            )
            urls[name][provider] = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    print(json.dumps(urls), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
