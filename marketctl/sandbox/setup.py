"""Write the registry and the keys that make marketctl use a running sandbox."""

import tempfile
import tomllib
from collections.abc import Set
from pathlib import Path

from marketctl.config.credentials import load_credentials, store_credentials
from marketctl.config.starter import read_starter
from marketctl.errors import ConfigError
from marketctl.files.atomic import make_folder
from marketctl.sandbox.base import Sandbox


def write_setup(sandbox: Sandbox, folder: Path | None = None) -> Path:
    """Write providers.toml (every base_url local) and credentials.toml; return the registry's path.

    The registry is the shipped one with other addresses; its embedded Redis ends with its last user, as who plays with
    it will remove the folder. Data live beside it, in `data/`.
    """
    import tomli_w

    if folder is None:
        folder = Path(tempfile.mkdtemp(prefix="marketctl-sandbox-"))
    make_folder(folder)
    refuse_foreign(folder, {value for api in sandbox.apis.values() for value in api.keys.values()})
    document = tomllib.loads(read_starter("providers.toml"))
    providers = {name: document["providers"][name] | {"base_url": sandbox.url(name)} for name in sandbox.apis}
    document["settings"]["embedded_stay"] = False
    path = folder / "providers.toml"
    path.write_text(tomli_w.dumps(document | {"providers": providers}))
    path.chmod(0o644)
    (folder / MARK).touch()
    if keys := {name: api.keys for name, api in sandbox.apis.items() if api.keys}:
        store_credentials(folder / "credentials.toml", keys)
    return path.resolve()


MARK = ".marketctl-sandbox"  # what this folder holds is a sandbox's


def refuse_foreign(folder: Path, known: Set[str]) -> None:
    """Refuse a folder with a registry no sandbox wrote, or keys that are none of these. Raises ConfigError.

    Keys cannot be had again.
    """
    hint = "name a folder of its own with --dir"
    there = [name for name in ("providers.toml", "credentials.toml") if (folder / name).exists()]
    if there and not (folder / MARK).exists():
        raise ConfigError(f"{folder / there[0]} is there already and no sandbox wrote it", hint=hint)
    if set(load_credentials(folder / "credentials.toml", {}).all_values()) - known:
        raise ConfigError(f"{folder / 'credentials.toml'} has keys that no sandbox wrote", hint=hint)
