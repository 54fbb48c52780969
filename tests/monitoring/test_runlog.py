"""The run log: whole lines, one file or the next, whoever writes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from marketctl.errors import StorageFailed
from marketctl.jobs.result import Result
from marketctl.monitoring.runlog import append, log_results
from marketctl.redact import protect


def numbers(path: Path) -> list[int]:
    return [json.loads(line)["n"] for line in path.read_text().splitlines()]


@pytest.mark.made_up
def test_full_log_is_turned_over_and_the_oldest_goes(tmp_path):
    path = tmp_path / "logs/runs.jsonl"
    for number in range(8):
        append(path, [{"n": number}], max_bytes=20, keep=2)  # two lines of 9 bytes fit
    assert {one.name: numbers(one) for one in path.parent.glob("runs.*")} == {
        "runs.jsonl": [6, 7],
        "runs.jsonl.1": [4, 5],
        "runs.jsonl.2": [2, 3],
    }


@pytest.mark.made_up
def test_lines_that_come_together_stay_together(tmp_path):
    path = tmp_path / "runs.jsonl"
    append(path, [{"n": 0}], max_bytes=20, keep=3)
    append(path, [{"n": number} for number in range(1, 6)], max_bytes=20, keep=3)
    append(path, [], max_bytes=20, keep=3)
    assert (numbers(path), numbers(tmp_path / "runs.jsonl.1")) == ([1, 2, 3, 4, 5], [0])


@pytest.mark.made_up
def test_gap_a_crash_left_is_filled_and_nothing_lost(tmp_path):
    path = tmp_path / "runs.jsonl"
    path.write_text('{"n": 1}\n')
    (tmp_path / "runs.jsonl.2").write_text('{"n": 0}\n')
    append(path, [{"n": 2}], max_bytes=9, keep=3)
    assert [numbers(tmp_path / name) for name in ("runs.jsonl", "runs.jsonl.1", "runs.jsonl.3")] == [[2], [1], [0]]


@pytest.mark.made_up
def test_what_is_no_regular_file_is_written_into(tmp_path):
    append(Path("/dev/null"), [{"n": 1}], max_bytes=1, keep=1)
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(StorageFailed, match=r"^cannot append to .*pipe: No such device or address$"):
        append(pipe, [{"n": 1}], max_bytes=1, keep=1)  # nobody reads, and nobody is held up
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    try:
        append(pipe, [{"n": 1}, {"n": 2}], max_bytes=1, keep=1)
        assert os.read(reader, 100) == b'{"n": 1}\n{"n": 2}\n'
    finally:
        os.close(reader)
    assert [one.name for one in tmp_path.glob("*pipe*")] == ["pipe"]


WRITER = """
import sys
from pathlib import Path
from marketctl.monitoring.runlog import append
for number in range(60):
    append(Path(sys.argv[1]), [{"n": number, "who": sys.argv[2], "pad": "x" * 100}], 3000, 100)
"""


def test_several_processes_lose_no_line(tmp_path):
    path = tmp_path / "runs.jsonl"
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(path), who]) for who in "abc"]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    files = list(tmp_path.glob("runs.jsonl*"))
    lines = [json.loads(line) for one in files for line in one.read_text().splitlines()]
    assert sorted((line["who"], line["n"]) for line in lines) == [(who, n) for who in "abc" for n in range(60)]
    assert len(files) > 5
    assert all(one.stat().st_size <= 3000 for one in files)


class FakeSettings:
    run_log_max_mb, run_log_keep = 1, 1


class FakeRun:
    run_id = "19700101T000000000Z-00000a"
    settings = FakeSettings()


def test_line_is_the_result_of_json_with_run_and_time_and_without_secrets(tmp_path, monkeypatch):
    monkeypatch.setattr("marketctl.monitoring.runlog.now_ms", lambda: 0)
    FakeSettings.run_log = tmp_path / "runs.jsonl"
    protect(["hush-hush"])
    result = Result("BYBIT", "prices", "ok", message="it said hush-hush", counts={"quotes": 5})
    log_results(FakeRun(), "run", [result])
    assert json.loads(FakeSettings.run_log.read_text()) == result.to_dict() | {
        "at": "1970-01-01T00:00:00.000Z",
        "run_id": "19700101T000000000Z-00000a",
        "command": "run",
        "message": "it said ***",
    }
    FakeSettings.run_log = tmp_path / "runs.jsonl/x"
    with pytest.raises(StorageFailed):
        log_results(FakeRun(), "run", [result])
