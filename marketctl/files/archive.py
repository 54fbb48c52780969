"""The archive of quotes, in day files. Long: one format, its writer and its reader, what is damaged judged by both.

They are JSON lines, `data/history/2026-11-26/BYBIT.jsonl.gz`, one gzip member a publish.

A member holds a head line (`at`, `run_id`, `whole`), then a line for each pair that changed; once an hour, and first on
each day, for every pair: what was known at a moment then stands in one file. Where a part was asked (`part`), all of
that part has its line: what has none is as old as before. The name in a member's header tells where
it begins, so that a torn end is found and cut off by the next append, and when it is of, so that a reader need not
unpack what lies before. Any gzip reader reads the files. What is damaged or not ours stays where it is, and is told.
"""

import fcntl
import mmap
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from threading import Lock
from typing import NamedTuple

from marketctl.files.atomic import make_folder, safe_name, storage_failed, write_all
from marketctl.files.look import open_regular, open_to_add
from marketctl.files.snapshots import to_bytes
from marketctl.lean_imports import import_zlib
from marketctl.times import DAY_MS, from_iso, ms_or_none, to_iso

zlib = import_zlib()

PRICES = ("bid", "ask", "last", "mid")  # what a line may tell of a pair
WHOLE_MS = 3_600_000  # from one member with every pair to the next
LEVEL = 2  # the first one is a third larger, higher ones cost half as much again for a fifteenth of the size
HEADER = 57  # bytes of a member's header
LOST = -1
TAIL = 1 << 18  # nearly always the last member is shorter; else more is looked through

_header = re.compile(rb"\x1f\x8b\x08\x08.{6}([0-9a-f]{12})\.([0-9]{13})\.([0-9]{13})\.jsonl\x00", re.DOTALL)


class Member(NamedTuple):
    """One append: its place in the file, the time of its lines, and that of the last whole set before or in it."""

    start: int
    end: int
    at_ms: int
    whole_ms: int

    @property
    def lost(self) -> bool:
        """Tell whether these are bytes in which no member begins: of their day, whenever that was."""
        return self.whole_ms == LOST


class _End(NamedTuple):
    """Where a file ends as this process left or found it."""

    inode: int
    size: int
    whole_ms: int
    at_ms: int


_ends: dict[Path, _End] = {}
_lock = Lock()


def day_of(at_ms: int) -> str:
    """Return the day of a moment: `2026-11-26`."""
    return (to_iso(at_ms) or "")[:10]


@lru_cache(maxsize=64)
def archive_path(data_dir: Path, provider: str, day: str) -> Path:
    """Return the file of a provider and day."""
    return Path(f"{data_dir}/history/{day}/{safe_name(provider)}.jsonl.gz")


