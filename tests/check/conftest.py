"""A check of one provider of the sandbox."""

from typing import Any

import pytest

from marketctl.check.checkup import check_providers
from marketctl.check.health import Health
from marketctl.config.credentials import load_credentials
from marketctl.jobs.desk import Desk
from marketctl.jobs.run import Run
from marketctl.providers.loader import load_registry


@pytest.fixture
def check(folder, no_sleep):
    """Check one provider, by default with one attempt a request; return its health."""

    def call(provider: str, **given: Any) -> Health:
        registry = load_registry(folder / "providers.toml", environ={})
        run = Run(Desk(registry, load_credentials(folder / "credentials.toml", {})))
        entries = [run.registry.provider(provider)]
        (health,) = check_providers(run, entries, **given)
        return health

    return call
