"""Packed bodies, piece by piece: what comes out, in how much memory, and what is no whole stream."""

import gzip
import random
import tracemalloc
import zlib
from functools import partial

import pytest

from marketctl.errors import BadAnswer, RateLimited, Unavailable
from marketctl.http.unpack import PIECE, DecodeError, unpacked
from tests.http.asking import BIG, ask, failure
from tests.wire import reply

zipped = partial(gzip.compress, mtime=0)  # tests are called by what they are given: the same at all times


def bare(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return packer.compress(data) + packer.flush()


def members(data: bytes, size: int) -> bytes:
    return b"".join(zipped(data[start : start + size]) for start in range(0, len(data), size))


def whole(packed: bytes, encoding: str, step: int = 1000) -> bytes:
    return b"".join(unpacked((packed[start : start + step] for start in range(0, len(packed), step)), encoding))


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("", bytes),
        ("identity", bytes),
        ("br", bytes),  # nobody asked for it: as it came
        ("gzip, br", bytes),
        ("gzip", zipped),
        ("GZip , identity", zipped),
        ("x-gzip", lambda data: zipped(data) + b"\0" * 600),
        ("gzip", lambda data: zipped(data) + b"\r\n"),
        ("gzip", lambda data: members(data, 700) + zipped(b"")),
        ("deflate", zlib.compress),
        ("deflate", bare),
        ("deflate", lambda data: zlib.compress(data) + b"\0\0\0"),
        ("gzip, gzip", lambda data: zipped(zipped(data))),
        ("deflate, gzip", lambda data: zipped(bare(data))),
        ("gzip,deflate", lambda data: zlib.compress(zipped(data))),
    ],
)
@pytest.mark.parametrize("data", [BIG, b"", b"1", b"[]" * PIECE], ids=["long", "nothing", "a byte", "two pieces"])
def test_a_packed_body_comes_out_as_it_was(encoding, pack, data):
    for step in (1, 1000) if len(data) < PIECE else (1000, PIECE):
        assert whole(pack(data), encoding, step) == data


@pytest.mark.parametrize("size", [PIECE // 8, PIECE // 4, PIECE - 1, PIECE, PIECE + 1, PIECE * 2])
@pytest.mark.parametrize("encoding", ["gzip", "gzip, gzip"])
def test_members_that_end_where_a_piece_does_come_out_once(serve, connect, size, encoding):
    dice = random.Random(1)
    data = b"[%s]" % b", ".join(b"%d" % dice.randrange(10**6) for _ in range(150_000))
    packed = members(data, size)
    client = connect(serve(reply(200, packed if encoding == "gzip" else zipped(packed), content_encoding=encoding)).url)
    assert ask(client).content == data


def test_a_small_answer_keeps_nobody_busy_for_ever():
    """One byte, a member more, and a stream of its own within that has ended."""
    packed = zipped(bare(b"")) + zipped(b"\0" * PIECE) * 40
    assert whole(packed, "deflate, gzip") == b""


@pytest.mark.parametrize(
    ("packed", "encoding"),
    [
        (b"no gzip", "gzip"),
        (b"\x1f", "gzip"),
        (zipped(BIG)[:-1], "gzip"),
        (zipped(BIG)[:-2000], "gzip"),
        (zipped(BIG) + zipped(b"more")[:-1], "gzip"),
        (zipped(BIG)[:-5] + b"00000", "gzip"),
        (zipped(b"1") + zipped(b"2")[:-5] + b"00000", "gzip"),
        (zlib.compress(BIG)[:-1], "deflate"),
        (bare(BIG)[:-1], "deflate"),
        (b"\xff\xff\xff", "deflate"),
        (zipped(zipped(BIG)[:-1]), "gzip, gzip"),
        (zipped(zipped(zipped(b"1"))), "gzip, gzip, gzip"),
    ],
)
def test_what_is_no_whole_stream_is_refused(serve, connect, packed, encoding):
    for step in (1, 1000, len(packed)):
        with pytest.raises(DecodeError):
            whole(packed, encoding, step)
    error = failure(connect(serve(reply(200, packed, content_encoding=encoding)).url), BadAnswer)
    assert error.message == f"GET 127.0.0.1/x: the body is not the {encoding} it says"


@pytest.mark.parametrize(
    ("packed", "told"),
    [
        (zipped(b"<html>" + BIG)[:-9], "with a web page in place of JSON"),
        (b"no gzip", "without readable JSON"),
        (b"\x1f", "without readable JSON"),
    ],
)
def test_of_a_failure_the_status_counts_whatever_its_body_is(serve, connect, no_sleep, packed, told):
    bad = reply(502, packed, content_encoding="gzip")
    assert ask(connect(serve(bad, reply(200, b"[1]")).url)).body == [1]
    assert failure(connect(serve(bad).url), Unavailable).message == f"GET 127.0.0.1/x: HTTP 502 {told}"
    limited = failure(connect(serve(reply(429, packed, content_encoding="gzip", retry_after="30")).url), RateLimited)
    assert limited.retry_after == 30


def test_a_bomb_is_there_in_pieces():
    packed = zipped(zipped(b" " * 50_000_000, 1))
    tracemalloc.start()
    sizes = {len(piece) for piece in unpacked(iter([packed]), "gzip, gzip")}
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert max(sizes) == PIECE
    assert peak < 8 * PIECE
