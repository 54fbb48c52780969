"""A desk whose board is made, and its page."""

import pytest

from tests.board.pages import NOW, made
from tests.desk import make_desk


@pytest.fixture(scope="module")
def page(tmp_path_factory) -> bytes:
    return made(make_desk(tmp_path_factory.mktemp("desk"), NOW))


@pytest.fixture
def desk(tmp_path):
    return make_desk(tmp_path / "desk", NOW, "none")
