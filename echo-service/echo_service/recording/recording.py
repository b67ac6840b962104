"""One call that is being recorded: its frames wait here until they are written."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ..logs import event
from . import folder as files
from .stereo import Piece, StereoFile
from .timeline import Track

if TYPE_CHECKING:
    from .recorder import Recorder

__all__ = ["Recording"]

logger = logging.getLogger(__name__)

WRITE_SECONDS = 0.5
"""Between two writes of a call: what a crash can cost."""

AHEAD_IN_SECONDS = 2.0
"""How much faster than real time audio may come; what comes faster is not recorded."""

AHEAD_OUT_SECONDS = 62.0
"""How far ahead audio may be sent: the platform keeps 3,072 messages (Vonage WebSockets guide)."""

WAITING = 4000
"""Frames of a call that may wait for the disk; what comes then is not recorded."""

WAITING_BYTES = 128 * 2**20
"""Bytes of all calls that may wait: a disk that hangs must not cost the process its memory.

20 s of 100 calls at 16 kHz; sound that was sent ahead of its time waits, too, 0.5 MB of it a call.
"""


class Recording:
    """One call that is being recorded; made by `Recorder.start`."""

    def __init__(
        self, recorder: Recorder, call: str, rate: int, clock: Callable[[], float]
    ) -> None:
        self._recorder = recorder
        self._call = call
        self._rate = rate
        self._clock = clock
        self._began = clock()
        self._started = time.time()
        self._in = Track(rate, AHEAD_IN_SECONDS)
        self._out = Track(rate, AHEAD_OUT_SECONDS)
        self._left: deque[Piece] = deque()
        self._right: deque[Piece] = deque()
        # The sizes of the frames that the thread has.
        self._writing: list[int] = []
        self._over = False
        self._ended: float | None = None
        self._waking: asyncio.Future[None] | None = None
        self._facts: dict[str, object] = {}
        self.dropped = 0
        """Frames that are missing from the file."""
        self.task = asyncio.create_task(self._write())
        """Ends when the file is finished, or given up."""

    def heard(self, frame: bytes) -> None:
        """Note a frame that came."""
        self._note(self._in, self._left, frame)

    def said(self, frame: bytes) -> None:
        """Note a frame that was sent."""
        self._note(self._out, self._right, frame)

    def cleared(self) -> None:
        """Note that the platform was told to forget what it has not played."""
        here = self._out.clear(self._clock() - self._began)
        while self._right and self._right[-1][0] >= here:
            self._recorder.waiting -= len(self._right.pop()[1])

    def end(self, metadata: Mapping[str, Any], summary: Mapping[str, object]) -> None:
        """The call is over: finish the file. Does not wait for it.

        Args:
            metadata: what the first message said, as it may be shown.
            summary: the figures of the call.

        """
        self._facts = {"metadata": dict(metadata), "summary": dict(summary)}
        self._ended = self._clock()
        self._wake()

    def _note(self, track: Track, pieces: deque[Piece], frame: bytes) -> None:
        if self._over:
            if self._ended is None:
                self._drop(1)
            return
        place = None
        if len(pieces) < WAITING and self._recorder.waiting + len(frame) <= WAITING_BYTES:
            place = track.place(len(frame) // 2, self._clock() - self._began)
        if place is None:
            self._drop(1)
        else:
            pieces.append((place, frame))
            self._recorder.waiting += len(frame)

    def _drop(self, frames: int) -> None:
        self.dropped += frames
        self._recorder.counts.dropped_frames += frames

    async def _write(self) -> None:
        try:
            paths, file = await self._recorder.do(
                files.create, self._recorder.folder, self._call, self._started, self._rate
            )
        except OSError as error:
            self._give_up(error)
            return
        problem: OSError | None = None
        try:
            job = self._recorder.submit(file.write, *self._taken())
            while self._ended is None:
                await self._pause(WRITE_SECONDS)
                # What the thread has not come to yet is not made longer.
                if job.done():
                    job.result()
                    job = self._recorder.submit(file.write, *self._taken())
            await asyncio.wrap_future(job)
            await self._recorder.do(file.write, *self._taken())
        except OSError as error:
            problem = error
            self._give_up(error)
            # The file is whole up to here; what is known of the call comes at its end.
            while self._ended is None:
                await self._pause(None)
        try:
            await self._recorder.do(file.close)
            await self._recorder.do(files.finish, paths, self._all_facts(paths, file, problem))
        except OSError as error:
            if problem is None:
                self._give_up(error)
            return
        if problem is None:
            self._over = True
            self._forget()
            self._recorder.counts.finished += 1
            event(
                logger,
                "recorded",
                call=self._call,
                file=paths[1].name,
                seconds=file.seconds,
                dropped_frames=self.dropped or None,
            )

    def _taken(self) -> tuple[list[Piece], list[Piece], int]:
        """Take what is to be written: both channels, and the end of the time line."""
        now = self._clock() if self._ended is None else self._ended
        until = round((now - self._began) * self._rate)
        left, right = _before(self._left, until), _before(self._right, until)
        self._let_go()
        self._writing = [len(frame) for _, frame in (*left, *right)]
        return left, right, until

    def _let_go(self) -> None:
        """The thread is done with what it had."""
        self._recorder.waiting -= sum(self._writing)
        self._writing = []

    def _forget(self) -> None:
        """Nothing more will be written."""
        self._let_go()
        for pieces in (self._left, self._right):
            self._recorder.waiting -= sum(len(frame) for _, frame in pieces)
            pieces.clear()

    async def _pause(self, seconds: float | None) -> None:
        # Lighter than a timeout around an event: this is done often.
        loop = asyncio.get_running_loop()
        self._waking = loop.create_future()
        timer = None if seconds is None else loop.call_later(seconds, self._wake)
        try:
            await self._waking
        finally:
            if timer is not None:
                timer.cancel()

    def _wake(self) -> None:
        if self._waking is not None and not self._waking.done():
            self._waking.set_result(None)

    def _give_up(self, error: OSError) -> None:
        self._over = True
        # What the failed write was to bring is missing, too: the header does not speak of it.
        self._drop(len(self._writing) + len(self._left) + len(self._right))
        self._forget()
        self._recorder.counts.failed += 1
        event(
            logger,
            "recording_failed",
            logging.ERROR,
            call=self._call,
            folder=self._recorder.folder,
            error=error.strerror or error,
            message="the call goes on; see to the space and the owner of RECORDINGS_DIR",
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
    taken = []
    while pieces and pieces[0][0] < until:
        taken.append(pieces.popleft())
    return taken
