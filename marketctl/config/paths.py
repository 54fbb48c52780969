"""Where the user's files live, and how they are read and replaced.

The registry: `--config` › MARKETCTL_CONFIG › ./providers.toml › $XDG_CONFIG_HOME/marketctl/providers.toml.
The credentials: `--credentials` › MARKETCTL_CREDENTIALS › beside the registry.
An empty environment variable counts as unset; without HOME and XDG_CONFIG_HOME that step is left out.
"""

import errno
import os
import shlex
import stat
from collections.abc import Mapping
from pathlib import Path

from marketctl.errors import ConfigError
from marketctl.files.look import read_named
from marketctl.text import printable

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
        return _existing(*named, "marketctl --config {} init")
    places = [Path(REGISTRY_NAME), *_user_registry(environ)]
    for place in places:
        if _trouble(place) is None:
            return place
    looked = ", ".join(f"./{place}" if place == places[0] else str(place) for place in places)
    raise ConfigError(
        f"no {REGISTRY_NAME}: --config and {CONFIG_VARIABLE} are not set, looked at {looked}", hint="marketctl init"
    )


def registry_to_create(explicit: str | None = None, environ: Mapping[str, str] = os.environ) -> Path:
    """Return where a new registry belongs: `--config` › MARKETCTL_CONFIG › the user's, if there is one › here."""
    if named := _named(explicit, "--config", CONFIG_VARIABLE, environ):
        return named[0]
    here = Path(REGISTRY_NAME)
    users = [place for place in _user_registry(environ) if _trouble(place) is None]
    return users[0] if users and _trouble(here) is not None else here


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
    return _existing(*named, "marketctl --credentials {} credentials set PROVIDER") if must_exist else named[0]


def absolute(text: str, base: Path | None, where: str) -> Path:
    """Return a path without `~`, `..` and links; relative ones start at `base`, or at the working directory.

    Raises ConfigError beginning with `where`.
    """
    if "\0" in text:
        raise ConfigError(f"{where}: {printable(text)}: no path has a NUL in it")
    try:
        return ((base or Path()) / Path(text).expanduser()).resolve()
    except OSError as error:
        raise ConfigError(f"{where}: {text}: {error.strerror}") from error
    except RuntimeError as error:  # `~` without a home directory, a loop of links
        raise ConfigError(f"{where}: {printable(text)}: {error}") from error


def folder(text: str, base: Path | None, where: str) -> Path:
    """Return `absolute` of what is a folder, or can be made one. Raises ConfigError where a file is in the way."""
    path = absolute(text, base, where)
    there = next((place for place in (path, *path.parents) if _is_there(place)), path)
    if _is_there(there) and not there.is_dir():
        raise ConfigError(f"{where}: {there} is a file, expected a folder")
    return path


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # no right to look: whoever uses it says so
        return False


def read_text(path: Path, *, forbidden: int, complaint: str, chmod: str, instead: str | None = None) -> str:
    """Return a file's text with its line ends, unless its mode has a forbidden bit.

    `instead` says what to do where the mode cannot be changed: a read-only mount, a file of another user. A file that
    nobody may write looks like a mounted secret: both ways are told.
    Raises FileNotFoundError when there is none, ConfigError for everything else.
    """
    try:
        status, content = read_named(path)
    except FileNotFoundError:
        raise
    except OSError as error:
        why = error.strerror or error
        raise ConfigError(f"{path}: cannot be read: {why}", hint=_readable(path, error)) from error
    mode = stat.S_IMODE(status.st_mode)
    if stat.S_ISREG(status.st_mode) and mode & forbidden:
        advice = f"chmod {chmod} {shlex.quote(str(path))}"
        if read_only(path) or os.geteuid() not in (0, status.st_uid):
            advice = instead or f"mount it with another mode: {advice}"
        elif instead and not mode & 0o222:
            advice += f"; where that cannot be done, {instead}"
        raise ConfigError(f"{path}: {complaint} (mode {mode:04o})", hint=advice)
    if encoding := next((name for mark, name in MARKS.items() if content.startswith(mark)), None):
        raise ConfigError(f"{path}: found {encoding}, expected plain UTF-8", hint="save it as UTF-8 without a BOM")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        # Without the error behind it: that one holds the file.
        hint = "save it as UTF-8: it looks like CP1251" if _looks_cyrillic(content) else None
        raise ConfigError(f"{path}: not UTF-8 (byte {error.start + 1})", hint=hint) from None


