"""A line: the platform's side of a call, and the caller at it, for many calls in one process.

Frames of 20 ms are sent at their times; what comes is queued behind what plays, as the platform
does, answers to `notify` and `clear` included. Everything measured here is measured from what was
sent and heard.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from websockets.asyncio.client import ClientConnection, connect

__all__ = ["FRAME", "Heard", "Line"]

FRAME = 0.02
"""Seconds of audio in a message."""

AUDIBLE = 100.0
"""Level from which a frame is heard as sound."""

ECHO_SECONDS = 0.16
"""How late an echo is."""

PATIENCE = 20.0
"""Seconds after which a caller who waits gives up."""


@dataclass(slots=True)
class Heard:
    """A frame as the caller heard it, or would have: `at` is when it began to play."""

    at: float
    arrived: float
    pcm: bytes

    @property
    def audible(self) -> bool:
        """Whether it is sound."""
        wave = np.frombuffer(self.pcm, "<i2").astype(np.float32)
        return bool(np.sqrt(np.mean(wave * wave)) > AUDIBLE)


class Line:
    """One call. Times are the machine's monotonic clock, in seconds.

    Args:
        socket: to the application.
        rate: Hz.
        way: seconds that a message takes to the platform, and as many back.
        echo: share of what is heard that comes back, `ECHO_SECONDS` later.

    """

    def __init__(self, socket: ClientConnection, rate: int, way: float, echo: float) -> None:
        self._echo = echo
        self.rate = rate
        self._socket = socket
        self._way = way
        self._size = rate // 50 * 2
        self._saying: deque[bytes] = deque()
        self._end = 0.0
        self._marks: deque[asyncio.TimerHandle] = deque()
        self._came = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._outbox: asyncio.Queue[str] = asyncio.Queue()
        self.heard: list[Heard] = []
        """All that is heard, in order; what waits to be played stands at its time to come."""
        self.clears: list[float] = []
        self.lags: list[float] = []
        """How late this process sent each frame: what its figures cannot be better than."""
        self.closed: int | None = None
        """Code with which the application ended the call."""

    @classmethod
    @contextlib.asynccontextmanager
    async def call(
        cls, url: str, call_id: str, rate: int = 24000, way: float = 0.0, echo: float = 0.0
    ) -> AsyncIterator[Line]:
        """Open a call, and keep it going."""
        async with connect(url, compression=None, ping_interval=None, max_queue=None) as socket:
            first = {"event": "websocket:connected", "content-type": f"audio/l16;rate={rate}"}
            await socket.send(json.dumps(first | {"uuid": call_id}))
            line = cls(socket, rate, way, echo)
            tasks = [
                asyncio.create_task(work()) for work in (line._send, line._receive, line._tell)
            ]
            try:
                yield line
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    # The caller

    def say(self, pcm: bytes) -> None:
        """Say this from the next frame on."""
        pcm += bytes(-len(pcm) % self._size)
        self._saying += [pcm[at : at + self._size] for at in range(0, len(pcm), self._size)]

    async def said(self) -> float:
        """Wait until all was said; return when the last frame ended."""
        while self._saying:  # noqa: ASYNC110 - paced by the clock, not by an event
            await asyncio.sleep(FRAME / 2)
        return self._loop.time()

    async def begins(self) -> float:
        """Say nothing until the next frame; return the moment at which what was said began."""
        while True:
            waiting = len(self._saying)
            await asyncio.sleep(0.001)
            if len(self._saying) < waiting:
                # A frame is sent when its 20 ms are over.
                return self._loop.time() - FRAME

    async def press(self, digit: str) -> None:
        """Press a key."""
        await self._outbox.put(json.dumps({"event": "websocket:dtmf", "digit": digit}))

    async def speaks(self, after: float) -> Heard:
        """Wait for the first sound that is heard after a moment; return it when it is heard."""
        async with asyncio.timeout(PATIENCE):
            while True:
                for frame in self._since(after):
                    if frame.audible:
                        await asyncio.sleep(frame.at - self._loop.time())
                        if frame in self.heard[-len(self.heard) :]:
                            return frame
                self._came.clear()
                await self._came.wait()

    async def quiet(self, seconds: float) -> float:
        """Wait until nothing is heard for so long; return when the last sound ended."""
        async with asyncio.timeout(PATIENCE):
            while True:
                last = self.heard[-1].at + FRAME if self.heard else 0.0
                left = last + seconds - self._loop.time()
                if left <= 0:
                    return last
                await asyncio.sleep(left)

    def answered_at(self, sound: Heard) -> float:
        """Return when the answer began that a sound belongs to: with it, or silence before it."""
        at = next(number for number, frame in enumerate(self.heard) if frame is sound)
        while at and self.heard[at].at - self.heard[at - 1].at < 2 * FRAME:
            at -= 1
        return self.heard[at].at

    def between(self, begin: float, end: float) -> list[Heard]:
        """Return the frames that began to play between two moments."""
        return [frame for frame in self._since(begin) if frame.at < end]

    # The platform

    def _since(self, moment: float) -> list[Heard]:
        first = len(self.heard)
        while first and self.heard[first - 1].at >= moment:
            first -= 1
        return self.heard[first:]

    async def _send(self) -> None:
        silence = bytes(self._size)
        due = self._loop.time()
        while True:
            due += FRAME
            await asyncio.sleep(due - self._loop.time())
            self.lags.append(self._loop.time() - due)
            said = self._saying.popleft() if self._saying else silence
            await self._socket.send(self._with_echo(said) if self._echo else said)

    def _with_echo(self, said: bytes) -> bytes:
        begin = self._loop.time() - ECHO_SECONDS
        back = [frame.pcm for frame in self.between(begin, begin + FRAME)]
        if not back:
            return said
        both = np.frombuffer(said, "<i2") + np.frombuffer(back[0], "<i2") * self._echo
        return both.clip(-32768, 32767).astype("<i2").tobytes()

    async def _tell(self) -> None:
        while True:
            await self._socket.send(await self._outbox.get())

    async def _receive(self) -> None:
        async for message in self._socket:
            if self._way:
                self._loop.call_later(self._way, self._take, message)
            else:
                self._take(message)
        self.closed = self._socket.close_code

    def _take(self, message: str | bytes) -> None:
        now = self._loop.time()
        if isinstance(message, bytes):
            if len(message) != self._size:
                raise AssertionError(f"{len(message)} bytes came: a frame has {self._size}")
            at = max(self._end, now)
            self._end = at + FRAME
            self.heard.append(Heard(at, now, message))
            self._came.set()
            return
        body = json.loads(message)
        if body["action"] == "clear":
            self.clears.append(now)
            while self.heard and self.heard[-1].at >= now:
                self.heard.pop()
            self._end = min(self._end, now)
            for mark in self._marks:
                mark.cancel()
            self._marks.clear()
            self._answer({"event": "websocket:cleared"})
        else:
            answer = {"event": "websocket:notify", "payload": body["payload"]}
            self._marks.append(self._loop.call_at(max(self._end, now), self._answer, answer))
            while self._marks and self._marks[0].when() < now:
                self._marks.popleft()

    def _answer(self, body: dict[str, Any]) -> None:
        self._loop.call_later(self._way, self._outbox.put_nowait, json.dumps(body))
