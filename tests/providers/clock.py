"""A clock that tests set by hand, for adapters that reuse answers by their age."""

import pytest

MODULES = (
    "marketctl.http.client",
    "marketctl.providers.bank.base",
    "marketctl.providers.cash.credits",
    "marketctl.providers.cash.openexchangerates",
    "marketctl.providers.cash.twelvedata",
    "marketctl.sandbox.base",
    "marketctl.files.memory",
)


class HandClock:
    """The time for us and for the sandbox, from 2026-01-01 00:20:05 UTC on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.ms = 1767226805000
        for module in MODULES:
            monkeypatch.setattr(f"{module}.now_ms", lambda: self.ms)

    def forward(self, seconds: float) -> None:
        """Let time pass."""
        self.ms += round(seconds * 1000)
