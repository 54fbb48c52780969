"""Why Redis refused: an error of redis-py in one line, with what to do next, and never a password."""

from marketctl.errors import ForeignValue, RedisFailed
from marketctl.text import printable

# word in the error's class or text · message · hint
KNOWN_FAILURES = (
    ("NOAUTH", "{where} wants a password", "Write it into redis_url: redis://:PASSWORD@host."),
    ("Authentication required", "{where} wants a password", "Write it into redis_url: redis://:PASSWORD@host."),
    (
        "without any password configured",
        "{where} has no password set, and redis_url has one",
        "Take it out of redis_url, or set it there: requirepass or a user (ACL).",
    ),
    ("AuthenticationError", "{where} refused the password", "Correct the user and password in redis_url."),
    ("NoPermission", "{where} does not let this user do it: {text}", "Give the user of redis_url these rights (ACL)."),
    ("ReadOnly", "{where} is a read-only replica", "Point redis_url to its primary."),
    (
        "MasterDown",
        "{where} is a replica that has lost its primary, and answers nothing",
        "Point redis_url to its primary.",
    ),
    ("OutOfMemory", "{where} is out of memory", "Raise its maxmemory, or keep less history."),
    ("ClusterDown", "{where}: the cluster is down: {text}", "Run redis-cli cluster info on its nodes."),
    ("unknown command", "{where} does not know a command: {text}", "Install Redis 6.2 or newer, or Valkey."),
    (
        "NOREPLICAS",
        "{where} has too few replicas and refuses to write",
        "Check its replicas, or lower min-replicas-to-write.",
    ),
    ("AskError", "{where} is moving the slot of this key to another node", "Try again when it is done."),
    ("TRYAGAIN", "{where} is moving the slot of this key to another node", "Try again when it is done."),
    ("BusyLoading", "{where} is still loading its data", "Try again in a moment."),
    ("MISCONF", "{where} cannot save to its disk and refuses to write", "Make room on its disk; see its log."),
    (
        "CERTIFICATE_VERIFY_FAILED",
        "{where} has a certificate that cannot be trusted: {text}",
        "Name the authority that signed it: rediss://...?ssl_ca_certs=FILE, or correct the host.",
    ),
    (
        "certificate required",
        "{where} wants a certificate of ours",
        "Name it and its key: rediss://...?ssl_certfile=FILE&ssl_keyfile=FILE.",
    ),
    (
        "Permission denied",
        "cannot open the socket of {where}: permission denied",
        "Let its group in (unixsocketperm 770) and put this user into it: usermod -aG redis USER.",
    ),
    ("InvalidResponse", "{where} does not answer as a Redis does", "Check host and port of redis_url."),
    (
        "DB index is out of range",
        "{where} has no database of this number",
        "Correct it in redis_url: redis://HOST:PORT/0.",
    ),
    ("TimeoutError", "{where} did not answer in time", "Check whether it is overloaded, or the network slow."),
    ("ConnectionError", "cannot reach {where}: {text}", "Check that it runs, and redis_url."),
)


# What marketctl keeps under the keys of a provider; streams of history beside these.
KEPT_AS = {
    **dict.fromkeys(("l1", "l1:meta", "held", "marked", "release", "wallet", "wallet:meta"), "hash"),
    **dict.fromkeys(("stats", "reference"), "string"),
    "events": "stream",
}


def kept_as(key: str) -> str | None:
    """Return the type of what marketctl keeps under a key, None where that is not told."""
    if key.endswith(":providers"):
        return "set"
    name = key.rpartition("}:")[2]
    return KEPT_AS.get(name) or ("stream" if "}:h:" in key else None)


def open_question(error: Exception, key: str) -> tuple[str, ...]:
    """Return the command whose reply tells what a server's words leave open, empty where they leave nothing."""
    text = str(error)
    if "WRONGTYPE" in text and key:
        return ("TYPE", key)
    return ("INFO", "server") if "unknown command" in text.lower() else ()


def refusal(error: Exception, where: str, url: str, key: str = "", told: bytes = b"") -> RedisFailed:
    """Put an error into one line; `told` is the reply to the open question."""
    text, kind = printable(str(error)), type(error).__name__
    if "WRONGTYPE" in text:
        expected = kept_as(key)
        found = "of another type" if not told or expected is None else f"a {told.decode()}, not a {expected}"
        return ForeignValue(
            f"{where}: key {printable(key)} is {found}: something else wrote it",
            hint="Delete it, or change redis_prefix.",
        )
    if b"_mode:sentinel" in told:  # redis_mode, Valkey: server_mode
        return RedisFailed(
            f"{where} is a Redis Sentinel, which holds no data",
            hint="Point redis_url to the primary it names: redis-cli -p PORT sentinel masters.",
        )
    if kind == "ConnectionError" and "?" in url and url.startswith("rediss:"):
        from marketctl.redis.tls import bad_file

        if wrong := bad_file(url):
            return RedisFailed(f"cannot reach {where}: {wrong}", hint="Correct that option of redis_url.")
    for word, message, hint in KNOWN_FAILURES:
        if word in kind or word in text:
            if word == "TimeoutError" and url.startswith("rediss:"):  # to what it cannot read a plain one says nothing
                hint = "Check whether it speaks TLS there (else redis://), is overloaded, or the network slow."
            why = text.partition("certificate verify failed: ")[2].partition(" (_ssl.c")[0]
            return RedisFailed(message.format(where=where, key=key, text=why or text), hint=hint)
    return RedisFailed(f"{where} refused a command: {text}")
