"""Import click, requests, redis-py, msgspec and zlib-ng without what we never use of them.

To load that takes longer than a run's work.

All stay what they are: what was left out is loaded when somebody asks for it.
- click, requests and the standard library import modules for a word of help, a traceback, a host that is an address;
  in a process of our own these are loaded when they are used.
- redis-py's package imports every client it has; we use its connections. They import asyncio, a cache and what tells
  others of its work, for the names of a few types; in a process of our own, where nobody else may want those, they get
  names of ours. TLS is left out where `redis_url` has none.
- requests looks for a library that guesses encodings; we read bytes. urllib3 and the cookies compile thirty patterns;
  a request uses a few.
- requests and redis-py import `importlib.metadata`, to ask for a version they don't need then.
- zlib-ng and its package import gzip, for files; we use the module that stands for zlib.
- msgspec takes the names of a few types from typing_extensions where that is installed, and reads its own description.

What it saves (medians of nine whole processes a variant in turn, Python 3.11, redis-py 8.1, requests 2.34,
charset-normalizer 3.4.7): of `prices collect -p KUCOIN` 28 % of the CPU and 10 of 50 MB, of which redis-py's part is
15 % and 6 MB; of `prices show` 37 % and 9 of 33 MB.

When it can go: redis-py's part with a redis-py whose `redis.connection` imports neither its other clients nor asyncio,
requests' part with a requests that looks for its guesser when it has something to guess; both with lazy imports
(Python 3.15).
"""

import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.machinery import PathFinder
from threading import RLock
from types import FunctionType, ModuleType
from typing import Any

METADATA = "importlib.metadata"
# They have dozens of patterns, of which a request uses a few.
PATTERNS = ("http.cookiejar", "urllib3.util.url")

UNUSED = ("chardet", "charset_normalizer")

# Of these redis-py's connections want the names of a few types, and functions that tell figures nobody here asks for.
REDIS = (
    "asyncio",
    "redis.cache",
    "redis.observability",
    "redis.observability.attributes",
    "redis.observability.metrics",
    "redis.observability.recorder",
)

# Wanted for what hardly a run does: tracebacks, long help, hosts that are addresses or beyond ASCII, archives.
LATE = ("traceback", "inspect", "textwrap", "ipaddress", "idna", "encodings.idna", "zipfile", "bz2", "lzma")

CO_COROUTINE = 0x80  # of a function's code, as `inspect` names it

_loading = RLock()


class _LateModule(ModuleType):
    """Stands in for a module until it is asked for something."""

    def __getattr__(self, name: str) -> Any:
        if sys.modules.get(self.__name__) is self:
            sys.modules.pop(self.__name__, None)
        return getattr(import_module(self.__name__), name)


class _Inspect(_LateModule):
    """The same for `inspect`, which click asks for the help of every option and redis-py about functions."""

    @staticmethod
    def cleandoc(doc: str) -> str:
        """Return a text as `inspect.cleandoc` does."""
        return str(_INSPECT.__getattr__("cleandoc")(doc)) if "\n" in doc else doc.expandtabs().lstrip()

    @staticmethod
    def iscoroutinefunction(obj: object) -> bool:
        """Tell what `inspect.iscoroutinefunction` does."""
        if type(obj) is FunctionType and "_is_coroutine_mark" not in obj.__dict__:
            return bool(obj.__code__.co_flags & CO_COROUTINE)
        return bool(_INSPECT.__getattr__("iscoroutinefunction")(obj))


_INSPECT = _Inspect("inspect")


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


