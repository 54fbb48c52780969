"""A registry and keys for the sandbox, which nobody's own files are lost to."""

import os
import tomllib
from pathlib import Path

import pytest

from marketctl.config.credentials import load_credentials
from marketctl.providers.loader import load_registry
from marketctl.sandbox.base import Sandbox
from marketctl.sandbox.setup import write_setup


def test_setup_is_a_registry_and_keys_that_marketctl_accepts(sandbox, tmp_path):
    path = write_setup(sandbox, tmp_path / "deep" / "setup")
    assert path == tmp_path / "deep" / "setup" / "providers.toml"
    registry = load_registry(path, environ={})
    assert {name: entry.base_url for name, entry in registry.providers.items()} == {
        name: sandbox.url(name) for name in sandbox.apis
    }
    assert path.stat().st_mode & 0o777 == 0o644
    keys = path.with_name("credentials.toml")
    assert keys.stat().st_mode & 0o777 == 0o600
    store = load_credentials(keys, {})
    for name, api in sandbox.apis.items():
        assert store.for_provider(name, api.keys) == api.keys


def test_setup_again_keeps_to_the_same_files(sandbox, tmp_path):
    first = write_setup(sandbox, tmp_path / "setup").read_text()
    assert write_setup(sandbox, tmp_path / "setup").read_text() == first
    assert sorted(one.name for one in (tmp_path / "setup").iterdir()) == [
        ".marketctl-sandbox", "credentials.toml", "providers.toml",
    ]  # fmt: skip


def test_setup_without_a_folder_makes_a_private_one(sandbox):
    path = write_setup(sandbox)
    assert path.parent.parent == Path(os.environ["TMPDIR"]).resolve()
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_setup_of_some_providers_lists_those_alone(tmp_path):
    sandbox = Sandbox(["RAPIRA", "BYBIT"])
    document = tomllib.loads(write_setup(sandbox, tmp_path).read_text())
    sandbox.stop()
    assert list(document["providers"]) == ["RAPIRA", "BYBIT"]


def test_a_folder_whose_keys_are_no_more_the_sandboxs_is_left_alone(tmp_path):
    from marketctl.errors import ConfigError
    from marketctl.sandbox.setup import write_setup

    with Sandbox() as sandbox:
        path = write_setup(sandbox, tmp_path / "desk")
        assert write_setup(sandbox, tmp_path / "desk") == path  # again, with its own keys
        keys = path.with_name("credentials.toml")
        keys.write_text(keys.read_text().replace("sandbox-bybit-secret", "a-live-secret"))
        before = (path.read_bytes(), keys.read_bytes())
        with pytest.raises(ConfigError, match=r"credentials.toml has keys that no sandbox wrote") as caught:
            write_setup(sandbox, tmp_path / "desk")
    assert caught.value.hint == "name a folder of its own with --dir"
    assert (path.read_bytes(), keys.read_bytes()) == before
