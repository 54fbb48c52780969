"""A small desk, its page, and a browser to look at it with."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from marketctl.board import build_board
from marketctl.config.registry import Registry
from marketctl.redis.embedded import EmbeddedRedis
from marketctl.times import now_ms
from marketctl.views.quotes import open_reader
from tests.desk import make_desk


@pytest.fixture(scope="module")
def now() -> int:
    return now_ms()


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory, now: int) -> Registry:
    return make_desk(tmp_path_factory.mktemp("desk"), now)


@pytest.fixture(scope="module")
def page(desk: Registry, now: int) -> Path:
    path = desk.settings.data_dir / "report.html"
    with EmbeddedRedis(desk.settings.data_dir), open_reader(desk) as reader:
        path.write_bytes(build_board(reader, now))
    return path


@pytest.fixture(scope="module")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    from tests.browser.drive import open_browser

    before = dict(os.environ)
    folder = tmp_path_factory.mktemp("chromium")
    os.environ |= {"HOME": str(folder), "TMPDIR": str(folder), "XDG_CONFIG_HOME": str(folder)}
    try:
        browser = open_browser(folder / "profile")
    finally:
        os.environ.clear()
        os.environ.update(before)
    yield browser
    browser.quit()


@pytest.fixture
def board(chromium: Any, page: Path) -> Iterator[Any]:
    """The page, freshly loaded, as a new visitor sees it; no test may leave an error or a request behind."""
    from tests.browser.drive import requests, show, troubles

    show(chromium, page)
    yield chromium
    assert troubles(chromium) == []
    assert requests(chromium) == []
