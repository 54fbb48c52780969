"""Files: whole or not at all, one record a line, locks that die with their process."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from marketctl.errors import StorageFailed
from marketctl.files.atomic import write_atomic
from marketctl.files.journal import append_journal, read_journal
from marketctl.files.locks import JobLocks
from marketctl.files.memory import Memory
from marketctl.files.snapshots import read_snapshot, write_document, write_snapshot
from marketctl.files.state import read_state, record_state
from marketctl.times import now_ms

AT = 1_767_225_600_000  # 2026-01-01T00:00:00.000Z
HOUR = 3_600_000


def run_python(code: str, *args: object) -> subprocess.Popen[str]:
    """Start a process; it says one line when it is where the test wants it."""
    return subprocess.Popen(
        [sys.executable, "-c", code, *map(str, args)], stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    )


def files(folder: Path) -> list[str]:
    """List a folder without what conftest puts into it."""
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("_"))


# write_atomic -----------------------------------------------------------------------------


def test_write_atomic_replaces_with_ordinary_mode_and_leaves_no_temporary(tmp_path: Path) -> None:
    path = tmp_path / "wallet" / "BYBIT.json"
    before = os.umask(0o027)
    try:
        write_atomic(path, b"old")
        write_atomic(path, b"new")
    finally:
        os.umask(before)
    assert path.read_bytes() == b"new"
    assert path.stat().st_mode & 0o777 == 0o640
    assert files(path.parent) == ["BYBIT.json"]


def test_write_atomic_failing_midway_keeps_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "BYBIT.json"
    write_atomic(path, b"old")

    def full(fd: int) -> None:
        raise OSError(28, "whatever the system calls it")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageFailed) as caught:
        write_atomic(path, b"new")
    assert caught.value.message == f"cannot write {path}: No space left on device"
    assert caught.value.hint == "Free some space on that disk."
    assert path.read_bytes() == b"old"
    assert files(tmp_path) == ["BYBIT.json"]


def test_write_atomic_over_the_file_size_limit_keeps_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "BYBIT.json"
    path.write_bytes(b"old")
    code = """
import resource, sys, pathlib
from marketctl import errors
from marketctl.files.atomic import write_atomic
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    write_atomic(pathlib.Path(sys.argv[1]), b"x" * 5000)
except errors.StorageFailed as error:
    print(error.hint)
"""
    said, _ = run_python(code, path).communicate(timeout=20)
    assert said == "Raise the limit on file sizes (ulimit -f).\n"
    assert path.read_bytes() == b"old"
    assert files(tmp_path) == ["BYBIT.json"]


def test_write_atomic_where_a_folder_stands_names_it(tmp_path: Path) -> None:
    (tmp_path / "BYBIT.json").mkdir()
    with pytest.raises(StorageFailed) as caught:
        write_atomic(tmp_path / "BYBIT.json", b"new")
    assert caught.value.message == f"cannot write {tmp_path / 'BYBIT.json'}: Is a directory"
    assert files(tmp_path) == ["BYBIT.json"]


def test_write_atomic_where_a_file_stands_for_the_folder_names_it(tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(b"")
    with pytest.raises(StorageFailed) as caught:
        write_atomic(tmp_path / "data" / "BYBIT.json", b"new")
    assert caught.value.hint == "Move the file away that stands where a folder is expected."


def test_write_atomic_killed_midway_leaves_the_old_file_and_the_next_cleans_up(tmp_path: Path) -> None:
    path = tmp_path / "BYBIT.json"
    write_atomic(path, b"old")
    code = """