class Archive:
    """The archive of one provider, for one append: `whole` says whether every pair is wanted, then `append` them."""

    def __init__(self, data_dir: Path, provider: str, at_ms: int, keep_days: int, max_bytes: int | None = None) -> None:
        self.data_dir = data_dir
        self.path = archive_path(data_dir, provider, day_of(at_ms))
        self.at_ms = at_ms
        self.keep_days = keep_days
        self.max_bytes = max_bytes
        self._end = self._look()
        self.whole = self._end is None or not 0 <= at_ms - self._end.whole_ms < WHOLE_MS

    def _look(self) -> _End | None:
        """Return where the file ends, None for a new one. Raises StorageFailed."""
        try:
            stat = self.path.stat()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise storage_failed("read", self.path, error) from error
        with _lock:
            known = _ends.get(self.path)
        if known is not None and (known.inode, known.size) == (stat.st_ino, stat.st_size):
            return known
        try:
            found = last_member(self.path)
        except OSError as error:
            raise storage_failed("read", self.path, error) from error
        if found is None:
            return None
        end = _End(stat.st_ino, found.end, found.whole_ms, found.at_ms)
        with _lock:
            _ends[self.path] = end  # who looks ahead need not look again
        return end

    @property
    def last_ms(self) -> int | None:
        """The time of the last append of the day."""
        return None if self._end is None else self._end.at_ms

    def append(self, lines: Sequence[str]) -> list[str]:
        """Add lines, each a JSON text, as one member; return the days that had to go for it. Raises StorageFailed."""
        whole_ms = self.at_ms if self.whole or self._end is None else self._end.whole_ms
        try:
            new = self._end is None and not self.path.exists()
            try:
                fd = open_to_add(self.path)
            except FileNotFoundError:  # of a new day, or somebody has removed it since
                make_folder(self.path.parent)
                fd = open_to_add(self.path)
            try:
                fcntl.flock(fd, fcntl.LOCK_EX)
                start = 0 if self._end is None else self._end.size
                if os.fstat(fd).st_size != start:  # another process was here, or a crash left a part of a member
                    found = last_member(self.path)
                    start = _torn_from(self.path, 0 if found is None else found.end)
                    os.ftruncate(fd, start)
                data = make_member(start, self.at_ms, whole_ms, to_bytes("\n".join(lines) + "\n"))
                write_all(fd, data)
                end = _End(os.fstat(fd).st_ino, start + len(data), whole_ms, self.at_ms)
            finally:
                os.close(fd)
        except OSError as error:
            raise storage_failed("append to", self.path, error) from error
        with _lock:
            if new:
                _ends.clear()  # yesterday's
            _ends[self.path] = end
        if new:
            forget_days(self.data_dir, self.at_ms, self.keep_days)
        # Once an hour: so much more than allowed it can be.
        return make_room(self.data_dir, self.at_ms, self.max_bytes) if self.whole and self.max_bytes else []


