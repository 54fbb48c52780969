"""Where the user's files live, and how they are read and replaced.

The registry: `--config` › MARKETCTL_CONFIG › ./providers.toml › $XDG_CONFIG_HOME/marketctl/providers.toml.
The credentials: `--credentials` › MARKETCTL_CREDENTIALS › beside the registry.
An empty environment variable counts as unset; without HOME and XDG_CONFIG_HOME that step is left out.
"""

import os
import shlex
import stat
from collections.abc import Mapping
from pathlib import Path

from marketctl.errors import ConfigError

REGISTRY_NAME = "providers.toml"

CREDENTIALS_NAME = "credentials.toml"

CONFIG_VARIABLE = "MARKETCTL_CONFIG"

CREDENTIALS_VARIABLE = "MARKETCTL_CREDENTIALS"

DATA_DIR_VARIABLE = "MARKETCTL_DATA_DIR"

REDIS_URL_VARIABLE = "MARKETCTL_REDIS_URL"

VARIABLES = (CONFIG_VARIABLE, CREDENTIALS_VARIABLE, DATA_DIR_VARIABLE, REDIS_URL_VARIABLE)


def find_registry(explicit: str | None = None, environ: Mapping[str, str] = os.environ) -> Path:
    """Return the registry to use, as the user wrote it. Raises ConfigError when there is none."""
    if named := _named(explicit, "--config", CONFIG_VARIABLE, environ):
        return _existing(*named)
    places = [Path(REGISTRY_NAME), *_user_registry(environ)]
    for place in places:
        if _trouble(place) is None:
            return place
    looked = ", ".join(f"./{place}" if place == places[0] else str(place) for place in places)
    raise ConfigError(
        f"no {REGISTRY_NAME}: --config and {CONFIG_VARIABLE} are not set, looked at {looked}", hint="marketctl init"
    )


def registry_to_create(explicit: str | None = None, environ: Mapping[str, str] = os.environ) -> Path:
    """Return where a new registry belongs: `--config` › MARKETCTL_CONFIG › ./providers.toml."""
    named = _named(explicit, "--config", CONFIG_VARIABLE, environ)
    return named[0] if named else Path(REGISTRY_NAME)


def find_credentials(
    explicit: str | None, registry: Path, environ: Mapping[str, str] = os.environ, *, must_exist: bool = True
) -> Path:
    """Return the credentials file, as the user wrote it.

    A missing file beside the registry is fine, a missing one that was named raises ConfigError unless
    it is about to be written (`must_exist` false).
    """
    named = _named(explicit, "--credentials", CREDENTIALS_VARIABLE, environ)
    if not named:
        return registry.parent / CREDENTIALS_NAME
    return _existing(*named) if must_exist else named[0]


def absolute(text: str, base: Path | None, where: str) -> Path:
    """Return a path without `~`, `..` and links; relative ones start at `base`, or at the working directory.

    Raises ConfigError beginning with `where`.
    """
    try:
        return ((base or Path()) / Path(text).expanduser()).resolve()
    except OSError as error:
        raise ConfigError(f"{where}: {text}: {error.strerror}") from error
    except RuntimeError as error:  # `~` without a home directory, a loop of links
        raise ConfigError(f"{where}: {text}: {error}") from error


def read_text(path: Path, *, forbidden: int, complaint: str, chmod: str) -> str:
    """Return a file's text with its line ends, unless its mode has a forbidden bit.

    Raises FileNotFoundError when there is none, ConfigError for everything else.
    """
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            mode = stat.S_IMODE(status.st_mode)
            if stat.S_ISREG(status.st_mode) and mode & forbidden:
                raise ConfigError(
                    f"{path}: {complaint} (mode {mode:04o})", hint=f"chmod {chmod} {shlex.quote(str(path))}"
                )
            content = file.read()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        # Without the error behind it: that one holds the file.
        raise ConfigError(f"{path}: not UTF-8 (byte {error.start + 1})") from None


def _named(explicit: str | None, option: str, variable: str, environ: Mapping[str, str]) -> tuple[Path, str] | None:
    if explicit:
        return Path(explicit), option
    if value := environ.get(variable):
        return Path(value), variable
    return None


def _existing(path: Path, source: str) -> Path:
    if trouble := _trouble(path):
        raise ConfigError(f"{path}: {trouble} (named by {source})")
    return path


def _trouble(path: Path) -> str | None:
    try:
        path.stat()
    except OSError as error:
        return error.strerror
    return None


def _user_registry(environ: Mapping[str, str]) -> list[Path]:
    base = environ.get("XDG_CONFIG_HOME", "")
    if not base.startswith("/"):  # the XDG rules: a relative one is to be ignored
        home = environ.get("HOME")
        if not home:
            return []
        base = f"{home}/.config"
    return [Path(base) / "marketctl" / REGISTRY_NAME]
