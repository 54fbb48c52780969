"""A market of made-up quotes and a plan over them."""

import pytest

from tests.rates.world import World


@pytest.fixture
def world(tmp_path):
    return World(tmp_path / "desk")