def make_member(start: int, at_ms: int, whole_ms: int, data: bytes) -> bytes:
    """Return a gzip member that tells its place and times in the name of its header."""
    packer = zlib.compressobj(LEVEL, zlib.DEFLATED, -zlib.MAX_WBITS)
    name = b"%012x.%013d.%013d.jsonl\x00" % (start, at_ms, whole_ms)
    head = b"\x1f\x8b\x08\x08" + (at_ms // 1000 & 0xFFFFFFFF).to_bytes(4, "little") + b"\x04\x03" + name
    tail = zlib.crc32(data).to_bytes(4, "little") + (len(data) & 0xFFFFFFFF).to_bytes(4, "little")
    return b"".join((head, packer.compress(data), packer.flush(), tail))


def last_member(path: Path) -> Member | None:
    """Return the last whole member of a file, None without any; what a crash left behind it does not count."""
    with open_regular(path) as file:
        size = file.seek(0, os.SEEK_END)
        reach = min(TAIL, size)
        while reach:
            start = size - reach
            file.seek(start)
            tail = file.read(reach)
            for found in reversed([one for one in _header.finditer(tail) if int(one[1], 16) == start + one.start()]):
                if (length := _whole(memoryview(tail)[found.start() :])) is not None:
                    place = start + found.start()
                    return Member(place, place + length, int(found[2]), int(found[3]))
            if reach == size:
                return None
            reach = min(reach * 4, size)
    return None


def _whole(data: memoryview) -> int | None:
    """Return the length of the gzip member that data begin with, None when it is cut or broken."""
    unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
    try:
        unpacker.decompress(data)
    except zlib.error:
        return None
    return len(data) - len(unpacker.unused_data) if unpacker.eof else None


def _torn_from(path: Path, end: int) -> int:
    """Return where the next member goes: over one that a crash has cut, but behind anything else, which stays."""
    with open_regular(path) as file:
        file.seek(end)
        rest = file.read()
    if len(rest) >= HEADER:
        head = _header.match(rest)
        if head is None or int(head[1], 16) != end:
            return end + len(rest)
        try:
            zlib.decompressobj(zlib.MAX_WBITS | 16).decompress(rest)
        except zlib.error:
            return end + len(rest)
    return end


def forget_days(data_dir: Path, now_ms: int, keep_days: int) -> None:
    """Remove day folders that are older than wanted; what is not ours in them stays."""
    folder = data_dir / "history"
    first = (datetime.fromtimestamp(now_ms / 1000, UTC) - timedelta(days=keep_days)).strftime("%Y-%m-%d")
    for day in days(data_dir):
        if day < first:
            _remove(folder / day)


def make_room(data_dir: Path, now_ms: int, max_bytes: int) -> list[str]:
    """Remove the oldest days while all of them are larger than allowed; return those. The present day always stays."""
    folder, gone = data_dir / "history", []
    sizes = {day: sum(map(_size, (folder / day).glob("*.jsonl.gz"))) for day in days(data_dir)}
    total = sum(sizes.values())
    for day in sizes:
        if total <= max_bytes or day >= day_of(now_ms):
            break
        if freed := _remove(folder / day):
            gone.append(day)
        total -= freed
    return gone


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:  # another process has removed it
        return 0


def _remove(day: Path) -> int:
    """Remove the files of a day and return how large they were; what cannot be removed stays."""
    freed = 0
    for path in day.glob("*.jsonl.gz"):
        with suppress(OSError):
            size = path.stat().st_size
            path.unlink()
            freed += size
    with suppress(OSError):
        day.rmdir()
    return freed


# Reading -----------------------------------------------------------------------------------


def days(data_dir: Path) -> list[str]:
    """Return the days that have a folder, in order. Raises StorageFailed."""
    try:
        with os.scandir(data_dir / "history") as found:
            return sorted(one.name for one in found if _is_day(one.name) and one.is_dir())
    except (FileNotFoundError, NotADirectoryError):
        return []
    except OSError as error:
        raise storage_failed("look into", data_dir / "history", error) from error


def _is_day(name: str) -> bool:
    return len(name) == len("2026-11-26") and (at_ms := ms_or_none(name)) is not None and day_of(at_ms) == name


def members(path: Path) -> list[Member]:
    """Return the members of a file in order, the last one whole or not; none of no file. Raises StorageFailed.

    What lies ahead of the first one is a `lost` one, also where there is no member; and so is one of another day.
    """
    try:
        with open_regular(path) as file:
            if not os.fstat(file.fileno()).st_size:
                return []
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                found = [(one.start(), int(one[2]), int(one[3])) for one in _header.finditer(data) if _here(one)]
                size = len(data)
    except FileNotFoundError:
        return []
    except OSError as error:
        raise storage_failed("read", path, error) from error
    midnight = from_iso(f"{path.parent.name}T00:00:00Z")
    found = [one if midnight <= one[1] < midnight + DAY_MS else (one[0], midnight, LOST) for one in found]
    first, at_ms, _ = found[0] if found else (size, midnight, LOST)
    if first >= HEADER:  # less is what a crash left of the first one
        found.insert(0, (0, at_ms, LOST))
    elif not found:
        return []
    ends = [*(start for start, _, _ in found[1:]), size]
    return [Member(start, end, at, whole) for (start, at, whole), end in zip(found, ends, strict=True)]


def _here(found: re.Match[bytes]) -> bool:
    return int(found[1], 16) == found.start()


def read_members(
    path: Path, chosen: Iterable[Member], broken: list[Member] | None = None
) -> Iterator[tuple[Member, bytes]]:
    """Yield the lines of members; what was cut by a crash is left out. Raises StorageFailed.

    `broken` gets those that are damaged or lost, and those behind which something is that cannot be read.
    """
    broken = [] if broken is None else broken
    try:
        with open_regular(path) as file:
            size = os.fstat(file.fileno()).st_size
            for member in chosen:
                if member.lost:
                    broken.append(member)
                    continue
                file.seek(member.start)
                unpacker = zlib.decompressobj(zlib.MAX_WBITS | 16)
                try:
                    lines = unpacker.decompress(file.read(member.end - member.start))
                except zlib.error:
                    broken.append(member)
                    continue
                # At the end of the file that is what a crash cut: the next append takes it away.
                if len(unpacker.unused_data) >= (HEADER if member.end == size else 1):
                    broken.append(member)
                if unpacker.eof:
                    yield member, lines
                elif member.end < size:
                    broken.append(member)
    except OSError as error:
        raise storage_failed("read", path, error) from error


def begins_ms(data_dir: Path, provider: str) -> int | None:
    """Return the time of the oldest member of a provider, None without an archive."""
    for day in days(data_dir):
        for one in members(archive_path(data_dir, provider, day)):
            if not one.lost:
                return one.at_ms
    return None
