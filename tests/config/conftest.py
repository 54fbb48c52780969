"""A folder to work in, and adapters there."""

from pathlib import Path

import pytest

from tests.config.reading import ADAPTERS, module


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a new folder; modules in its `lib` can be imported."""
    (tmp_path / "lib").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path / "lib")
    return tmp_path


@pytest.fixture
def adapters(here: Path) -> None:
    module(here, "my_adapters", ADAPTERS)
