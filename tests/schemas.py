"""Holds what is written against docs/schema/: documents of commands, files, lines, Redis values. Strict: we may
write no field that a schema does not name, readers are to allow more.
"""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from unittest.mock import patch

FOLDER = Path(__file__).parent.parent / "docs" / "schema"

SOME = 50  # of many records of one kind: the first ones

seen: set[str] = set()
_wrong: list[str] = []
_picked = threading.local()


@cache
def validator(name: str) -> Callable[[Any], Any] | None:
    """Return a schema's check; None where there is no such schema."""
    import fastjsonschema

    path = FOLDER / f"{name}.json"
    return fastjsonschema.compile(strict(json.loads(path.read_bytes()))) if path.exists() else None


def strict(schema: Any) -> Any:
    """Return the same schema without room for fields it does not name."""
    if isinstance(schema, list):
        return [strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    found = {key: strict(value) for key, value in schema.items() if key not in ("$id", "$schema")}
    if isinstance(schema.get("properties"), dict) and schema.get("type") in ("object", ["object", "null"]):
        found.setdefault("additionalProperties", False)
    return found


def hold(name: str, document: Any) -> None:
    """Note where a document is not what its schema says; a test that wrote it fails at its end."""
    check = validator(name)
    if check is None:
        _wrong.append(f"docs/schema/{name}.json is missing: describe it in docs/schemas.py, then make docs")
        return
    seen.add(name)
    try:
        check(document)
    except ValueError as error:  # JsonSchemaException
        told = f"{error} (found {getattr(error, 'value', None)!r:.200})"
        _wrong.append(f"docs/schema/{name}.json: {told}: mend it, or docs/schemas.py and make docs")


def wrong() -> list[str]:
    """Return what was noted since the last call."""
    found, _wrong[:] = list(dict.fromkeys(_wrong)), []
    return found


@contextmanager
def watching() -> Iterator[None]:
    """Hold everything that is written against its schema, by looking over the shoulder of whoever writes it."""
    if find_spec("fastjsonschema") is None:
        yield
        return
    from marketctl.cli import output
    from marketctl.files import archive, state
    from marketctl.jobs import dump_file, publishing, stats, wallet
    from marketctl.monitoring import runlog
    from marketctl.rates import build
    from marketctl.redis import publish, quotes

    def lines(name: str) -> Callable[..., None]:
        return lambda _path, found, *_rest: [hold(name, plain(line)) for line in found]

    def snapshot(name: str, key: str) -> Callable[..., None]:
        def look(_path: Path, head: Mapping[str, Any], _key: str, records: Mapping[str, Any], *_rest: Any) -> None:
            hold(name, plain(head) | {key: {code: read(one) for code, one in records.items()}})

        return look

    def document(found: Any, **_more: Any) -> None:
        if isinstance(found, dict) and "command" in found and not getattr(_picked, "yes", False):
            hold(f"commands/{found['command'].replace(' ', '-')}", plain(found))
        _picked.yes = False

    def chosen(shape: Any, *_rest: Any) -> None:
        _picked.yes = shape.columns is not None

    def values(found: list[str]) -> None:
        for one in found[:SOME]:
            hold("redis/l1", json.loads(one))

    with ExitStack() as stack:

        def look(place: Any, name: str, before: Callable[..., Any]) -> None:
            real = getattr(place, name)

            def called(*args: Any, **more: Any) -> Any:
                before(*args, **more)
                return real(*args, **more)

            stack.enter_context(patch.object(place, name, called))

        def after(place: Any, name: str, look: Callable[[Any], None]) -> None:
            real = getattr(place, name)

            def called(*args: Any, **more: Any) -> Any:
                found = real(*args, **more)
                look(found)
                return found

            stack.enter_context(patch.object(place, name, called))

        look(output, "json_text", document)
        look(output, "arrange_records", chosen)
        look(state, "write_document", lambda _path, found, **_more: hold("files/state", plain(found)))
        look(stats, "write_document", lambda _path, found: hold("files/stats", plain(found)))
        look(stats, "append_journal", lines("files/stats-history-line"))
        look(wallet, "append_journal", lines("files/changes-line"))
        look(wallet, "staged_snapshot", snapshot("files/wallet", "assets"))
        look(runlog, "append_journal", lines("files/run-log-line"))
        look(
            archive.Archive, "append", lambda _self, found: [hold("files/history-line", read(x)) for x in found[:SOME]]
        )
        look(dump_file, "document_bytes", lambda found: hold("files/dump", plain(found)))
        after(publish, "l1_texts", values)
        after(build, "json_text", lambda found: hold("files/rates", json.loads(found)))
        look(publishing, "write_snapshot", mirror)
        look(
            publishing,
            "write_mirror",
            lambda path, found, *some: mirror(path, found, "quotes", quotes.mirror_block(*some)),
        )
        yield


# What stands in Redis behind `P:{X}:` → its schema; what has none is ours alone.
IN_REDIS = {"l1": "l1", "l1:meta": "l1-meta", "held": "held", "marked": "held", "wallet": "wallet", "stats": "stats",
            "release": "release", "wallet:meta": "wallet-meta", "events": "event", "h": "history"}  # fmt: skip
OURS = ("lock", "turn", "pace", "memory", "reference", "changed")


def hold_redis(store: Any) -> list[str]:
    """Hold every value of a Redis against its schema; return the keys that nobody describes."""
    unknown = []
    for key in sorted(one.decode() for one in store.call("KEYS", "*")):
        name = key.partition("}:")[2]
        family = name.partition(":")[0]
        schema = IN_REDIS.get(name) or IN_REDIS.get(family if family == "h" else "")
        kind = store.call("TYPE", key)
        if schema is None:
            if family not in OURS and key != f"{store.prefix}:providers":
                unknown.append(key)
        elif kind == b"string":
            hold(f"redis/{schema}", json.loads(store.call("GET", key)))
        elif kind == b"stream":
            for _, fields in store.call("XRANGE", key, "-", "+", "COUNT", SOME):
                hold(f"redis/{schema}", pairs(fields))
        elif schema.endswith("meta"):
            hold(f"redis/{schema}", pairs(store.call("HGETALL", key)))
        else:
            for value in store.call("HVALS", key)[:SOME]:
                hold(f"redis/{schema}", json.loads(value))
    return unknown


def pairs(flat: list[bytes]) -> dict[str, str]:
    """Return what Redis gives as one list."""
    texts = [one.decode() for one in flat]
    return dict(zip(texts[::2], texts[1::2], strict=True))


def mirror(_path: Path, head: Mapping[str, Any], key: str, block: list[bytes]) -> None:
    """Hold a mirror against its schema; its lines are written already."""
    some = b",".join(b"".join(block[1:2]).split(b",\n    ")[:SOME])
    hold("files/prices", plain(head) | {key: json.loads(b"{%b}" % some)})


def read(record: Any) -> Any:
    """Return a record, be it a JSON text already."""
    return json.loads(record) if isinstance(record, str) else plain(record)


def plain(found: Any) -> Any:
    """Return what JSON makes of it."""
    return json.loads(json.dumps(found, default=str))