class _Nothing(type):
    """The type of what stands in for a library's own names: one that nothing is ever of, with names of its own."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        setattr(cls, name, found := _nothing(name))
        return found


def _nothing(name: str) -> type:
    """Return a class that is there to be named, caught and called, and does nothing."""
    return _Nothing(name, (Exception,), {"__init__": _ignore})


def _ignore(*_: Any, **_named: Any) -> None:
    """Do nothing."""


class _StandIn(ModuleType):
    """Stands in for a module while another one is imported that wants some names of it. Then it passes on."""

    importing = True
    __path__: list[str] = []

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _nothing(name) if self.importing else getattr(import_module(self.__name__), name)


def _metadata() -> Any:
    if isinstance(sys.modules.get(METADATA), _Metadata):
        del sys.modules[METADATA]
    return import_module(METADATA)


class _LatePattern:
    """A pattern that is compiled when it is used."""

    def __init__(self, pattern: str, flags: int) -> None:
        self._told = (pattern, flags)

    def match(self, text: str) -> Any:
        """Match; that of an IPv6 address in brackets, which takes longest to compile, has nothing to say of others."""
        if self._told[0].startswith(r"^\[(?:") and text[:1] != "[":
            return None
        return self.__getattr__("match")(text)

    def __getattr__(self, name: str) -> Any:
        setattr(self, name, found := getattr(re.compile(*self._told), name))
        return found


def import_click() -> None:
    """Import click for a process of our own; what it and others hardly ever need is loaded when they do."""
    for name in LATE:
        if name not in sys.modules:
            sys.modules[name] = _INSPECT if name == "inspect" else _LateModule(name)
    with _stood_in("uuid"):  # a type of parameter is named after it
        import_module("click")


def import_requests() -> None:
    """Import requests; `import requests` finds it then."""
    if "requests" not in sys.modules:
        with _left_out(), _compiled_late(), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it misses the library that guesses
            import_module("requests")


def import_redis(url: str) -> None:
    """Import the connections of redis-py, for this `redis_url`; `from redis.connection import ...` finds them then."""
    if "redis.connection" in sys.modules:
        return
    with _loading:
        _without_its_own_code("redis")
        own = _own_process()
        with _left_out(*(() if url.startswith("rediss:") or not own else ("ssl",))), _stood_in(*(REDIS if own else ())):
            import_module("redis.connection")


def import_zlib() -> Any:
    """Import what zlib-ng has in place of `zlib`, and return it: half the time for the same bytes."""
    with _loading:
        _without_its_own_code("zlib_ng")
        late = "zlib_ng.zlib_ng" not in sys.modules and _own_process()
        with _stood_in(*(("gzip",) if late else ())):  # it wants the name of an error of files
            return import_module("zlib_ng.zlib_ng")


def import_msgspec() -> None:
    """Import msgspec; what describes its types is loaded when somebody asks for it.

    A run does so in the midst of its work: what another thread imports at this moment must be there for it.
    """
    import typing

    with _loading:  # threads that come in the meantime wait: it imports itself in a circle
        if "msgspec" in sys.modules:
            return
        sys.modules.setdefault("msgspec.inspect", _LateModule("msgspec.inspect"))
        late = _LateModule("typing_extensions")  # what is wanted of it, Python's own typing has as well
        late.__path__ = []  # the import itself looks for it
        late.__dict__.update({name: getattr(typing, name) for name in ("NotRequired", "Required", "get_type_hints")})
        sys.modules.setdefault(late.__name__, late)
        try:
            import_module("msgspec")
        finally:
            if sys.modules.get(late.__name__) is late:
                del sys.modules[late.__name__]


def _without_its_own_code(name: str) -> None:
    """Have a package found whose modules are imported alone."""
    if name not in sys.modules and (spec := PathFinder.find_spec(name)) is not None:
        package = _Package(name)
        package.__spec__, package.__file__, package.__loader__ = spec, spec.origin, spec.loader
        package.__package__, package.__path__ = name, list(spec.submodule_search_locations or ())
        sys.modules[name] = package


def _own_process() -> bool:
    return "marketctl.__main__" in (*sys.modules, getattr(sys.modules["__main__"].__spec__, "name", ""))


@contextmanager
def _compiled_late() -> Iterator[None]:
    """Let the patterns of some modules be compiled when they are used, for the time of an import."""
    at_once = re.compile

    def compile(pattern: str, flags: int = 0) -> Any:
        late = sys._getframe(1).f_globals.get("__name__") in PATTERNS
        return (_LatePattern if late else at_once)(pattern, flags)

    re.compile = compile  # type: ignore[assignment]
    try:
        yield
    finally:
        re.compile = at_once


@contextmanager
def _stood_in(*names: str) -> Iterator[None]:
    """Let stand-ins be found for these modules, those that are not there yet, for the time of an import."""
    absent = {name: _StandIn(name) for name in names if name not in sys.modules}
    sys.modules.update(absent)
    try:
        yield
    finally:
        for name, module in absent.items():
            module.importing = False
            del sys.modules[name]


@contextmanager
def _left_out(*more: str) -> Iterator[None]:
    """Let nobody find what is not used, for the time of an import."""
    with _loading:
        absent = [name for name in (*UNUSED, *more) if name not in sys.modules]
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
