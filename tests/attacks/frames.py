"""WebSocket frames as bytes, valid and invalid (RFC 6455, section 5.2)."""

from __future__ import annotations

import asyncio
import os
from dataclasses import dataclass

__all__ = [
    "BINARY",
    "CLOSE",
    "CONTINUATION",
    "PING",
    "PONG",
    "TEXT",
    "Frame",
    "close_payload",
    "frame",
    "read_frame",
]

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA


@dataclass(frozen=True)
class Frame:
    """A frame that the server sent."""

    opcode: int
    payload: bytes
    fin: bool


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    reserved: int = 0,
    mask: bool = True,
    length: int | None = None,
    width: int | None = None,
) -> bytes:
    """Build a client's frame, valid or invalid.

    Args:
        opcode: 0 to 15.
        payload: what is sent, whatever the length says.
        fin: whether it ends its message.
        reserved: the three reserved bits, 0 to 7.
        mask: whether it is masked, as a client's frames must be.
        length: what the length field says, when that is not the payload's length.
        width: bits of the length field, 7, 16 or 64, when not the least that will do.

    """
    said = len(payload) if length is None else length
    bits = width or (7 if said < 126 else 16 if said < 65536 else 64)
    head = bytes([fin << 7 | reserved << 4 | opcode])
    flag = mask << 7
    if bits == 7:
        head += bytes([flag | said])
    else:
        head += bytes([flag | (126 if bits == 16 else 127)]) + said.to_bytes(bits // 8, "big")
    if not mask:
        return head + payload
    key = os.urandom(4)
    return head + key + _xor(payload, key)


def close_payload(code: int, reason: bytes = b"") -> bytes:
    """Build the payload of a Close frame."""
    return code.to_bytes(2, "big") + reason


async def read_frame(reader: asyncio.StreamReader) -> Frame:
    """Read a frame from the server.

    Raises:
        asyncio.IncompleteReadError: the connection ended first.
        ConnectionError: the server reset it.
        ValueError: the frame is masked, or longer than 16 MiB: no server's frame.

    """
    first, second = await reader.readexactly(2)
    length = second & 0x7F
    if length > 125:
        length = int.from_bytes(await reader.readexactly(2 if length == 126 else 8), "big")
    if second & 0x80 or length > 2**24:
        raise ValueError(f"the server sent a frame that begins with {first:02x} {second:02x}")
    return Frame(first & 0x0F, await reader.readexactly(length), bool(first & 0x80))


def _xor(payload: bytes, key: bytes) -> bytes:
    size = len(payload)
    stream = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(stream, "big")).to_bytes(size, "big")
