"""Addresses in the registry: what can be decided about them without asking anybody is decided when they are read."""

import re
from collections.abc import Iterable

from marketctl.errors import ConfigError

BOOLEAN = "(?i:true|false|yes|no|0|1)"

# What may stand behind the ? of a redis_url; the rest of redis-py's options would change what its replies look like.
OPTIONS = {
    "db": r"[0-9]{1,5}",
    "username": ".+",
    "password": ".+",
    "client_name": "[!-~]+",
    "socket_timeout": r"(?!0+$)[0-9]{1,4}(\.[0-9]{1,3})?",
    "socket_connect_timeout": r"(?!0+$)[0-9]{1,4}(\.[0-9]{1,3})?",
    "socket_keepalive": BOOLEAN,
    "health_check_interval": "[0-9]{1,5}",
    "max_connections": "[0-9]{1,5}",
    "ssl_ca_certs": ".+",
    "ssl_ca_path": ".+",
    "ssl_certfile": ".+",
    "ssl_keyfile": ".+",
    "ssl_password": ".+",
    "ssl_cert_reqs": "none|optional|required",
    "ssl_check_hostname": BOOLEAN,
}

OPTION_WORDS = {
    "db": "the number of a database",
    "socket_timeout": "seconds",
    "socket_connect_timeout": "seconds",
    "socket_keepalive": "true or false",
    "health_check_interval": "seconds",
    "max_connections": "a number",
    "ssl_cert_reqs": "none, optional or required",
    "ssl_check_hostname": "true or false",
}


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
    _check_options(scheme, parts.query, source)
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


def _check_options(scheme: str, query: str, source: str) -> None:
    """Refuse what stands behind `?` and means nothing; a name is not shown either, it may be half a password."""
    from urllib.parse import parse_qsl

    known = {name: fits for name, fits in OPTIONS.items() if scheme == "rediss" or not name.startswith("ssl_")}
    given = dict(parse_qsl(query, keep_blank_values=True))
    for name, value in given.items():
        if name not in known:
            raise ConfigError(f"{source}: found an unknown option behind ?, expected one of {', '.join(known)}")
        if not re.fullmatch(known[name], value):
            raise ConfigError(
                f"{source}: the value of {name} cannot be read, expected {OPTION_WORDS.get(name, 'a text')}"
            )
    if "ssl_keyfile" in given and "ssl_certfile" not in given:
        raise ConfigError(f"{source}: found ssl_keyfile alone, expected ssl_certfile with it")


def refuse_proxy_without_package(where: str, proxy: str | None) -> None:
    """Refuse a SOCKS proxy where the package that speaks it is not installed. Raises ConfigError."""
    from importlib.util import find_spec

    if proxy and proxy.startswith("socks") and find_spec("socks") is None:
        raise ConfigError(
            f"{where} proxy: a SOCKS proxy needs the extra socks, which is not installed",
            hint="pip install PySocks (the extra socks)",
        )


def keys_in_clear(base_url: str) -> bool:
    """Tell whether keys sent to this address could be read on the way: plain http beyond this machine."""
    from urllib.parse import urlsplit

    if not base_url.startswith("http://"):
        return False
    host = urlsplit(base_url).hostname or ""
    if host in ("127.0.0.1", "localhost"):
        return False
    from ipaddress import ip_address

    try:
        return not ip_address(host).is_loopback
    except ValueError:
        return not host.endswith(".localhost")


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
