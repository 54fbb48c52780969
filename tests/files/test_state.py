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
