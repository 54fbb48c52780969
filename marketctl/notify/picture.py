"""What is so at one moment, and what nobody knows of then."""

from collections.abc import Mapping, Set
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Condition:
    """Something worth telling: `key` is its own for good, `signature` changes when it is worth telling again.

    `facts` are what its words are made of, fit for JSON. `since_ms` is known for some.
    """

    key: str
    kind: str
    facts: dict[str, Any] = field(default_factory=dict)
    signature: str = ""
    since_ms: int | None = None


@dataclass
class Picture:
    """All that is so at one moment. `open_doors` are the watched doors that are open, `fees` the watched fees.

    `before` are the facts of what was told earlier, by key. `unread` are the enabled providers whose wallet cannot be
    read, or not all of it: that opens no door, and makes no coins the same.
    """

    at_ms: int
    before: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    unread: Set[str] = frozenset()
    conditions: dict[str, Condition] = field(default_factory=dict)
    open_doors: dict[str, dict[str, Any]] = field(default_factory=dict)
    fees: dict[str, str] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)  # keys nothing can be said of now: neither so nor over

    def add(self, condition: Condition) -> None:
        """Add what is so now, by its key."""
        self.conditions[condition.key] = condition

    def told_of(self, key: str) -> dict[str, Any]:
        """Return the facts that were told earlier; none where nothing was."""
        return dict(self.before.get(key, {}))
