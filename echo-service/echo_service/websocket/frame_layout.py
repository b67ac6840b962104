"""Layout of WebSocket frames, as far as the fast path needs it (RFC 6455, 5.2): pure functions."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any, NamedTuple

__all__ = [
    "BINARY",
    "MASKED",
    "MAX_SIZE",
    "REFUSED",
    "TEXT",
    "FrameLayout",
    "frame_layout",
    "frame_length",
    "head_length",
]

BINARY = 0x82  # first byte of a final binary frame
TEXT = 0x81  # first byte of a final text frame
REFUSED = 0  # frame length of a frame that must be refused, whatever follows
MAX_SIZE = 65535
"""Bytes of audio in the longest frame that has a layout here: its length fits into 16 bits."""

MASKED = 0x80  # in a frame's second byte: the payload is masked, as that of a client must be
_OPCODES = frozenset((0x0, 0x1, 0x2, 0x8, 0x9, 0xA))


class FrameLayout(NamedTuple):
    """Layout of a binary frame with `size` bytes of audio, as a peer sends it and as it goes back.

    `unpack` splits a frame of `length` bytes into its head, its mask and the masked audio;
    `unpack_all` does so with several frames in a row.
    """

    size: int
    length: int
    head_in: bytes
    head_out: bytes
    unpack: Callable[[bytes], tuple[Any, ...]]
    unpack_all: Callable[[bytes], Iterator[tuple[Any, ...]]]


@lru_cache(maxsize=256)
def frame_layout(size: int) -> FrameLayout:
    """Return the layout of a frame with `size` bytes of audio, at most `MAX_SIZE`."""
    if size < 126:
        head_in, head_out = bytes((BINARY, MASKED | size)), bytes((BINARY, size))
    else:
        head_in = struct.pack("!BBH", BINARY, MASKED | 126, size)
        head_out = struct.pack("!BBH", BINARY, 126, size)
    fields = struct.Struct(f"{len(head_in)}s4s{size}s")
    return FrameLayout(size, fields.size, head_in, head_out, fields.unpack, fields.iter_unpack)


def head_length(second: int) -> int:
    """Return how long the head of a frame from a peer is, with its mask: by its second byte."""
    return {MASKED | 126: 8, MASKED | 127: 14}.get(second, 6)


def frame_length(data: bytes, start: int, limit: int) -> int:
    """Return how long a frame from a peer is.

    Args:
        data: bytes received.
        start: where in `data` the frame starts.
        limit: bytes of payload that the frame may have.

    Returns:
        Bytes of the whole frame; while its head is incomplete, bytes of the head needed to know;
        REFUSED if a server must fail the connection at once.

    """
    available = len(data) - start
    if available < 2:
        return 2
    size = data[start + 1] - MASKED
    if size < 0 or data[start] & 0x0F not in _OPCODES:
        return REFUSED
    head = 6
    if size == 126:
        if available < 4:
            return 4
        size = data[start + 2] << 8 | data[start + 3]
        head = 8
    elif size == 127:
        if available < 10:
            return 10
        size = int.from_bytes(data[start + 2 : start + 10])
        head = 14
    return REFUSED if size > limit else head + size
