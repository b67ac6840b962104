"""Many callers in one process, each with its own audio, timed frame by frame.

`phone load` sends the same audio in all calls; here every frame names its call and its number, so
that a recording of one call can be told from the others. The masks are zero, which RFC 6455 allows,
so that sending computes nothing.
"""

from __future__ import annotations

import asyncio
import json
import struct
from dataclasses import dataclass
from urllib.parse import urlsplit

import uvloop
from phone.load import LATE_MS

__all__ = ["Crowd", "crowd"]

FRAME_SECONDS = 0.02
SIZE = 640
UNMASKED_HEAD = struct.pack("!BBH", 0x82, 126, SIZE)
MASKED_HEAD = struct.pack("!BBH4x", 0x82, 0x80 | 126, SIZE)
ANSWER_SECONDS = 10.0


@dataclass
class Crowd:
    """What came back to all callers.

    Args:
        frames: that were sent.
        returned: that came back with their own bytes, in order.
        late: that came back more than `LATE_MS` after they were sent.
        delays: seconds from sending to return, sorted.

    """

    frames: int
    returned: int
    late: int
    delays: list[float]

    def delay(self, share: float) -> float:
        """Return a quantile of the delays, in seconds."""
        return self.delays[min(len(self.delays) - 1, int(share * len(self.delays)))]


class _Caller(asyncio.Protocol):
    def __init__(self, number: int, headers: bytes, begin: float, count: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._number = number
        self._headers = headers
        self._begin = begin
        self._count = count
        self._open = False
        self._came = bytearray()
        self._next = 0
        self.sent_at: list[float] = []
        self.delays: list[float] = []
        self.done = self._loop.create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        transport.write(self._headers)  # type: ignore[attr-defined]  # it is one to write to

    def data_received(self, data: bytes) -> None:
        self._came += data
        if not self._open:
            end = self._came.find(b"\r\n\r\n")
            if end < 0:
                return
            if not self._came.startswith(b"HTTP/1.1 101 "):
                self.done.set_exception(ConnectionError(bytes(self._came[:200]).decode()))
                return
            del self._came[: end + 4]
            self._open = True
            self._first_message()
        now = self._loop.time()
        step = len(UNMASKED_HEAD) + SIZE
        while len(self._came) >= step and self._came.startswith(UNMASKED_HEAD):
            if self._came[len(UNMASKED_HEAD) : step] == self._voice(self._next):
                self.delays.append(now - self.sent_at[self._next])
            self._next += 1
            del self._came[:step]
        if self._next >= self._count and not self.done.done():
            self.done.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(ConnectionError(f"a call was cut after {self._next} frames"))

    def close(self) -> None:
        self._transport.close()

    def _first_message(self) -> None:
        text = json.dumps(
            {
                "event": "websocket:connected",
                "content-type": "audio/l16;rate=16000",
                "uuid": f"crowd-{self._number}",
            }
        ).encode()
        self._write(struct.pack("!BBH4x", 0x81, 0x80 | 126, len(text)) + text)
        self._loop.call_at(self._begin, self._tick)

    def _tick(self) -> None:
        index = len(self.sent_at)
        if index >= self._count or self._transport.is_closing():
            return
        now = self._loop.time()
        self.sent_at.append(now)
        self._write(MASKED_HEAD + self._voice(index))
        self._loop.call_at(self._begin + (index + 1) * FRAME_SECONDS, self._tick)

    def _voice(self, index: int) -> bytes:
        return struct.pack("<HH", self._number + 1, index + 1) * (SIZE // 4)

    def _write(self, data: bytes) -> None:
        self._transport.write(data)  # type: ignore[attr-defined]  # as above


def crowd(socket_url: str, calls: int, seconds: float) -> Crowd:
    """Place `calls` calls at once on an echoing socket, with `seconds` of audio each."""
    return uvloop.run(_crowd(socket_url, calls, seconds))


async def _crowd(socket_url: str, calls: int, seconds: float) -> Crowd:
    parts = urlsplit(socket_url)
    headers = (
        f"GET {parts.path} HTTP/1.1\r\nHost: {parts.netloc}\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    ).encode()
    loop = asyncio.get_running_loop()
    count = round(seconds / FRAME_SECONDS)
    begin = loop.time() + 1
    callers = []
    for number in range(calls):
        # Spread over the 20 ms, as calls from a platform are.
        first = begin + number / calls * FRAME_SECONDS
        _, caller = await loop.create_connection(
            lambda number=number, first=first: _Caller(number, headers, first, count),  # type: ignore[misc]  # bound early
            parts.hostname or "",
            parts.port or 80,
        )
        callers.append(caller)
    async with asyncio.timeout(seconds + ANSWER_SECONDS):
        await asyncio.gather(*(caller.done for caller in callers))
    for caller in callers:
        caller.close()
    delays = sorted(delay for caller in callers for delay in caller.delays)
    return Crowd(
        frames=calls * count,
        returned=len(delays),
        late=sum(delay * 1000 > LATE_MS for delay in delays),
        delays=delays,
    )
