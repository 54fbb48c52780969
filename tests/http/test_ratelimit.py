"""The shared budget: kept over processes, and never poisoned by an old or foreign file."""

import errno
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from marketctl.errors import StorageFailed
from marketctl.files.machine import machine_dir
from marketctl.http.ratelimit import Pace


@pytest.fixture
def clock(monkeypatch):
    """Hold the monotonic clock at 1000 s; tests move it."""
    now = [1000.0]
    monkeypatch.setattr("marketctl.http.ratelimit.time.monotonic", lambda: now[0])
    return now


@pytest.fixture
def pace(tmp_path):
    return Pace(tmp_path / "X.pace", 10.0, 3.0)


def test_a_burst_is_free_and_then_each_waits_for_its_turn(pace, clock):
    assert [round(pace.reserve(), 6) for _ in range(6)] == [0, 0, 0, 0.1, 0.2, 0.3]


def test_weights_count_as_so_many(pace, clock):
    assert [round(pace.reserve(weight), 6) for weight in (2, 2, 5)] == [0, 0.1, 0.6]


def test_the_budget_is_whole_again_after_a_while(pace, clock):
    for _ in range(3):
        pace.reserve()
    clock[0] += 0.3
    assert [round(pace.reserve(), 6) for _ in range(4)] == [0, 0, 0, 0.1]


def test_idle_time_saves_up_no_more_than_the_burst(pace, clock):
    pace.reserve()
    clock[0] += 10_000
    assert [round(pace.reserve(), 6) for _ in range(4)] == [0, 0, 0, 0.1]


def test_a_wait_that_is_too_long_takes_nothing(pace, clock):
    for _ in range(3):
        pace.reserve()
    assert [round(pace.reserve(5, 0.4), 6) for _ in range(100)] == [0.5] * 100
    assert round(pace.reserve(), 6) == 0.1


def test_two_providers_have_budgets_of_their_own(tmp_path, clock):
    one, other = Pace(tmp_path / "A.pace", 1, 1), Pace(tmp_path / "B.pace", 1, 1)
    assert (one.reserve(), one.reserve(), other.reserve()) == (0, 1, 0)


@pytest.mark.parametrize(
    "content",
    ["999999.5", "1e300", "inf", "-inf", "nan", "-5", "", "no number", "\x00" * 40, "9" * 300],
    ids=lambda text: ascii(text)[:16],
)
def test_a_time_from_before_the_last_boot_or_nonsense_is_no_debt(pace, clock, content):
    pace.path.write_text(content)
    assert [round(pace.reserve(), 6) for _ in range(4)] == [0, 0, 0, 0.1]


def test_a_time_long_past_is_a_whole_budget(pace, clock):
    pace.path.write_text("0.5")
    assert pace.reserve() == 0


def test_the_file_is_private_and_short(pace, clock):
    for _ in range(50):
        pace.reserve()
    assert pace.path.stat().st_mode & 0o777 == 0o600
    assert pace.path.read_text() == "1005.000000"


def test_a_folder_that_was_removed_meanwhile_is_told_as_that(tmp_path):
    with pytest.raises(StorageFailed) as error:
        Pace(tmp_path / "gone" / "X.pace", 1, 1).reserve()
    assert error.value.message == f"{tmp_path}/gone/X.pace: No such file or directory"
    assert error.value.hint == "try again: its folder was removed meanwhile, each job makes it anew"


def test_a_folder_in_its_place_is_told(tmp_path):
    (tmp_path / "X.pace").mkdir()
    with pytest.raises(StorageFailed) as error:
        Pace(tmp_path / "X.pace", 1, 1).reserve()
    assert error.value.message == f"{tmp_path}/X.pace: Is a directory"
    assert error.value.hint == f"remove it: rm {tmp_path}/X.pace"


def test_a_full_disk_is_told(pace, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("marketctl.http.ratelimit.os.pwrite", full)
    with pytest.raises(StorageFailed, match=r"X\.pace: No space left on device$"):
        pace.reserve()


TAKE = """
import sys
from pathlib import Path
from marketctl.http.ratelimit import Pace
pace = Pace(Path(sys.argv[1]), 10.0, 5.0)
sys.stdin.readline()
print(*[pace.reserve() for _ in range(20)])
"""


def test_processes_share_one_budget(tmp_path):
    path = tmp_path / "X.pace"
    programs = [
        subprocess.Popen(
            [sys.executable, "-c", TAKE, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(2)
    ]
    started = time.monotonic()
    for program in programs:
        program.stdin.write("go\n")
        program.stdin.flush()
    waits = sorted(float(wait) for program in programs for wait in program.communicate()[0].split())
    took = time.monotonic() - started
    assert [program.returncode for program in programs] == [0, 0]
    # 40 units at 10 a second with a burst of 5: the last may go 3.5 s after the start, not 1.5 s as with budgets apart.
    assert 3.5 - took <= waits[-1] <= 3.5
    assert waits.count(0.0) >= 5
    assert len(set(waits)) >= 35


def test_machine_dir_is_private_and_found_again(tmp_path):
    path = machine_dir()
    assert path == Path(os.environ["TMPDIR"]) / f"marketctl-{os.getuid()}"
    assert path.stat().st_mode & 0o777 == 0o700
    assert machine_dir() == path


def test_machine_dir_refuses_a_folder_others_can_open():
    path = machine_dir()
    path.chmod(0o755)
    with pytest.raises(StorageFailed) as error:
        machine_dir()
    assert error.value.message == f"{path} is not a private folder of this user"
    assert error.value.hint == f"remove it: rm -r {path}"


def test_machine_dir_refuses_a_link(tmp_path):
    target = tmp_path / "elsewhere"
    target.mkdir(mode=0o700)
    path = Path(os.environ["TMPDIR"]) / f"marketctl-{os.getuid()}"
    path.symlink_to(target)
    with pytest.raises(StorageFailed, match=r"is not a private folder of this user$"):
        machine_dir()


def test_machine_dir_refuses_the_folder_of_another_user(monkeypatch):
    path = machine_dir()
    monkeypatch.setattr("marketctl.files.machine.os.getuid", lambda: 12345)
    path.rename(path.with_name("marketctl-12345"))
    with pytest.raises(StorageFailed, match=r"is not a private folder of this user$"):
        machine_dir()


def test_machine_dir_refuses_a_file_and_a_place_that_cannot_be_written():
    path = Path(os.environ["TMPDIR"]) / f"marketctl-{os.getuid()}"
    path.write_text("")
    with pytest.raises(StorageFailed) as error:
        machine_dir()
    assert error.value.message == f"{path} is not a private folder of this user"


@pytest.mark.parametrize(
    ("number", "hint"),
    [
        (errno.ENOSPC, "free some space on that disk, or set TMPDIR to another folder"),
        (errno.EFBIG, "raise the limit on file sizes (ulimit -f)"),
        (errno.EIO, "set TMPDIR to another folder"),
    ],
)
def test_a_budget_that_cannot_be_kept_says_what_to_do(tmp_path, monkeypatch, number, hint):
    def refuse(*_):
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("marketctl.http.ratelimit.os.pwrite", refuse)
    with pytest.raises(StorageFailed) as caught:
        Pace(tmp_path / "x.pace", 5, 10).delay(1)
    assert (caught.value.message, caught.value.hint) == (f"{tmp_path / 'x.pace'}: {os.strerror(number)}", hint)
