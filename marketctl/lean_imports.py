"""Import requests and redis-py without what we never use of them: that takes longer than the work of a whole run.

Both stay what they are: what was left out is loaded when somebody asks for it.
- redis-py's package imports every client it has; we use its connections. They import asyncio for the names of a few
  types; in a process of our own, where nobody else may want redis-py's asynchronous half, they get names of ours.
- requests looks for a library that guesses encodings; we read bytes.
- both import `importlib.metadata`, to ask for a version they don't need then.

What it saves of `prices collect -p KUCOIN` (medians of nine whole processes a variant in turn, Python 3.11, redis-py
8.1, requests 2.34, charset-normalizer 3.4.7): 22 % of its CPU and 10 of 52 MB, of which redis-py's part is 8 % and
6 MB.

When it can go: redis-py's part with a redis-py whose `redis.connection` imports neither its other clients nor asyncio,
requests' part with a requests that looks for its guesser when it has something to guess; both with lazy imports
(Python 3.15).
"""

import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.machinery import PathFinder
from threading import RLock
from types import ModuleType
from typing import Any

METADATA = "importlib.metadata"
UNUSED = ("chardet", "charset_normalizer")

_loading = RLock()


class _Package(ModuleType):
    """A package whose own code runs when it is asked for a name it has not yet; its modules are imported without."""

    def __getattr__(self, name: str) -> Any:
        with _loading:
            spec = self.__spec__
            if isinstance(self, _Package) and spec is not None and spec.loader is not None:
                self.__class__ = ModuleType  # type: ignore[assignment]  # from now on it is like any other
                spec.loader.exec_module(self)
        return getattr(self, name)


class _Metadata(ModuleType):
    """Stands in for `importlib.metadata` until it is asked for something."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # the import itself looks for `__path__`
            raise AttributeError(name)
        return getattr(_metadata(), name)

    @staticmethod
    def version(distribution_name: str) -> str:
        """Return the version of an installed package."""
        return str(_metadata().version(distribution_name))


class _Asyncio(ModuleType):
    """Stands in for `asyncio` while redis-py is imported: any name is a type nothing is ever of. Then it passes on."""

    importing = True

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return type(name, (Exception,), {}) if self.importing else getattr(import_module("asyncio"), name)


def _metadata() -> Any:
    if isinstance(sys.modules.get(METADATA), _Metadata):
        del sys.modules[METADATA]
    return import_module(METADATA)


def import_requests() -> None:
    """Import requests; `import requests` finds it then."""
    if "requests" not in sys.modules:
        with _left_out(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it misses the library that guesses
            import_module("requests")


def import_redis() -> None:
    """Import the connections of redis-py; `from redis.connection import ...` finds them then."""
    if "redis.connection" in sys.modules:
        return
    with _loading:
        if "redis" not in sys.modules and (spec := PathFinder.find_spec("redis")) is not None:
            package = _Package("redis")
            package.__spec__, package.__file__, package.__loader__ = spec, spec.origin, spec.loader
            package.__package__, package.__path__ = "redis", list(spec.submodule_search_locations or ())
            sys.modules["redis"] = package
    asyncio = None
    if "asyncio" not in sys.modules and _own_process():
        sys.modules["asyncio"] = asyncio = _Asyncio("asyncio")
    try:
        with _left_out():
            import_module("redis.connection")
    finally:
        if asyncio is not None:
            asyncio.importing = False
            del sys.modules["asyncio"]


def _own_process() -> bool:
    return "marketctl.__main__" in (*sys.modules, getattr(sys.modules["__main__"].__spec__, "name", ""))


@contextmanager
def _left_out() -> Iterator[None]:
    """Let nobody find what is not used, for the time of an import."""
    with _loading:
        absent = [name for name in UNUSED if name not in sys.modules]
        sys.modules.update(dict.fromkeys(absent))  # type: ignore[arg-type]  # None: it cannot be imported
        if METADATA not in sys.modules:
            sys.modules[METADATA] = _Metadata(METADATA)
        try:
            yield
        finally:
            for name in absent:
                del sys.modules[name]
            if isinstance(sys.modules.get(METADATA), _Metadata):
                del sys.modules[METADATA]
