"""Unpack a body piece by piece: of a bomb there is one piece at a time, and half a stream is none.

Not left to urllib3: where a gzip member ends with a piece, its reader (up to 2.8) gives the next ones twice, or takes
all memory.
"""

from collections.abc import Iterator
from contextlib import nullcontext, suppress
from itertools import chain

from marketctl.lean_imports import import_requests, import_zlib

import_requests()

from urllib3.exceptions import DecodeError  # noqa: E402

zlib = import_zlib()

PIECE = 256 * 1024

MOST = 2  # codings, one around the other: each unpacks a thousand times what it gets

GZIP = zlib.MAX_WBITS | 16


def unpacked(parts: Iterator[bytes], encoding: str, *, whole: bool = True) -> Iterator[bytes]:
    """Yield a body that came in parts, unpacked as its Content-Encoding tells; one that we did not ask for, as it is.

    Raises DecodeError for what is no such stream, or not the whole of it; where that is not needed, it yields what
    there is.
    """
    with nullcontext() if whole else suppress(DecodeError):
        yield from _unpacked(parts, encoding)


def _unpacked(parts: Iterator[bytes], encoding: str) -> Iterator[bytes]:
    codings = [word for word in (part.strip().lower() for part in encoding.split(",")) if word not in ("", "identity")]
    if not {"gzip", "x-gzip", "deflate"}.issuperset(codings):
        return parts
    if len(codings) > MOST:
        raise DecodeError(f"{len(codings)} codings, one around the other")
    for coding in reversed(codings):
        parts = _inflated(parts) if coding == "deflate" else _streams(parts, GZIP)
    return parts


def _inflated(parts: Iterator[bytes]) -> Iterator[bytes]:
    """Unpack "deflate": what the standard calls so has a head of two bytes, what some servers do has none."""
    head = b""
    for data in parts:
        head += data
        if len(head) > 1:
            break
    bare = len(head) > 1 and (head[0] & 15 != 8 or int.from_bytes(head[:2], "big") % 31 != 0)
    yield from _streams(chain([head], parts), -zlib.MAX_WBITS if bare else zlib.MAX_WBITS)


def _streams(parts: Iterator[bytes], bits: int) -> Iterator[bytes]:
    """Unpack a stream, of gzip one after another; what lies behind the end and does not begin one is padding."""
    unpacker, begun = zlib.decompressobj(bits), False
    for data in parts:
        while data:
            if unpacker.eof:
                if bits != GZIP or data[0] != 0x1F:
                    for _ in parts:
                        pass
                    return
                unpacker = zlib.decompressobj(bits)
            begun = True
            while True:
                try:
                    piece = unpacker.decompress(data, PIECE)
                except zlib.error as error:
                    raise DecodeError(str(error)) from error
                if piece:
                    yield piece
                data = unpacker.unconsumed_tail
                if unpacker.eof or (not data and len(piece) < PIECE):
                    break
            data = unpacker.unused_data
    if begun and not unpacker.eof:
        raise DecodeError("it ends before its end")