def _readable(path: Path, error: OSError) -> str:
    """Say what to do about a file that is there and cannot be read."""
    if error.errno == errno.EISDIR:
        return "name a file, not a folder"
    if error.errno in (errno.EACCES, errno.EPERM):
        return f"run marketctl as the user it belongs to: ls -l {shlex.quote(str(path))}"
    return f"check what it is: ls -l {shlex.quote(str(path))}"


WHY = "and it names code to import"

MARKS = {
    b"\xef\xbb\xbf": "a BOM (byte order mark) at the beginning",
    b"\xff\xfe": "UTF-16",
    b"\xfe\xff": "UTF-16",
}


def _looks_cyrillic(content: bytes) -> bool:
    """Tell whether most of what is not ASCII would be letters in CP1251."""
    far = [byte for byte in content if byte > 0x7F]
    return len(far) > 3 and sum(byte >= 0xC0 or byte in (0xA8, 0xB8) for byte in far) * 4 > len(far) * 3


def read_only(path: Path) -> bool:
    """Tell whether a file is on a mount that nobody can write."""
    try:
        return bool(os.statvfs(path).f_flag & os.ST_RDONLY)
    except OSError:
        return False


def refuse_foreign(path: Path) -> None:
    """Refuse a file that somebody else may change: it and its folder are this user's or root's, and only theirs.

    Raises ConfigError.
    """
    for place in dict.fromkeys((path, path.resolve(), path.parent, path.resolve().parent)):
        try:
            found = place.stat()
        except OSError:  # told by what reads it
            continue
        what = "" if place in (path, path.resolve()) else "its folder "
        quoted = shlex.quote(str(place))
        if not (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)) or read_only(place):
            continue
        if found.st_uid not in (0, os.geteuid()):
            raise ConfigError(
                f"{path}: {what}belongs to another user (uid {found.st_uid}), {WHY}",
                hint=f"run marketctl as that user, or: chown {os.geteuid()} {quoted}",
            )
        # In a folder with the sticky bit nobody replaces the file of another one.
        loose = found.st_mode & 0o022
        if loose & 0o020 and _has_private_group(found):
            loose &= ~0o020
        if loose and not (stat.S_ISDIR(found.st_mode) and found.st_mode & stat.S_ISVTX):
            who, bit = ("everybody", "o-w") if loose & 0o002 else ("its group", "g-w")
            raise ConfigError(
                f"{path}: {who} can write {what.strip() or 'it'}, {WHY} (mode {stat.S_IMODE(found.st_mode):04o})",
                hint=f"chmod {bit} {quoted}",
            )


def _has_private_group(found: os.stat_result) -> bool:
    """Tell whether a file's group is its owner's alone: Debian and Fedora give each user one, and umask 002 with it."""
    import grp
    import pwd

    try:
        owner, group = pwd.getpwuid(found.st_uid), grp.getgrgid(found.st_gid)
    except KeyError:
        return False
    if (owner.pw_gid, owner.pw_name) != (group.gr_gid, group.gr_name) or set(group.gr_mem) - {owner.pw_name}:
        return False
    return all(user.pw_uid == owner.pw_uid for user in pwd.getpwall() if user.pw_gid == group.gr_gid)


def _named(explicit: str | None, option: str, variable: str, environ: Mapping[str, str]) -> tuple[Path, str] | None:
    if explicit:
        return Path(explicit), option
    if value := variable_of(environ, variable):
        return Path(value), variable
    return None


def variable_of(environ: Mapping[str, str], variable: str) -> str:
    """Return what a variable says, "" where it is not set; a file of lines may have left CR or blanks at its ends."""
    return environ.get(variable, "").strip()


def _existing(path: Path, source: str, to_make: str) -> Path:
    if trouble := _trouble(path):
        hint = to_make.format(shlex.quote(str(path)))
        raise ConfigError(f"{path}: {trouble} (named by {source})", hint=hint)
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
