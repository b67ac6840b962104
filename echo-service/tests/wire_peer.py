"""For tests: frames as a peer would write them, right or wrong, and a peer that writes them."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import os
import struct
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

__all__ = ["BINARY", "CLOSE", "CONT", "PING", "PONG", "TEXT", "Peer", "connected", "frame", "until"]

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA

PATIENCE = 60.0
"""Seconds after which a test that waits has failed."""


def frame(
    opcode: int,
    data: bytes = b"",
    *,
    fin: bool = True,
    reserved: int = 0,
    mask: bytes | None = b"\x01\x02\x03\x04",
    wide: int = 0,
) -> bytes:
    """Write a frame as a client would (RFC 6455, 5.2).

    Args:
        opcode: of the frame.
        data: the payload, not yet masked.
        fin: whether the message ends here.
        reserved: the three reserved bits.
        mask: four bytes, None for a frame that is, wrongly, not masked.
        wide: bytes of an extended length, 2 or 8, even where it is not needed.

    """
    size = len(data)
    bit = 0 if mask is None else 0x80
    head = bytes([fin << 7 | reserved << 4 | opcode])
    if size < 126 and not wide:
        head += bytes([bit | size])
    elif size < 65536 and wide < 8:
        head += struct.pack("!BH", bit | 126, size)
    else:
        head += struct.pack("!BQ", bit | 127, size)
    if mask is None:
        return head + data
    repeated = mask * (size // 4 + 1)
    return head + mask + bytes(a ^ b for a, b in zip(data, repeated, strict=False))


def connected(rate: int = 16000, **metadata: Any) -> str:
    """Return the first message of a call."""
    first = {"event": "websocket:connected", "content-type": f"audio/l16;rate={rate}"}
    return json.dumps(first | metadata)


async def until(condition: Callable[[], object], patience: float = PATIENCE) -> None:
    """Wait until a condition holds.

    Raises:
        TimeoutError: if it does not hold in time.

    """
    async with asyncio.timeout(patience):
        while not condition():  # noqa: ASYNC110 - what is waited for has no event
            await asyncio.sleep(0.005)


class Peer:
    """A peer that writes what it is told, byte by byte, and reads what comes."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    @contextlib.asynccontextmanager
    async def connect(
        cls, port: int, headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[Peer]:
        """Connect to a service on this machine and open its socket."""
        async with cls.reach(port) as peer:
            peer.write(cls.handshake(headers))
            status, body = await peer.response()
            if status != 101:
                raise ConnectionError(f"status {status}: {body!r}")
            yield peer

    @classmethod
    @contextlib.asynccontextmanager
    async def reach(cls, port: int) -> AsyncIterator[Peer]:
        """Connect to a service on this machine, and say nothing."""
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            yield cls(reader, writer)
        finally:
            writer.transport.abort()

    @staticmethod
    def handshake(headers: Mapping[str, str] | None = None, path: str = "/socket") -> bytes:
        """Return an opening handshake."""
        fields = {
            "Host": "localhost",
            "Upgrade": "websocket",
            "Connection": "Upgrade",
            "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
            "Sec-WebSocket-Version": "13",
        } | dict(headers or {})
        lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
        return "\r\n".join([*lines, "", ""]).encode()

    def write(self, data: bytes) -> None:
        """Write bytes."""
        self.writer.write(data)

    async def response(self) -> tuple[int, bytes]:
        """Read an HTTP response: its status, and its body if it has a length."""
        async with asyncio.timeout(PATIENCE):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
            lines = head.split("\r\n")
            lengths = [line for line in lines if line.lower().startswith("content-length:")]
            size = int(lengths[0].split(":")[1]) if lengths else 0
            return int(lines[0].split()[1]), await self.reader.readexactly(size)

    async def frame(self) -> tuple[int, bytes]:
        """Read a frame of the service: its opcode and its payload."""
        async with asyncio.timeout(PATIENCE):
            first, size = await self.reader.readexactly(2)
            if size == 126:
                (size,) = struct.unpack("!H", await self.reader.readexactly(2))
            elif size == 127:
                (size,) = struct.unpack("!Q", await self.reader.readexactly(8))
            return first & 0xF, await self.reader.readexactly(size)

    async def closed(self) -> tuple[int, str]:
        """Read until the service closes: the code and the reason, 1006 if there are none."""
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                opcode, data = await self.frame()
                if opcode == CLOSE:
                    return int.from_bytes(data[:2]) if data else 1005, data[2:].decode()
        return 1006, ""
