"""Small helpers of the page's data: texts once, times in ms, figures that are safe in HTML."""

from collections.abc import Mapping
from typing import Any

from marketctl.redact import redact, redact_data
from marketctl.text import printable
from marketctl.times import ms_or_none
from marketctl.views.snapshots import number

# Flags of a quote, as js/base.js has them.
TRADING, HALTED, DERIVED, IS_MID, TWIN, RATE, HELD, MARKED = 1, 2, 4, 8, 16, 32, 64, 128


def safe(text: object, limit: int = 400) -> str:
    """Return a text of the data, fit for the page."""
    return printable(redact_data(str(text)), limit)


def words(text: object, limit: int = 400) -> str:
    """Return our or a provider's words on what went wrong, fit for the page."""
    return printable(redact(str(text)), limit)


def decimal(value: object) -> str:
    """Return a stored decimal; "" for what is unknown."""
    return value if isinstance(value, str) else ""


class Texts:
    """Numbers for texts that come again and again."""

    def __init__(self) -> None:
        self.all: list[str] = []
        self._places: dict[str, int] = {}

    def place(self, text: str) -> int:
        """Return the place of a text in `all`, where it is put when it is new."""
        found = self._places.get(text)
        if found is None:
            found = self._places[text] = len(self.all)
            self.all.append(text)
        return found

    def maybe(self, text: object) -> int:
        """Return the place of a text, -1 for none."""
        return self.place(text) if isinstance(text, str) and text else -1


def collected_ms(found: Mapping[str, Any] | None) -> int | None:
    """Return when a snapshot was collected; None without one."""
    return ms_or_none(found["collected_at"]) if found else None


def size(amount: str) -> float:
    """Return an amount to sort and draw by; 0.0 for what is unknown."""
    value = number(amount)
    return float(value) if value is not None else 0.0
