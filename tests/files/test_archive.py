"""Day files of quotes: members that tell where they begin, torn ends, kills, days that go."""

import gzip
import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from marketctl.errors import StorageFailed
from marketctl.files import archive
from marketctl.files.archive import Archive, Member, archive_path, begins_ms, days, last_member, members, read_members
from marketctl.times import from_iso

pytestmark = pytest.mark.made_up  # of the lines only their bytes count

T0 = from_iso("2026-11-26T10:00:00Z")
DAY_MS = 86_400_000
KILLS = int(os.environ.get("ARCHIVE_KILLS", "12"))


def add(folder, at_ms, *lines, keep_days=30):
    """Append and return whether every pair was wanted."""
    one = Archive(folder, "BYBIT", at_ms, keep_days)
    one.append(lines or (f'{{"at":{at_ms}}}',))
    return one.whole


def lines_of(path):
    return gzip.decompress(path.read_bytes()).decode().splitlines()


@pytest.fixture
def path(tmp_path):
    return archive_path(tmp_path, "BYBIT", "2026-11-26")


@pytest.fixture(params=[True, False], ids=["one process", "a process each"])
def forgetful(request, monkeypatch):
    """With and without what the process remembers of the file's end."""
    if not request.param:
        monkeypatch.setattr(archive, "_ends", type("Nothing", (dict,), {"__setitem__": lambda *_: None})())


def test_any_gzip_reader_reads_it(tmp_path, path, forgetful):
    assert add(tmp_path, T0, '{"a":1}', '{"b":"ю"}')
    assert not add(tmp_path, T0 + 1000, '{"c":3}')
    assert lines_of(path) == ['{"a":1}', '{"b":"ю"}', '{"c":3}']
    assert subprocess.run(["gzip", "-t", path], check=False).returncode == 0
    first, second = members(path)
    assert (first.start, second.end, first.end) == (0, path.stat().st_size, second.start)
    assert [(one.at_ms, one.whole_ms) for one in (first, second)] == [(T0, T0), (T0 + 1000, T0)]
    assert last_member(path) == second


def test_every_pair_is_wanted_first_on_a_day_and_once_an_hour(tmp_path, forgetful):
    steps = [0, 10_000, 3_599_000, 3_600_000, 3_610_000, DAY_MS - 10 * 3_600_000 - 1, DAY_MS - 10 * 3_600_000]
    assert [add(tmp_path, T0 + step) for step in steps] == [True, False, False, True, False, True, True]
    assert days(tmp_path) == ["2026-11-26", "2026-11-27"]
    assert begins_ms(tmp_path, "BYBIT") == T0
    assert begins_ms(tmp_path, "KUCOIN") is None


@pytest.mark.parametrize("cut", [1, 9, 30, 60])
def test_a_torn_end_is_left_out_and_goes_with_the_next_append(tmp_path, path, forgetful, cut):
    add(tmp_path, T0, '{"a":1}')
    add(tmp_path, T0 + 1, '{"b":2}', *(f'{{"c":{number}}}' for number in range(50)))
    whole = path.stat().st_size
    os.truncate(path, whole - cut)
    assert [text for _, text in read_members(path, members(path))] == [b'{"a":1}\n']
    assert last_member(path).at_ms == T0
    add(tmp_path, T0 + 2, '{"d":4}')
    assert lines_of(path) == ['{"a":1}', '{"d":4}']


@pytest.mark.parametrize("rest", [b"", b"no gzip at all", b"\x1f\x8b\x08\x08\x00"])
def test_a_file_without_a_member_begins_anew(tmp_path, path, rest):
    path.parent.mkdir(parents=True)
    path.write_bytes(rest)
    assert add(tmp_path, T0, '{"a":1}')
    assert lines_of(path) == ['{"a":1}']


def test_only_what_a_crash_cut_is_cut_off(tmp_path, path, forgetful):
    """Bytes that came from elsewhere, with members behind them that no longer stand where they say, stay."""
    for number in range(4):
        add(tmp_path, T0 + number, f'{{"n":{number}}}')
    found, data = members(path), path.read_bytes()
    path.write_bytes(data[: found[1].start] + bytes(4096) + data[found[1].start :])
    archive._ends.clear()
    add(tmp_path, T0 + 9, '{"n":9}')
    assert path.read_bytes()[: len(data) + 4096].endswith(data[found[1].start :])
    broken: list[Member] = []
    assert [text for _, text in read_members(path, members(path), broken)] == [b'{"n":0}\n', b'{"n":9}\n']
    assert len(broken) == 1


def test_another_process_between_two_appends_loses_nothing(tmp_path, path):
    one = Archive(tmp_path, "BYBIT", T0, 30)
    code = f"from marketctl.files.archive import Archive; from pathlib import Path; Archive(Path({str(tmp_path)!r}), "
    code += f"'BYBIT', {T0}, 30).append(['[1]'])"
    subprocess.run([sys.executable, "-c", code], check=True)
    one.append(["[2]"])
    assert lines_of(path) == ["[1]", "[2]"]