import os, sys, time, pathlib
from marketctl.files.atomic import write_atomic
os.fsync = lambda fd: (print("written", flush=True), time.sleep(60))
write_atomic(pathlib.Path(sys.argv[1]), b"new")
"""
    for _ in range(3):
        with run_python(code, path) as process:
            assert process.stdout is not None
            assert process.stdout.readline() == "written\n"
            process.kill()
        assert path.read_bytes() == b"old"
        assert len(files(tmp_path)) == 2  # the leftovers of the one before are gone already
    write_atomic(path, b"newer")
    assert files(tmp_path) == ["BYBIT.json"]


def test_write_atomic_leaves_temporaries_of_others_alone(tmp_path: Path) -> None:
    running = tmp_path / f".BYBIT.json.{os.getppid()}.00000000.tmp"
    other = tmp_path / ".BYBIT.json.bak.999999999.00000000.tmp"
    old = tmp_path / f".BYBIT.json.{os.getppid()}.11111111.tmp"
    for path in (running, other, old):
        path.write_bytes(b"")
    os.utime(old, (1, 1))
    write_atomic(tmp_path / "BYBIT.json", b"new")
    assert files(tmp_path) == [running.name, other.name, "BYBIT.json"]


# Snapshots --------------------------------------------------------------------------------


def test_snapshot_is_sorted_one_record_a_line_with_a_newline_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "BYBIT.json"
    head = {"schema": 1, "provider": "BYBIT", "collected_at": "2026-01-01T00:00:00.000Z", "skipped": {"b": 1, "a": 2}}
    write_snapshot(path, head, "assets", {"USDT": {"ticker": "USDT", "name": "Тетер"}, "BTC": '{"as": "it is"}'})
    assert path.read_text(encoding="utf-8") == (
        "{\n"
        '  "assets": {\n'
        '    "BTC": {"as": "it is"},\n'
        '    "USDT": {"name": "Тетер", "ticker": "USDT"}\n'
        "  },\n"
        '  "collected_at": "2026-01-01T00:00:00.000Z",\n'
        '  "provider": "BYBIT",\n'
        '  "schema": 1,\n'
        '  "skipped": {"a": 2, "b": 1}\n'
        "}\n"
    )


def test_snapshot_without_records_is_valid(tmp_path: Path) -> None:
    write_snapshot(tmp_path / "X.json", {"schema": 1}, "quotes", {})
    assert (tmp_path / "X.json").read_text() == '{\n  "quotes": {},\n  "schema": 1\n}\n'


@pytest.mark.parametrize("text", ["a\nb", "\x00\x1b[31m", "\x7f\x9b2J", "\u2028\u2029", "\ud800", '"\\', "💰"])
def test_snapshot_hostile_text_stays_one_line_and_reads_back(tmp_path: Path, text: str) -> None:
    path = tmp_path / "BYBIT.json"
    write_snapshot(path, {"schema": 1}, "assets", {text: {"name": text}})
    written = path.read_bytes().decode("utf-8")
    assert len(written.splitlines()) == 6
    assert not any(ord(char) < 32 or 127 <= ord(char) < 160 for char in written.replace("\n", ""))
    assert read_snapshot(path) == {"schema": 1, "assets": {text: {"name": text}}}


def test_read_snapshot_absent_is_none(tmp_path: Path) -> None:
    assert read_snapshot(tmp_path / "BYBIT.json") is None


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"schema": 1', "is not JSON: Expecting ',' delimiter: line 1 column 13 (char 12)"),
        (b"", "is not JSON: Expecting value: line 1 column 1 (char 0)"),
        (b"[]", "has schema 'list', expected 1"),
        (b'{"schema": 2}', "has schema '2', expected 1"),
        (b"{}", "has schema 'None', expected 1"),
    ],
)
def test_read_snapshot_broken_is_told(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "BYBIT.json"
    path.write_bytes(content)
    with pytest.raises(StorageFailed) as caught:
        read_snapshot(path)
    assert caught.value.message == f"{path} {message}"
    assert caught.value.hint == "Move the file away; the next run writes a new one."


def test_document_is_indented_and_sorted(tmp_path: Path) -> None:
    write_document(tmp_path / "X.json", {"stats": {"b": None, "a": 1}, "schema": 1})
    assert (tmp_path / "X.json").read_text() == (
        '{\n  "schema": 1,\n  "stats": {\n    "a": 1,\n    "b": null\n  }\n}\n'
    )


# The journal ------------------------------------------------------------------------------


def test_journal_appends_whole_lines_and_reads_since(tmp_path: Path) -> None:
    path = tmp_path / "wallet" / "BYBIT.changes.jsonl"
    first = {"at": "2026-01-01T00:00:00.000Z", "asset": "BTC", "before": None, "after": True}
    second = {"at": "2026-01-01T01:00:00.000Z", "asset": "ETH", "before": None, "after": True}
    append_journal(path, [first])
    append_journal(path, [])
    append_journal(path, [second])
    assert path.read_text() == (
        '{"after": true, "asset": "BTC", "at": "2026-01-01T00:00:00.000Z", "before": null}\n'
        '{"after": true, "asset": "ETH", "at": "2026-01-01T01:00:00.000Z", "before": null}\n'
    )
    assert read_journal(path) == ([first, second], 0)
    assert read_journal(path, AT + 1) == ([second], 0)


def test_journal_broken_off_line_is_counted_and_gone_with_the_next_append(tmp_path: Path) -> None:
    path = tmp_path / "BYBIT.changes.jsonl"
    entry = {"at": "2026-01-01T00:00:00.000Z"}
    path.write_bytes(b'{"at": "2026-01-01T00:00:00.000Z"}\n{"at": "2026-01-')
    assert read_journal(path) == ([entry], 1)
    append_journal(path, [entry])
    assert path.read_bytes() == b'{"at": "2026-01-01T00:00:00.000Z"}\n' * 2
    assert read_journal(path) == ([entry, entry], 0)


@pytest.mark.parametrize("line", ["[]", "null", "{}", '{"at": 5}', '{"at": "yesterday"}', "\\xff"])
def test_journal_line_of_another_shape_is_broken(tmp_path: Path, line: str) -> None:
    path = tmp_path / "BYBIT.changes.jsonl"
    path.write_text(line + "\n")
    assert read_journal(path) == ([], 1)


def test_journal_failing_midway_takes_its_part_back(tmp_path: Path) -> None:
    path = tmp_path / "BYBIT.changes.jsonl"
    append_journal(path, [{"at": "2026-01-01T00:00:00.000Z"}])
    code = """
