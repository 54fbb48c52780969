"""Which libraries are installed: what is said of those of today need not hold for the oldest that are allowed."""

from importlib.metadata import version

import pytest

# From these on they import and read no more than is told; older ones work the same, and take longer to start.
TODAY = {"click": (8, 2), "redis": (7, 2), "requests": (2, 33)}

of_today = pytest.mark.skipif(
    any(tuple(map(int, version(name).split(".")[:2])) < least for name, least in TODAY.items()),
    reason="it holds for the libraries of today",
)