def test_a_day_that_somebody_removes_between_look_and_append_is_made_again(tmp_path, path):
    add(tmp_path, T0)
    one = Archive(tmp_path, "BYBIT", T0 + 1000, 30)
    path.unlink()
    path.parent.rmdir()
    one.append(["[2]"])
    assert lines_of(path) == ["[2]"]


def test_old_days_go_and_what_is_not_ours_stays(tmp_path):
    for day in range(4):
        add(tmp_path, T0 + day * DAY_MS, keep_days=2)
    assert days(tmp_path) == ["2026-11-27", "2026-11-28", "2026-11-29"]
    (tmp_path / "history" / "2026-11-27" / "notes.txt").write_text("mine")
    (tmp_path / "history" / "by-hand").mkdir()
    add(tmp_path, T0 + 9 * DAY_MS, keep_days=2)
    assert days(tmp_path) == ["2026-11-27", "2026-12-05"]
    assert [one.name for one in (tmp_path / "history" / "2026-11-27").iterdir()] == ["notes.txt"]


def test_a_day_that_cannot_be_removed_is_not_told_as_forgotten(tmp_path, forgetful):
    (tmp_path / "history" / "2026-11-01" / "MEXC.jsonl.gz").mkdir(parents=True)  # a folder: it cannot be unlinked
    Archive(tmp_path, "BYBIT", T0, 30, 1).append(["[1]"])
    assert Archive(tmp_path, "BYBIT", T0 + DAY_MS, 30, 1).append(["[2]"]) == ["2026-11-26"]
    assert days(tmp_path) == ["2026-11-01", "2026-11-27"]


def test_beyond_its_size_the_oldest_days_go_first_and_the_present_one_stays(tmp_path, forgetful):
    def step(at_ms, max_bytes, size):
        one = Archive(tmp_path, "BYBIT", at_ms, 30, max_bytes)
        return one.append([json.dumps(random.Random(at_ms).randbytes(size // 2).hex())])

    assert [step(T0 + day * DAY_MS, 50_000, 10_000) for day in range(3)] == [[], [], []]
    (tmp_path / "history" / "2026-11-26" / "notes.txt").write_text("x" * 100_000)  # not ours: neither counts nor goes
    assert step(T0 + 2 * DAY_MS + 1000, 1, 10_000) == []  # between two whole sets nobody looks
    assert step(T0 + 3 * DAY_MS, 20_000, 10_000) == ["2026-11-26", "2026-11-27"]
    assert days(tmp_path) == ["2026-11-26", "2026-11-28", "2026-11-29"]
    assert begins_ms(tmp_path, "BYBIT") == T0 + 2 * DAY_MS
    assert step(T0 + 3 * DAY_MS + 3_600_000, 1, 10_000) == ["2026-11-28"]
    assert days(tmp_path) == ["2026-11-26", "2026-11-29"]
    assert step(T0 + 3 * DAY_MS + 2 * 3_600_000, 1, 10_000) == []  # told once


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path, path):
    path.parent.parent.mkdir(parents=True)
    path.parent.write_text("in the way")
    with pytest.raises(StorageFailed, match=r"cannot read .*BYBIT\.jsonl\.gz: Not a directory"):
        add(tmp_path, T0)


WRITER = """
import sys
from pathlib import Path
from marketctl.files.archive import Archive
from marketctl.files import archive
at, line = int(sys.argv[2]), "x" * 90
print("go", flush=True)
while True:
    at += 1
    one = Archive(Path(sys.argv[1]), "BYBIT", at, 30)
    one.append([f'{{"at":{at},"n":{n},"x":"{line}{at * 7919 % 1000003}"}}' for n in range(400)])
"""


def whole(path: Path, found: list[Member]) -> None:
    """Assert that each of these members has all its lines, each of its own time."""
    for one, text in read_members(path, found):
        lines = text.splitlines()
        assert len(lines) == 400
        assert {json.loads(line)["at"] for line in lines} == {one.at_ms}


def test_kill_9_leaves_whole_lines(tmp_path: Path, path: Path) -> None:
    """Whoever appended, at any moment: each member has all of its lines, and none that was there is lost."""
    seen, at, torn = 0, T0, 0
    dice = random.Random(5)
    for _ in range(KILLS):
        process = subprocess.Popen([sys.executable, "-c", WRITER, tmp_path, str(at)], stdout=subprocess.PIPE)
        assert process.stdout is not None
        process.stdout.readline()
        time.sleep(dice.uniform(0, 0.05))
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        if not path.exists():
            continue
        last, found = last_member(path), members(path)
        if last is None or last.end != path.stat().st_size:
            torn += 1
            found = [one for one in found if last is not None and one.end <= last.end]
        times = [one.at_ms for one in found]
        assert times == sorted(set(times))
        assert len(times) >= seen
        whole(path, found[max(0, seen - 3) :])  # what was whole before is read again at the end
        seen, at = len(times), times[-1] if times else at
    whole(path, members(path))
    assert seen > 0
    print(f"{KILLS} kills, {seen} members, {torn} torn ends")