import resource, sys, pathlib
from marketctl import errors
from marketctl.files.journal import append_journal
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
try:
    append_journal(pathlib.Path(sys.argv[1]), [{"at": "x" * 500}])
except errors.StorageFailed as error:
    print(error.message)
"""
    said, _ = run_python(code, path).communicate(timeout=20)
    assert said == f"cannot append to {path}: File too large\n"
    assert path.read_text() == '{"at": "2026-01-01T00:00:00.000Z"}\n'


def test_journal_absent_is_empty(tmp_path: Path) -> None:
    assert read_journal(tmp_path / "no.jsonl", 0) == ([], 0)


# State ------------------------------------------------------------------------------------


def test_state_counts_failures_in_a_row_and_a_skip_is_none(tmp_path: Path) -> None:
    def record(at_ms: int, ok: bool | None, reason: str | None, job: str = "prices") -> dict[str, object]:
        record_state(tmp_path, "BYBIT", job, at_ms=at_ms, ok=ok, reason=reason)
        return read_state(tmp_path, "BYBIT")[job]

    assert record(AT, False, "timeout") == {
        "last_attempt": "2026-01-01T00:00:00.000Z", "last_success": None, "failures": 1, "last_reason": "timeout"
    }  # fmt: skip
    assert record(AT, None, "no-credentials")["failures"] == 1
    assert record(AT, False, "network")["failures"] == 2
    assert record(AT, None, "no-credentials", "wallet")["failures"] == 0
    assert record(AT + HOUR, True, None) == {
        "last_attempt": "2026-01-01T01:00:00.000Z",
        "last_success": "2026-01-01T01:00:00.000Z",
        "failures": 0,
        "last_reason": None,
    }
    assert json.loads((tmp_path / "BYBIT.json").read_text()) == {
        "schema": 1,
        "provider": "BYBIT",
        "jobs": {
            "prices": {
                "last_attempt": "2026-01-01T01:00:00.000Z",
                "last_success": "2026-01-01T01:00:00.000Z",
                "failures": 0,
                "last_reason": None,
            },
            "wallet": {
                "last_attempt": "2026-01-01T00:00:00.000Z",
                "last_success": None,
                "failures": 0,
                "last_reason": "no-credentials",
            },
        },
    }


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b'{"jobs": []}', b'{"jobs": {"prices": {"failures": "3"}}}', b"\xff", b"null"]
)
def test_state_corrupt_is_rebuilt(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "BYBIT.json").write_bytes(content)
    assert read_state(tmp_path, "BYBIT") == {}
    record_state(tmp_path, "BYBIT", "prices", at_ms=AT, ok=True, reason=None)
    assert read_state(tmp_path, "BYBIT")["prices"]["last_success"] == "2026-01-01T00:00:00.000Z"


def test_state_of_jobs_ending_in_several_processes_loses_nothing(tmp_path: Path) -> None:
    code = """
