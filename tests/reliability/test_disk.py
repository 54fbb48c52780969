"""Files and disks fail: one clear line, a fixed exit code, the last good files untouched."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.reliability.redis_faults import live


def in_place(desk, what: str) -> Path:
    """Return the path of one of a provider's files."""
    return {"journal": desk.data / "wallet/BYBIT.changes.jsonl", "lock": desk.data / "state/BYBIT.prices.lock"}.get(
        what
    ) or desk.file(what)


@pytest.mark.parametrize(
    ("what", "job", "stored", "words"),
    [
        ("prices", "prices", ["redis"], "published to Redis, but not mirrored: cannot write"),
        ("wallet", "wallet", [], "cannot read"),
        ("journal", "wallet", [], "cannot append to"),
        ("stats", "stats", [], "cannot write"),
        ("state", "prices", ["redis", "file"], "cannot read"),
    ],
)
def test_folder_in_place_of_a_file(at_desk, clean_redis, what, job, stored, words):
    at_desk.write(clean_redis.url)
    assert at_desk.call("run", "--once", "-p", "BYBIT").code == 0
    wallet = at_desk.file("wallet").read_bytes()
    path = in_place(at_desk, what)
    path.unlink(missing_ok=True)
    path.mkdir()
    hurt = at_desk.call("run", "--once", "-p", "BYBIT")
    result = hurt.results[f"BYBIT {job}"]
    assert (result["status"], result["reason"], result["stored"]) == ("failed", "storage", stored)
    assert result["message"].startswith(words), result["message"]
    assert f"{path}: Is a directory" in result["message"]
    assert result["hint"] == "Move that folder away."
    assert hurt.code == (1 if what == "state" else 3)
    assert len(hurt.lines) == (2 if what == "state" else 1)  # one cause is told once
    if what == "prices":
        assert result["published"] > 0
    if what == "journal":  # a change that could not be told is not taken over: the next run tells it
        assert at_desk.file("wallet").read_bytes() == wallet
    path.rmdir()
    assert at_desk.call("run", "--once", "-p", "BYBIT").code == 0


@pytest.mark.parametrize("what", ["lock", "data"])
def test_lock_that_cannot_be_made_ends_the_run_with_one_line(at_desk, what):
    path = in_place(at_desk, "lock") if what == "lock" else at_desk.data
    if what == "lock":
        path.mkdir(parents=True)
    else:
        path.write_text("a file")
    told = at_desk.call("run", "--once", "-q", as_json=False)
    (line,) = told.lines
    if what == "lock":
        assert told.code == 1
        assert line.startswith(f"marketctl: cannot open the lock {at_desk.data}/state/")
    else:  # what can be decided when the registry is read is decided then
        assert told.code == 4
        assert str(at_desk.data) in line


def test_data_folder_that_vanishes_between_and_in_the_midst_of_runs_is_made_anew(at_desk, sandbox, clean_redis):
    at_desk.write(clean_redis.url)
    assert at_desk.call("run", "--once").code == 0
    shutil.rmtree(at_desk.data)
    assert at_desk.call("run", "--once").code == 0
    api = sandbox.apis["BYBIT"]
    answer, gone = api.answer, []

    def vanish(call: Any) -> Any:
        if not gone:
            gone.append(shutil.rmtree(at_desk.data))
        return answer(call)

    api.answer = vanish
    try:
        told = at_desk.call("run", "--once")
    finally:
        del api.answer
    assert gone
    assert (told.code, told.lines) == (0, [])
    kept = ["cache", "history", "prices", "state", "stats", "wallet"]
    assert sorted(one.name for one in at_desk.data.iterdir()) == kept


def run_apart(desk, *words: str, before: str = "") -> subprocess.CompletedProcess[str]:
    """Run a command line in a process of its own, after some preparation there."""
    code = f"import sys\n{before}\nfrom marketctl.cli import main\nmain(sys.argv[1:])"
    return subprocess.run(
        [sys.executable, "-c", code, "--config", str(desk.path), *words], capture_output=True, text=True, timeout=60
    )


def test_limit_on_file_sizes_keeps_the_last_good_files(at_desk, clean_redis):
    at_desk.write(clean_redis.url)
    assert at_desk.call("run", "--once", "-p", "BYBIT").code == 0
    before = {job: at_desk.file(job).read_bytes() for job in ("wallet", "prices")}
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))"
    told = run_apart(at_desk, "run", "--once", "-p", "BYBIT", "--json", "-q", before=limit)
    results = {one["job"]: one for one in json.loads(told.stdout)["results"]}
    assert told.returncode == 3
    assert {job: results[job]["reason"] for job in ("wallet", "prices")} == {"wallet": "storage", "prices": "storage"}
    assert (results["prices"]["stored"], results["wallet"]["stored"]) == (["redis"], [])
    assert results["prices"]["hint"] == "Raise the limit on file sizes (ulimit -f)."
    assert {job: at_desk.file(job).read_bytes() for job in ("wallet", "prices")} == before
    assert live(clean_redis)[1].decode() != at_desk.head("prices")
    assert len(told.stderr.splitlines()) == 2
    assert not list(at_desk.data.rglob("*.tmp"))


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 256 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k,mode=755", "none", str(folder)]
    if os.geteuid() != 0 or subprocess.run(command, capture_output=True).returncode != 0:
        pytest.skip("a disk of its own needs the right to mount")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


def test_full_disk_keeps_the_last_good_files(at_desk, clean_redis, small_disk):
    at_desk.write(clean_redis.url, data_dir=str(small_disk / "data"))
    assert at_desk.call("run", "--once", "-p", "BYBIT").code == 0
    data = small_disk / "data"
    before = {str(path): path.read_bytes() for path in data.rglob("*.json") if path.parent.name != "state"}
    with suppress(OSError), (small_disk / "ballast").open("wb", buffering=0) as file:
        while True:
            file.write(b"x" * 4096)
    hurt = at_desk.call("run", "--once", "-p", "BYBIT", "-q")
    assert (hurt.code, len(hurt.lines)) == (1, 3)
    for one in hurt.results.values():
        assert (one["reason"], one["hint"]) == ("storage", "Free some space on that disk.")
        assert "No space left on device" in one["message"]
    assert [one["stored"] for one in hurt.results.values()] == [[], ["redis"], []]
    assert {str(path): path.read_bytes() for path in data.rglob("*.json") if path.parent.name != "state"} == before
    assert not list(data.rglob("*.tmp"))
    (small_disk / "ballast").unlink()
    assert at_desk.call("run", "--once", "-p", "BYBIT").code == 0


def test_read_only_disk_is_told_in_one_line(at_desk, clean_redis, small_disk):
    at_desk.write(clean_redis.url, data_dir=str(small_disk / "data"))
    assert at_desk.call("run", "--once", "-p", "BYBIT").code == 0
    quotes = live(clean_redis)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    hurt = at_desk.call("run", "--once", "-p", "BYBIT", "-q", as_json=False)
    assert hurt.code == 1
    assert hurt.lines == [
        f"marketctl: cannot open the lock {small_disk}/data/state/.gate.lock: Read-only file system. "
        "Next: Name a folder that can be written with --data-dir."
    ]
    assert live(clean_redis) == quotes
