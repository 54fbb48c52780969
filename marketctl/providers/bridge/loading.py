"""Import one exchange of ccxt, and no more of it: the package's own start imports all of them, which takes a second.

- The package's code is left out while one of its modules is imported. Afterwards `import ccxt` finds the real one.
- Its base imports a library for keys of elliptic curves and RSA; most venues sign without. The names are there, and the
  library is loaded when one of them is used.
"""

import importlib
import re
import sys
from importlib.machinery import PathFinder
from threading import RLock
from types import ModuleType
from typing import Any

from marketctl.errors import ConfigError
from marketctl.text import closest, printable

VERSION = "4.5.90"  # the one the cards were proved with
INSTALL = "pip install ccxt (the extra ccxt)"

IDS = 'python -c "import ccxt; print(*ccxt.exchanges)"'

KEYS = "cryptography.hazmat.primitives"
DEFERRED = (
    "cryptography",
    "cryptography.hazmat",
    KEYS,
    f"{KEYS}.asymmetric",
    f"{KEYS}.asymmetric.utils",
    f"{KEYS}.serialization",
)

_is_id = re.compile(r"[a-z][a-z0-9]{1,30}").fullmatch
_loading = RLock()
# Names that are asked for while this is set are not used yet.
_importing = False


class _Later:
    """Stands in for a name of a library that is loaded when the name is used."""

    def __init__(self, path: str, name: str) -> None:
        self._path = path
        self._name = name

    def _real(self) -> Any:
        found = importlib.import_module(self._path)
        for part in self._name.split("."):
            try:
                found = getattr(found, part)
            except AttributeError:
                found = importlib.import_module(f"{self._path}.{part}")
        return found

    def __call__(self, *given: Any, **named: Any) -> Any:
        return self._real()(*given, **named)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Later(self._path, f"{self._name}.{name}") if _importing else getattr(self._real(), name)


class _Package(ModuleType):
    """Stands in for a package of the deferred library during the import of ccxt's base."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Later(self.__name__, name)


def load_exchange(name: str, *, any_version: bool = False) -> type[Any]:
    """Return ccxt's class of an exchange by its id ("kraken"). Raises ConfigError that says what to do."""
    global _importing
    if not _is_id(name):
        raise ConfigError(f'exchange: found "{printable(name, 40)}", expected an id of ccxt such as "kraken"')
    with _loading:
        spec = PathFinder.find_spec("ccxt")
        if spec is None or not spec.submodule_search_locations:
            raise ConfigError(f"exchange {name}: ccxt is not installed", hint=INSTALL)
        whole = sys.modules.get("ccxt")
        absent = [] if "ccxt.base.exchange" in sys.modules else [one for one in DEFERRED if one not in sys.modules]
        try:
            if whole is None:
                sys.modules["ccxt"] = stub = ModuleType("ccxt")
                stub.__path__ = list(spec.submodule_search_locations)
                stub.__spec__ = spec
            if len(absent) == len(DEFERRED):
                for one in DEFERRED:
                    sys.modules[one] = package = _Package(one)
                    package.__path__ = []
            _importing = bool(absent)
            base = importlib.import_module("ccxt.base.exchange")
            _importing = False
            if len(absent) == len(DEFERRED):
                for one in DEFERRED:
                    del sys.modules[one]
            check_version(str(base.__version__), any_version)
            return _import(name, list(spec.submodule_search_locations))
        finally:
            _importing = False
            for one in DEFERRED:
                if isinstance(sys.modules.get(one), _Package):
                    del sys.modules[one]
            if whole is None:
                del sys.modules["ccxt"]


def check_version(found: str, any_version: bool) -> None:
    """Raise ConfigError for another ccxt than the one the cards were proved with, unless it is wanted so."""
    if found != VERSION and not any_version:
        raise ConfigError(
            f"ccxt {printable(found, 20)} is installed, and the bridge was proved with {VERSION}: another one may read "
            "an answer in another way",
            hint=f"{INSTALL}, or any_ccxt = true in its table of providers.toml",
        )


def _import(name: str, folders: list[str]) -> type[Any]:
    try:
        module = importlib.import_module(f"ccxt.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"ccxt.{name}":
            raise
        close = closest(name, exchange_ids(folders))
        question = f"; did you mean {close}?" if close else ""
        raise ConfigError(
            f'exchange: found "{name}", expected an id that ccxt {VERSION} has{question}', hint=IDS
        ) from None
    found: type[Any] = getattr(module, name)
    return found


def exchange_ids(folders: list[str]) -> list[str]:
    """Return the ids of all exchanges that are installed."""
    from pathlib import Path

    return sorted(path.stem for folder in folders for path in Path(folder).glob("[a-z]*.py") if path.stem != "setup")
