"""Playback of one call: a queue of sounds, sent as exact frames at the right pace."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable

from ..protocol import frame_bytes
from .framing import Framer
from .pace import FRAME_SECONDS, Pace
from .sources import Audio, Source, open_source

__all__ = ["CallEnded", "Playback", "PlaybackHandle"]

MAX_QUEUED = 64  # sounds that may wait behind the one that plays; beyond that `play` waits for room

LAST_MOMENT = FRAME_SECONDS / 2
"""An incomplete last frame is padded with silence this long before it is due. A sound that comes
until then joins without a gap."""


CLOSE_SECONDS = 1.0  # how long sources may take to close at the end of a call


class CallEnded(Exception):
    """The call is over: nothing can be sent any more. A handler need not catch it."""


class PlaybackHandle:
    """Handle of a sound: waits for its end, and tells whether it was cut off."""

    __slots__ = ("_cut", "_end", "_sent", "error")

    def __init__(self) -> None:
        self._end = 0.0
        self._sent = asyncio.Event()
        self._cut = asyncio.Event()
        self.error: Exception | None = None
        """What its source raised, which ended the sound; None if it did not."""

    @property
    def cut(self) -> bool:
        """Whether it was cut off: by `clear`, by a sound that replaced it, or by the call's end."""
        return self._cut.is_set()

    async def wait(self) -> bool:
        """Wait until the platform has played all of it, or it was cut off.

        The end is computed on this side's clock, without the network delay to the platform; if
        that matters, `AudioCall.notify` asks the platform.

        Returns:
            Whether it was played to its end.

        Raises:
            Exception: what its source raised.

        """
        await self._sent.wait()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(self._end):
                await self._cut.wait()
        if self.error is not None:
            raise self.error
        return not self.cut

    def _ends(self, end: float) -> None:
        self._end = end
        self._sent.set()

    def _cut_off(self) -> None:
        self._cut.set()
        self._sent.set()


class Playback:
    """Playback of one call.

    Args:
        rate: Hz of the call.
        send: sends one frame; raises `CallEnded` when the call is over.
        clear: asks the platform to drop what it has buffered.
        limit: messages that the platform buffers.
        failed: called with what a source raised.

    """

    def __init__(
        self,
        rate: int,
        send: Callable[[bytes], Awaitable[None]],
        clear: Callable[[], Awaitable[None]],
        limit: int,
        failed: Callable[[Exception], None],
    ) -> None:
        self._rate = rate
        self._send = send
        self._clear = clear
        self._failed = failed
        self._loop = asyncio.get_running_loop()
        self._pace = Pace(limit)
        self._framer = Framer(frame_bytes(rate))
        self._queue: deque[tuple[PlaybackHandle, Source]] = deque()
        self._taken = 0.0  # seconds of the first of them
        self._sounding: deque[PlaybackHandle] = deque()
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._closing: set[asyncio.Task[None]] = set()
        self._closed = False

    @property
    def ahead(self) -> float:
        """Seconds of audio that were sent and have not been played."""
        return self._pace.ahead(self._loop.time())

    @property
    def unplayed(self) -> float:
        """Seconds of sound that are not played yet; infinite if a queued sound's end is unknown."""
        lengths = (source.seconds for _, source in self._queue)
        queued = sum(math.inf if length is None else length for length in lengths)
        rest = self._framer.rest / (2 * self._rate)
        return self.ahead + rest + max(0.0, queued - self._taken)

    async def play(
        self, audio: Audio, *, rate: int | None = None, replace: bool = False
    ) -> PlaybackHandle:
        """Queue a sound; waits only if too many are queued already.

        Args:
            audio: see `sources.Audio`.
            rate: Hz of bytes, arrays and iterators, None for the call's. A file knows its own.
            replace: cut off everything that plays or is queued, and start at once.

        Raises:
            AudioError: it cannot be played; other sounds continue.
            CallEnded: the call is over.

        """
        source = await open_source(audio, rate, self._rate)
        if replace and (self._queue or self.ahead > 0):
            await self.clear()
        while len(self._queue) >= MAX_QUEUED and not self._closed:
            self._changed.clear()
            await self._changed.wait()
        if self._closed:
            raise CallEnded
        handle = PlaybackHandle()
        self._queue.append((handle, source))
        self._changed.set()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        return handle

    async def clear(self) -> None:
        """Cut off everything that plays or is queued, here and at the platform.

        Raises:
            CallEnded: the call is over.

        """
        self._cut_all()
        await self._clear()

    def end(self) -> None:
        """Cut off everything: the call is over."""
        self._closed = True
        self._cut_all()

    async def close(self) -> None:
        """Cut off everything, and wait for sources to close: the call is over."""
        self.end()
        if self._closing:
            await asyncio.wait(self._closing, timeout=CLOSE_SECONDS)

    def _cut_all(self) -> None:
        now = self._loop.time()
        if self._task is not None and not self._task.done():
            self._task.cancel()
            self._closing.add(self._task)
            self._task.add_done_callback(self._closing.discard)
        self._task = None
        for handle, _ in self._queue:
            handle._cut_off()
        for handle in self._sounding:
            if handle._end > now:
                handle._cut_off()
        self._queue.clear()
        self._taken = 0.0
        self._sounding.clear()
        self._framer.drop()
        self._pace.cleared(now)
        self._changed.set()

    async def _run(self) -> None:
        """Play what is queued; ends when the queue is empty."""
        try:
            while self._queue:
                handle, source = self._queue[0]
                async with contextlib.aclosing(self._frames(handle, source.pieces)) as frames:
                    async for frame in frames:
                        await self._send_paced(frame)
                self._queue.popleft()
                self._taken = 0.0
                self._changed.set()
                self._sounds(handle)
                await self._complete()
        except CallEnded:
            self._closed = True
            self._task = None
            self._cut_all()

    async def _frames(
        self, handle: PlaybackHandle, pieces: AsyncGenerator[bytes]
    ) -> AsyncGenerator[bytes]:
        try:
            async with contextlib.aclosing(pieces):
                async for piece in pieces:
                    for frame in self._framer.feed(piece):
                        self._taken += FRAME_SECONDS
                        yield frame
        except Exception as error:
            # Whatever an application's own iterator raises ends this sound alone.
            handle.error = error
            self._failed(error)

    async def _send_paced(self, frame: bytes) -> None:
        now = self._loop.time()
        while not self._pace.allows(now):
            await asyncio.sleep(self._pace.pause(now))
            now = self._loop.time()
        self._pace.sent(now)
        await self._send(frame)

    def _sounds(self, handle: PlaybackHandle) -> None:
        rest = self._framer.rest / (2 * self._rate)
        handle._ends(max(self._pace.end, self._loop.time()) + rest)
        self._sounding.append(handle)
        while self._sounding and self._sounding[0]._end <= self._loop.time():
            self._sounding.popleft()

    async def _complete(self) -> None:
        """Pad the last frame with silence, unless another sound comes in time to join it."""
        while self._framer.rest and not self._queue:
            left = self.ahead - LAST_MOMENT
            if left <= 0:
                frame = self._framer.end()
                if frame:
                    await self._send_paced(frame)
                return
            self._changed.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._changed.wait()
