"""Frames on the wire, as far as the fast path must know them (RFC 6455, 5.2): pure functions."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

__all__ = ["BINARY", "LONGEST", "MASKED", "REFUSED", "Shape", "frame_length", "shape"]

BINARY = 0x82
"""First byte of a final binary frame."""

REFUSED = 0
"""Says that a frame must not be taken, whatever follows."""

LONGEST = 65535
"""Bytes of audio in the longest frame that has a shape."""

MASKED = 0x80
"""In a frame's second byte: the payload is masked, as that of a client must be."""

_OPCODES = frozenset((0x0, 0x1, 0x2, 0x8, 0x9, 0xA))


class Shape(NamedTuple):
    """A binary frame of a certain size: as it comes from a peer, and as it goes back.

    `unpack` cuts a frame of `length` bytes into its head, its mask and the masked audio;
    `unpack_all` does so with several, one behind the other.
    """

    size: int
    length: int
    head_in: bytes
    head_out: bytes
    unpack: Callable[[bytes], tuple[Any, ...]]
    unpack_all: Callable[[bytes], Iterator[tuple[Any, ...]]]


@lru_cache(maxsize=256)
def shape(size: int) -> Shape:
    """Return the shape of a frame with `size` bytes of audio, at most 65,535."""
    if size < 126:
        head_in, head_out = bytes((BINARY, MASKED | size)), bytes((BINARY, size))
    else:
        head_in = struct.pack("!BBH", BINARY, MASKED | 126, size)
        head_out = struct.pack("!BBH", BINARY, 126, size)
    layout = struct.Struct(f"{len(head_in)}s4s{size}s")
    return Shape(size, layout.size, head_in, head_out, layout.unpack, layout.iter_unpack)


def frame_length(data: bytes, start: int, limit: int) -> int:
    """Tell how long a frame from a peer is.

    Args:
        data: what came.
        start: where in it the frame starts.
        limit: bytes of payload that may come.

    Returns:
        Bytes from its start to its end, or, while that is not known, to where it will be;
        REFUSED where a server must fail the connection at once.

    """
    there = len(data) - start
    if there < 2:
        return 2
    size = data[start + 1] - MASKED
    if size < 0 or data[start] & 0x0F not in _OPCODES:
        return REFUSED
    head = 6
    if size == 126:
        if there < 4:
            return 4
        size = data[start + 2] << 8 | data[start + 3]
        head = 8
    elif size == 127:
        if there < 10:
            return 10
        size = int.from_bytes(data[start + 2 : start + 10])
        head = 14
    return REFUSED if size > limit else head + size
