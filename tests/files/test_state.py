"""States of jobs, and names that cannot leave their folder."""

import json
from pathlib import Path

import pytest

from marketctl.errors import StorageFailed
from marketctl.files.locks import JobLocks
from marketctl.files.memory import Memory
from marketctl.files.state import read_state, record_state
from tests.files.python import run_python

AT = 1_767_225_600_000  # 2026-01-01T00:00:00.000Z
HOUR = 3_600_000


def test_state_counts_failures_in_a_row_and_a_skip_is_none(tmp_path: Path) -> None:
    def record(at_ms: int, ok: bool | None, reason: str | None, job: str = "prices") -> dict[str, object]:
        record_state(tmp_path, "BYBIT", job, at_ms=at_ms, ok=ok, reason=reason)
        return read_state(tmp_path, "BYBIT", job)

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


NOT_JSON = "it is not JSON, so how its jobs ended is not known"
NO_TABLE = "it has no table of jobs, so how they ended is not known"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", NOT_JSON),
        (b"{", NOT_JSON),
        (b"\xff", NOT_JSON),
        (b"[" * 100_000, NOT_JSON),
        (b"[]", NO_TABLE),
        (b"null", NO_TABLE),
        (b'{"jobs": []}', NO_TABLE),
    ],
)
def test_a_file_of_another_kind_is_told_and_written_anew(tmp_path: Path, content: bytes, words: str) -> None:
    path = tmp_path / "BYBIT.json"
    path.write_bytes(content)
    for job in ("prices", "wallet"):
        with pytest.raises(StorageFailed) as caught:
            read_state(tmp_path, "BYBIT", job)
        assert (caught.value.message, caught.value.hint) == (f"{path}: {words}", "marketctl run --once -p BYBIT")
    told = record_state(tmp_path, "BYBIT", "prices", at_ms=AT, ok=True, reason=None)
    assert told is not None
    assert told.message == f"{path}: {words}; it is written anew"
    assert read_state(tmp_path, "BYBIT", "prices")["last_success"] == "2026-01-01T00:00:00.000Z"
    # How the others ended is no better known than before, and told once.
    with pytest.raises(StorageFailed, match=r"how its wallet ended is not known, it was no state$"):
        read_state(tmp_path, "BYBIT", "wallet")
    assert record_state(tmp_path, "BYBIT", "wallet", at_ms=AT, ok=False, reason="network") is None
    assert read_state(tmp_path, "BYBIT", "wallet")["failures"] == 1


GOOD = {"last_attempt": None, "last_success": "2026-01-01T00:00:00.000Z", "failures": 2, "last_reason": "network"}


@pytest.mark.parametrize(
    "entry",
    [
        5,
        [],
        {},
        GOOD | {"failures": "3"},
        GOOD | {"failures": -1},
        GOOD | {"failures": True},
        GOOD | {"failures": float("nan")},
        GOOD | {"last_success": "yesterday"},
        GOOD | {"last_attempt": 1},
        GOOD | {"last_reason": []},
        GOOD | {"crossed": "x"},
    ],
)
def test_an_entry_that_is_no_state_costs_its_own_job_alone(tmp_path: Path, entry: object) -> None:
    path = tmp_path / "BYBIT.json"
    path.write_text(json.dumps({"schema": 1, "provider": "BYBIT", "jobs": {"wallet": GOOD, "prices": entry}}))
    words = "what it says of prices is no state, so how that ended is not known"
    assert (read_state(tmp_path, "BYBIT", "wallet"), read_state(tmp_path, "BYBIT", "stats")) == (GOOD, {})
    with pytest.raises(StorageFailed, match=f"^{path}: {words}$"):
        read_state(tmp_path, "BYBIT", "prices")
    told = record_state(tmp_path, "BYBIT", "wallet", at_ms=AT, ok=False, reason="network")
    assert told is not None
    assert told.message == f"{path}: {words}; it is written anew"
    assert read_state(tmp_path, "BYBIT", "wallet")["failures"] == 3
    assert json.loads(path.read_text())["jobs"]["prices"] is None


def test_what_this_process_wrote_is_read_from_the_disk_when_another_wrote_since(tmp_path: Path) -> None:
    record_state(tmp_path, "BYBIT", "prices", at_ms=AT, ok=False, reason="network")
    assert read_state(tmp_path, "BYBIT", "prices")["failures"] == 1
    read_state(tmp_path, "BYBIT", "prices")["failures"] = 7  # what was lent is the reader's own
    assert read_state(tmp_path, "BYBIT", "prices")["failures"] == 1
    code = """
import sys, pathlib
from marketctl.files.state import record_state
record_state(pathlib.Path(sys.argv[1]), "BYBIT", "prices", at_ms=0, ok=False, reason="timeout")
"""
    run_python(code, tmp_path).communicate(timeout=30)
    assert read_state(tmp_path, "BYBIT", "prices")["failures"] == 2
    (tmp_path / "BYBIT.json").unlink()
    assert read_state(tmp_path, "BYBIT", "prices") == {}


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
    counted = {job: read_state(tmp_path, "BYBIT", job)["failures"] for job in ("wallet", "prices", "stats")}
    assert counted == {"wallet": 20, "prices": 40, "stats": 20}


@pytest.mark.parametrize("name", ["../../x", "", "a/b", ".hidden", "a\n", "a\x00b"])
def test_names_cannot_leave_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(StorageFailed):
        read_state(tmp_path, name, "prices")
    with pytest.raises(StorageFailed):
        Memory(tmp_path, name, "https://x")
    with pytest.raises(StorageFailed):
        JobLocks.acquire(tmp_path, [(name, "prices")])