import sys, pathlib
from marketctl.files.state import record_state
for i in range(20):
    record_state(pathlib.Path(sys.argv[1]), "BYBIT", sys.argv[2], at_ms=i, ok=False, reason="x")
"""
    running = [run_python(code, tmp_path, job) for job in ("wallet", "prices", "stats", "prices")]
    for process in running:
        process.communicate(timeout=30)
    counted = {job: entry["failures"] for job, entry in read_state(tmp_path, "BYBIT").items()}
    assert counted == {"wallet": 20, "prices": 40, "stats": 20}


@pytest.mark.parametrize("name", ["../../x", "", "a/b", ".hidden", "a\n", "a\x00b"])
def test_names_cannot_leave_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(StorageFailed):
        read_state(tmp_path, name)
    with pytest.raises(StorageFailed):
        Memory(tmp_path, name, "https://x")
    with pytest.raises(StorageFailed):
        JobLocks.acquire(tmp_path, [(name, "prices")])


# Locks ------------------------------------------------------------------------------------

HOLD = """
import sys, time, pathlib
from marketctl.files.locks import JobLocks
jobs = [tuple(text.split(".")) for text in sys.argv[3:]]
with JobLocks.acquire(pathlib.Path(sys.argv[1]), jobs, float(sys.argv[2])) as locks:
    print(len(locks.held), len(locks.busy), flush=True)
    sys.stdin.read()
