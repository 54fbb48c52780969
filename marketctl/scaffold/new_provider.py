"""Write a new provider into a source checkout: adapter, sandbox, sample answers, test, registry entry.

What is written is a whole, working example that passes all checks; its author replaces it piece by piece.
"""

import contextlib
import keyword
import re
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from string import Template

from marketctl.config.edit import add
from marketctl.config.registry import default_stablecoin
from marketctl.errors import ConfigError
from marketctl.files.atomic import storage_failed
from marketctl.files.replace import replace_file
from marketctl.text import printable

SAMPLES = {
    "cex": ("coins.json", "markets.json", "tickers.json"),
    "cash": ("currencies.json", "rates.json"),
    "bank": ("daily.xml",),
}
KINDS = ("cex", "cash", "bank", "psp")
# A payment provider's rates are asked for with a key, like those of a source of rates: one example for both.
EXAMPLES = {"psp": "cash"}
WORDS = {"cash": "a source of fiat rates", "psp": "a payment provider"}
REGISTRY = "providers.toml"  # the shipped one, which `init` writes too
# The plan of the example has 1000 requests a month.
CASH_ENTRY = {"prices_interval_s": 3600, "pairs": ["EUR/USD", "USD/RUB"]}
ENTRIES: dict[str, dict[str, object]] = {"cash": CASH_ENTRY, "psp": CASH_ENTRY, "bank": {"prices_interval_s": 1800}}

_is_name = re.compile(r"[A-Z][A-Z0-9_]{0,23}").fullmatch


def new_provider(root: Path, name: str, kind: str) -> list[Path]:
    """Write a provider of one of `KINDS`, disabled, all of it or nothing; return the files, root left out.

    Raises ConfigError where something is in the way, StorageFailed.
    """
    name = name.upper()
    module = name.lower()
    if not _is_name(name) or keyword.iskeyword(module):
        raise ConfigError(
            f'found the name "{printable(name, 40)}", expected a letter, then letters, digits and _, at most 24'
        )
    check_checkout(root, name)
    files = render(name, kind)
    for file in files:
        if (root / file).exists():
            raise ConfigError(f"{file} is there already: nothing was written", hint="choose another name")
    adapter_path = f"marketctl.providers.{kind}.{module}:{class_name(name, kind)}"
    registry = root / REGISTRY
    before = registry.read_bytes()
    written: list[Path] = []
    try:
        for file, content in files.items():
            _create(root / file, content, written)
        add(
            registry,
            name,
            adapter_path,
            enabled=False,
            needs_api=kind != "bank",
            stablecoin=default_stablecoin(kind.upper()),
            more=ENTRIES.get(kind),
        )
    except BaseException:
        _take_back(written)
        if registry.read_bytes() != before:
            replace_file(registry, before)
        raise
    return [*files, Path(REGISTRY)]


def check_checkout(root: Path, name: str) -> None:
    """Raise ConfigError unless this is a source checkout of marketctl."""
    needed = ("marketctl/providers/base.py", "marketctl/sandbox/base.py", "tests/providers", REGISTRY)
    if not all((root / path).exists() for path in needed):
        raise ConfigError(
            f"{root.resolve()} is no source checkout of marketctl, and `providers new` writes into one",
            hint=f"cd into one, or write a module and: marketctl providers add {name} --path MODULE:CLASS",
        )


def class_name(name: str, kind: str) -> str:
    """Return the adapter's class: MY_EX is MyExAdapter, or MyExCashAdapter, MyExBankAdapter, MyExPspAdapter."""
    words = "".join(word.capitalize() for word in name.split("_"))
    return f"{words}{'' if kind == 'cex' else kind.capitalize()}Adapter"


def render(name: str, kind: str) -> dict[Path, bytes]:
    """Return path → content of every file of a new provider."""
    module, example = name.lower(), EXAMPLES.get(kind, kind)
    values = {
        "NAME": name,
        "module": module,
        "Class": class_name(name, kind),
        "host": module.replace("_", ""),
        "room": kind,
        "what": WORDS.get(kind, ""),
        "kind": '    kind = "PSP"\n' if kind == "psp" else "",
    }
    sources = {
        f"marketctl/providers/{kind}/{module}.py": f"{example}_adapter.txt",
        f"marketctl/sandbox/{module}.py": f"{example}_sandbox.txt",
        f"tests/providers/test_{module}.py": f"{example}_test.txt",
    }
    samples = {f"tests/providers/{module}/{sample}": f"{example}_{sample}" for sample in SAMPLES[example]}
    texts = {path: Template(_read_template(source).decode()).substitute(values) for path, source in sources.items()}
    return {Path(path): text.encode() for path, text in texts.items()} | {
        Path(path): _read_template(source) for path, source in samples.items()
    }


def update_docs(root: Path) -> bool:
    """Generate the table of providers anew; tell whether that went well."""
    command = [sys.executable, "docs/generate.py", "providers.md"]
    with contextlib.suppress(OSError):
        return subprocess.run(command, cwd=root, capture_output=True, check=False).returncode == 0
    return False


def _create(path: Path, content: bytes, written: list[Path]) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            written.append(path)
            file.write(content)
    except OSError as error:
        raise storage_failed("create", path, error) from error


def _take_back(written: Iterable[Path]) -> None:
    for path in written:
        path.unlink(missing_ok=True)
        if path.suffix != ".py":
            with contextlib.suppress(OSError):
                path.parent.rmdir()


def _read_template(name: str) -> bytes:
    return (Path(__file__).parent / "templates" / name).read_bytes()
