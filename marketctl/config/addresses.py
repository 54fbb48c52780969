"""Addresses in the registry: what can be decided about them without asking anybody is decided when they are read."""

import re
from collections.abc import Iterable

from marketctl.errors import ConfigError


def check_redis_url(url: str, source: str) -> None:
    """Refuse a redis_url that no server can be reached by; no piece of a password is shown. Raises ConfigError."""
    from urllib.parse import urlsplit

    if url in ("embedded", "none"):
        return
    scheme, _, rest = url.partition("://")
    user, at, place = rest.rpartition("@")
    if at and re.search(r"[#/?\[\]@]", user):
        raise ConfigError(
            f"{source}: user or password holds one of # / ? [ ] @ as it is, expected it percent-encoded",
            hint="write %23 for #, %2F for /, %3F for ?, %5B for [, %5D for ], %40 for @",
        )
    no_port = re.match(r"[^/?]*:(?!\d{1,5}(?:[/?]|$))", rest.rpartition("]")[2])
    if "#" in place or (not at and no_port and not re.match(r"[^/?:]+:\w+(?:/|$)", rest)):
        raise ConfigError(f"{source}: no host behind the password, expected {scheme}://:PASSWORD@host:port/0")
    try:
        parts = urlsplit(f"{scheme}://{place}")
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ConfigError(f"{source}: host and port cannot be read, expected {scheme}://host:port/0") from None
    if scheme == "unix":
        if len(parts.path) < 2:
            raise ConfigError(f"{source}: no socket, expected unix:///path/to/redis.sock")
        return
    if not host or port == 0:
        raise ConfigError(f"{source}: no host, expected {scheme}://host:port/0")
    if not re.fullmatch(r"/?\d{0,5}", parts.path):
        raise ConfigError(
            f"{source}: found no number behind the host, expected a database such as {scheme}://host:port/0",
            hint="write a number; to keep several desks apart set redis_prefix",
        )


def refuse_proxy_without_package(where: str, proxy: str | None) -> None:
    """Refuse a SOCKS proxy where the package that speaks it is not installed. Raises ConfigError."""
    from importlib.util import find_spec

    if proxy and proxy.startswith("socks") and find_spec("socks") is None:
        raise ConfigError(
            f"{where} proxy: a SOCKS proxy needs the extra socks, which is not installed",
            hint="pip install 'marketctl[socks]'",
        )


def keys_in_clear(base_url: str) -> bool:
    """Tell whether keys sent to this address could be read on the way: plain http beyond this machine."""
    from ipaddress import ip_address
    from urllib.parse import urlsplit

    if not base_url.startswith("http://"):
        return False
    host = urlsplit(base_url).hostname or ""
    try:
        return not ip_address(host).is_loopback
    except ValueError:
        return host != "localhost" and not host.endswith(".localhost")


def same_variables(where: str, names: Iterable[str]) -> None:
    """Refuse two entries whose keys would come from the same environment variables. Raises ConfigError."""
    seen: dict[str, str] = {}
    for name in names:
        word = re.sub(r"[^A-Z0-9]", "_", name)
        other = seen.setdefault(word, name)
        if other != name:
            raise ConfigError(
                f"{where}: {other} and {name} share the environment variables MARKETCTL_{word}_*: keys of one would go "
                "to the other",
                hint="rename one of them",
            )
