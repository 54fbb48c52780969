"""Where the tickers are, for the peers that ask by hand."""

PATHS = {
    "BYBIT": "/v5/market/tickers?category=spot",
    "MEXC": "/api/v3/ticker/24hr",
    "WHITEBIT": "/api/v1/public/tickers",
    "HTX": "/market/tickers",
    "KUCOIN": "/api/v1/market/allTickers",
}


def rows(name, body):
    """Return symbol -> row of an answer."""
    if name == "WHITEBIT":
        return body["result"]
    if name == "BYBIT":
        body = body["result"]["list"]
    elif name == "HTX":
        body = body["data"]
    elif name == "KUCOIN":
        body = body["data"]["ticker"]
    return {row["symbol"]: row for row in body}
