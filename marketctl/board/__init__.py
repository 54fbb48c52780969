"""The market board: one self-contained HTML page made of what was collected. Asks no provider, needs no server.

The page is put together by Jinja2 and its bar and line charts are drawn by pygal: the extra `report`. Everything else
is drawn in the browser by the scripts in `js/`, from one JSON document, so that thousands of rows stay quick.
"""

import json
from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from marketctl.errors import ConfigError
from marketctl.files.atomic import write_output
from marketctl.files.snapshots import to_bytes
from marketctl.times import now_ms, to_iso

if TYPE_CHECKING:
    from jinja2 import Template

    from marketctl.views.quotes import Reader

FOLDER = Path(__file__).parent
# One script and one sheet of styles of many files, in this order: what runs at once uses what stands before it.
SCRIPTS = (
    *("base", "numbers", "grid", "choice", "quotes", "pairs", "networks", "closed", "jobs"),
    *("desk", "health", "prices", "chart", "pair", "wallet", "asset", "routes", "ways", "changes", "stats"),
    *("address", "head", "page", "live"),
)
STYLES = ("base", "desk", "health", "tables", "sheet", "sizes", "print")
WORDS = ("page", "desk", "health", "reasons", "prices", "wallet", "ways", "stats")
# Inside <script> and <style> a browser looks for these; the last two end a line of JavaScript.
UNSAFE = {char: f"\\u{ord(char):04x}" for char in "<>&\u2028\u2029"}

_compact = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode


def require_extra() -> None:
    """See that what the page is made with is there. Raises ConfigError."""
    missing = [name for name in ("jinja2", "pygal") if find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"the report needs {' and '.join(missing)}", hint=f"pip install {' '.join(missing)} (the extra `report`)"
        )


def write_board(path: Path, reader: "Reader") -> list[str]:
    """Make the page and put it in place of the old one, whole. Raises ConfigError, StorageFailed.

    Returns what could not be read, which the page tells too.
    """
    found = look(reader, now_ms(), ways=True)
    write_output(path, render(found))
    return [words for _reason, words in found["problems"]]


def build_board(reader: "Reader", made_ms: int, live: str | None = None) -> bytes:
    """Make the page of what can be read now; what cannot be read is told in it. Raises ConfigError.

    `live` is the state from which on a server tells the page what changes; a file has none.
    """
    return render(look(reader, made_ms, ways=live is None) | {"live": live})


def look(reader: "Reader", made_ms: int, *, ways: bool) -> dict[str, Any]:
    """Gather what a page shows. Raises ConfigError without the extra."""
    require_extra()
    from marketctl.board.gather import gather

    return gather(reader, made_ms, ways=ways) | {"live": None}


def render(found: dict[str, Any]) -> bytes:
    """Write the page of what was gathered."""
    from marketctl.board.charts import draw

    script = page_script()
    page = _template().render(
        charts=draw(found["stats"]),
        css=_style(),
        data=embed(found),
        made=(to_iso(found["made"]) or "")[:19].replace("T", " "),
        script=script,
        script_hash=b64encode(sha256(script.encode()).digest()).decode(),
        version=found["version"],
        words=page_words(),
        words_json=embed(page_words()),
    )
    return to_bytes(page)


def embed(value: Any) -> str:
    """Write JSON that can stand inside a <script> element: no text in it can end the element."""
    text = _compact(value)
    for char, escaped in UNSAFE.items():
        text = text.replace(char, escaped)
    return text


def _text(name: str) -> str:
    return (FOLDER / name).read_text(encoding="utf-8")


@cache
def page_script() -> str:
    """Return the page's one script."""
    parts = "\n".join([_text(f"js/{name}.js") for name in SCRIPTS])
    return f'"use strict";\n(() => {{\n{parts}}})();\n'


@cache
def _style() -> str:
    return "\n".join([_text(f"css/{name}.css") for name in STYLES])


@cache
def page_words() -> dict[str, list[str]]:
    """Return key → [English, Russian]."""
    words: dict[str, list[str]] = {}
    for name in WORDS:
        words |= json.loads(_text(f"words/{name}.json"))
    return words


@cache
def _template() -> "Template":
    from jinja2 import Environment, StrictUndefined

    # What is already safe where it stands (our script and styles, escaped JSON, SVG) is marked so in the template.
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(_text("page.html"))
