"""Point a ccxt exchange to a local server."""

import re
from typing import Any


def point_to(exchange: Any, url: str) -> None:
    """Replace scheme and host of all its URLs, keep the paths."""

    def moved(found: Any) -> Any:
        if isinstance(found, dict):
            return {key: moved(value) for key, value in found.items()}
        return re.sub(r"^https?://[^/]+", url, found) if isinstance(found, str) else found

    exchange.urls["api"] = moved(exchange.urls["api"])
    exchange.hostname = url.partition("://")[2]
    if "hostnames" in exchange.urls:
        exchange.urls["hostnames"] = dict.fromkeys(exchange.urls["hostnames"], exchange.hostname)