"""
WANTED = [("BYBIT", "prices"), ("KUCOIN", "prices"), ("KUCOIN", "wallet")]
NAMES = [".".join(job) for job in WANTED]


def test_locks_second_run_sees_all_busy_and_kill_frees_them(tmp_path: Path) -> None:
    with run_python(HOLD, tmp_path, 0, *NAMES) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "3 0\n"
        with JobLocks.acquire(tmp_path, [*WANTED, ("HTX", "prices")]) as locks:
            assert locks.held == {("HTX", "prices")}
            assert locks.busy == set(WANTED)
        process.send_signal(signal.SIGKILL)
    with JobLocks.acquire(tmp_path, WANTED) as locks:
        assert (locks.held, locks.busy) == (set(WANTED), set())
    assert locks.held == set()
    assert "BYBIT.prices.lock" in files(tmp_path)  # the file stays


def test_locks_waiting_run_holds_nothing_meanwhile(tmp_path: Path) -> None:
    with JobLocks.acquire(tmp_path, WANTED[:1]), run_python(HOLD, tmp_path, 20, *NAMES) as process:
        time.sleep(0.3)  # it polls by now
        with JobLocks.acquire(tmp_path, WANTED[1:], 1) as others:
            assert others.held == set(WANTED[1:])
        process.kill()


def test_locks_wait_ends_with_what_is_free(tmp_path: Path) -> None:
    with JobLocks.acquire(tmp_path, WANTED[:1]):
        began = time.monotonic()
        with JobLocks.acquire(tmp_path, WANTED, 0.1) as locks:
            assert 0.1 <= time.monotonic() - began < 1
            assert locks.held == set(WANTED[1:])
            assert locks.busy == set(WANTED[:1])


def test_locks_waiting_run_goes_on_when_the_first_ends(tmp_path: Path) -> None:
    first = JobLocks.acquire(tmp_path, WANTED)
    with run_python(HOLD, tmp_path, 20, *NAMES) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        first.release()
        assert process.stdout.readline() == "3 0\n"
        process.stdin.close()


def test_locks_of_many_simultaneous_runs_are_never_split(tmp_path: Path) -> None:
    processes = [run_python(HOLD, tmp_path, 0, *names) for names in (NAMES, NAMES[::-1]) * 5]
    said = sorted(process.stdout.readline() for process in processes if process.stdout is not None)
    for process in processes:
        process.communicate()
    assert said == ["0 3\n"] * 9 + ["3 0\n"]


def test_locks_are_not_inherited_by_children(tmp_path: Path) -> None:
    code = "print('here', flush=True); input()"
    with JobLocks.acquire(tmp_path, WANTED):
        child = subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, close_fds=False
        )
        assert child.stdout is not None
        assert child.stdout.readline() == b"here\n"
    with JobLocks.acquire(tmp_path, WANTED) as locks:
        busy = locks.busy
    child.communicate(b"\n")
    assert busy == set()


# Caches -----------------------------------------------------------------------------------


def test_memory_returns_the_value_and_its_time(tmp_path: Path) -> None:
    memory = Memory(tmp_path, "BYBIT", "https://api.bybit.com")
    at_ms = now_ms() - 5000
    memory.put("pairs", [["BTCUSDT", "BTC", "USDT"]], at_ms)
    assert memory.get("pairs", 60) == ([["BTCUSDT", "BTC", "USDT"]], at_ms)
    assert files(tmp_path) == ["BYBIT.pairs.json"]


def test_memory_misses_old_future_and_of_another_server(tmp_path: Path) -> None:
    memory = Memory(tmp_path, "BYBIT", "https://api.bybit.com")
    assert memory.get("pairs", 60) is None
    memory.put("pairs", 1, now_ms() - 61_000)
    assert memory.get("pairs", 60) is None
    memory.put("pairs", 1, now_ms() + 5000)  # the clock was set back since
    assert memory.get("pairs", 60) is None
    memory.put("pairs", 1)
    assert memory.get("pairs", 60) is not None
    assert Memory(tmp_path, "BYBIT", "http://127.0.0.1:1").get("pairs", 60) is None


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b"\xff", b'{"value": 1, "at_ms": "now", "base_url": "x"}'])
def test_memory_unreadable_is_a_miss(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "BYBIT.pairs.json").write_bytes(content)
    assert Memory(tmp_path, "BYBIT", "x").get("pairs", 60) is None


def test_memory_read_only_keeps_what_is_put_to_itself(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "cache", "BYBIT", "x", read_only=True)
    memory.put("pairs", [("BTCUSDT", "BTC")], 1)
    assert memory.get("pairs", 60) is None
    memory.put("pairs", [("BTCUSDT", "BTC")], at_ms := now_ms())
    assert memory.get("pairs", 60) == ([["BTCUSDT", "BTC"]], at_ms)
    assert files(tmp_path) == []


def test_memory_read_only_or_on_a_bad_disk_stores_nothing(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    Memory(tmp_path / "cache", "BYBIT", "x", read_only=True).put("pairs", 1)
    assert files(tmp_path) == []
    (tmp_path / "cache").write_bytes(b"")
    Memory(tmp_path / "cache", "BYBIT", "x").put("pairs", 1)
    assert caplog.messages == [
        f"BYBIT: not remembered: cannot write {tmp_path / 'cache/BYBIT.pairs.json'}: File exists"
    ]
