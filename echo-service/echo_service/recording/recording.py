"""Recording of one call: queues its frames until they are written."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from ..logs import get_logger
from . import folder as files
from .disk import BATCH_SECONDS, Disk
from .stereo_file import Piece, StereoFile
from .timeline import Track

__all__ = ["Recording"]

logger = get_logger(__name__)

LOST_SECONDS = 0.5  # between two writes: as much of a call can a crash lose
AHEAD_IN_SECONDS = 2.0
"""How far ahead of real time audio may come; what comes earlier is not recorded."""

AHEAD_OUT_SECONDS = 62.0
"""How far ahead audio may be sent: the platform keeps 3,072 messages (Vonage WebSockets guide)."""

MAX_WAITING_FRAMES = 4000
"""Frames of a call that may wait for the disk; further ones are not recorded."""

MAX_WAITING_BYTES = 128 * 2**20
"""Bytes of all calls that may wait: a disk that hangs must not cost the process its memory.

20 s of 100 calls at 16 kHz; audio that was sent ahead of time waits, too, 0.5 MB a call at most.
"""


class Recording:
    """Recording of one call; made by `Recorder.start`.

    Args:
        disk: to write to.
        call: its id.
        rate: Hz.
        clock: monotonic, in seconds.

    """

    def __init__(self, disk: Disk, call: str, rate: int, clock: Callable[[], float]) -> None:
        self._disk = disk
        self._call = call
        self._rate = rate
        self._clock = clock
        self._began = clock()
        self._started = time.time()
        self._in = Track(rate, AHEAD_IN_SECONDS)
        self._out = Track(rate, AHEAD_OUT_SECONDS)
        self._left: deque[Piece] = deque()
        self._right: deque[Piece] = deque()
        # Frames that the thread has, and their bytes.
        self._writing = self._writing_bytes = 0
        self._over = False
        self._ended: float | None = None
        self._loop = asyncio.get_running_loop()
        self._turn = self._loop.create_future()
        self._facts: dict[str, object] = {}
        self.dropped = 0
        """Frames that are missing from the file."""
        self.task = asyncio.create_task(self._write())
        """Ends when the file is finished, or has failed."""

    def received(self, frame: bytes) -> None:
        """Queue a frame that came."""
        self._queue(self._in, self._left, frame)

    def sent(self, frame: bytes) -> None:
        """Queue a frame that was sent."""
        self._queue(self._out, self._right, frame)

    def cleared(self) -> None:
        """Drop audio that the platform was told to clear."""
        here = self._out.clear(self._clock() - self._began)
        while self._right and self._right[-1][0] >= here:
            self._disk.waiting_bytes -= len(self._right.pop()[1])

    def end(self, metadata: Mapping[str, Any], summary: Mapping[str, object]) -> None:
        """The call is over: finish the file. Does not wait for it.

        Args:
            metadata: of the first message, masked if it must be.
            summary: figures of the call.

        """
        self._facts = {"metadata": dict(metadata), "summary": dict(summary)}
        self._ended = self._clock()
        self._resume()

    def _queue(self, track: Track, pieces: deque[Piece], frame: bytes) -> None:
        if self._over:
            if self._ended is None:
                self._drop(1)
            return
        place, size, disk = None, len(frame), self._disk
        if len(pieces) < MAX_WAITING_FRAMES and disk.waiting_bytes + size <= MAX_WAITING_BYTES:
            place = track.place(size // 2, self._clock() - self._began)
        if place is None:
            self._drop(1)
        else:
            pieces.append((place, frame))
            disk.waiting_bytes += size

    def _drop(self, frames: int) -> None:
        self.dropped += frames
        self._disk.counts.dropped_frames += frames

    async def _write(self) -> None:
        try:
            paths, file = await self._disk.run(
                files.create, self._disk.folder, self._call, self._started, self._rate
            )
        except OSError as error:
            self._fail(error)
            return
        problem: OSError | None = None
        try:
            job = self._disk.submit_soon(file.write, *self._taken())
            while self._ended is None:
                await self._pause(LOST_SECONDS - BATCH_SECONDS)
                # While the thread is busy with the last write, no other is queued.
                if job.done:
                    job.check()
                    job = self._disk.submit_soon(file.write, *self._taken())
            # The thread works in order: the last write is done by then.
            await self._disk.run(job.check)
            await self._disk.run(file.write, *self._taken())
        except OSError as error:
            problem = error
            self._fail(error)
            # The file is complete up to here; the facts about the call come at its end.
            while self._ended is None:
                await self._pause(None)
        try:
            await self._disk.run(file.close)
            await self._disk.run(files.finish, paths, self._all_facts(paths, file, problem))
        except OSError as error:
            if problem is None:
                self._fail(error)
            return
        if problem is None:
            self._over = True
            self._discard()
            self._disk.counts.finished += 1
            logger.info(
                "recorded",
                call=self._call,
                file=paths[1].name,
                seconds=file.seconds,
                dropped_frames=self.dropped or None,
            )

    def _taken(self) -> tuple[list[Piece], list[Piece], int]:
        """Take the pieces of both channels that are due, and the end of the time line."""
        now = self._clock() if self._ended is None else self._ended
        until = round((now - self._began) * self._rate)
        left, right = _before(self._left, until), _before(self._right, until)
        self._written()
        self._writing = len(left) + len(right)
        self._writing_bytes = sum(len(frame) for _, frame in (*left, *right))
        return left, right, until

    def _written(self) -> None:
        """Note that the thread has written what it had."""
        self._disk.waiting_bytes -= self._writing_bytes
        self._writing = self._writing_bytes = 0

    def _discard(self) -> None:
        """Drop what waits: nothing more will be written."""
        self._written()
        for pieces in (self._left, self._right):
            self._disk.waiting_bytes -= sum(len(frame) for _, frame in pieces)
            pieces.clear()

    async def _pause(self, seconds: float | None) -> None:
        """Wait for the end of the call, at most so long."""
        if self._ended is not None:
            return
        self._turn = self._loop.create_future()
        # Cheaper than `asyncio.timeout`, for each call twice a second.
        timer = None if seconds is None else self._loop.call_later(seconds, self._resume)
        await self._turn
        if timer is not None:
            timer.cancel()

    def _resume(self) -> None:
        if not self._turn.done():
            self._turn.set_result(None)

    def _fail(self, error: OSError) -> None:
        self._over = True
        # What the failed write had is missing, too: the header does not cover it.
        self._drop(self._writing + len(self._left) + len(self._right))
        self._discard()
        self._disk.counts.failed += 1
        logger.error(
            "recording_failed",
            call=self._call,
            folder=self._disk.folder,
            error=error.strerror or error,
            message="the call continues; check the free space and the owner of RECORDINGS_DIR",
        )

    def _all_facts(
        self, paths: files.Paths, file: StereoFile, problem: OSError | None
    ) -> dict[str, object]:
        started = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(self._started))
        return {
            "call": self._call,
            "file": paths[1].name,
            "started": started,
            "seconds": round(file.seconds, 3),
            "rate": self._rate,
            "channels": ["what came from the call", "what was sent to it"],
            "complete": problem is None and not self.dropped,
            "dropped_frames": self.dropped,
            **self._facts,
        }


def _before(pieces: deque[Piece], until: int) -> list[Piece]:
    if pieces and pieces[-1][0] < until:
        taken = list(pieces)
        pieces.clear()
        return taken
    taken = []
    while pieces and pieces[0][0] < until:
        taken.append(pieces.popleft())
    return taken
