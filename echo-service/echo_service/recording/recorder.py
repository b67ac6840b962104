"""Recording calls: both directions of a call as the two channels of one WAV file.

Left is what came from the call, right what was sent to it, each at the time at which it would be
heard. The loop only notes frames; a thread that all calls share writes them, twice a second.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TypeVar

from ..logs import event
from . import folder as files
from .recording import Recording

__all__ = ["Counts", "Recorder"]

T = TypeVar("T")

logger = logging.getLogger(__name__)

CLOSE_SECONDS = 10.0
"""How long the last files may take when the service stops."""

SWEEP_SECONDS = 3600.0


@dataclass
class Counts:
    """What became of recordings since the start of the process."""

    finished: int = 0
    failed: int = 0
    dropped_frames: int = 0


class Recorder:
    """Records calls into a folder: an asynchronous context manager.

    Args:
        folder: where to; it is made if need be.
        days: how long recordings are kept; 0 keeps them for ever.
        clock: gives seconds, and never goes back.

    """

    def __init__(
        self, folder: Path, days: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.folder = folder
        self.counts = Counts()
        self.waiting = 0
        """Bytes of all calls that are not on the disk yet."""
        self._days = days
        self._clock = clock
        # One thread: a disk has one head. Each recording has at most one job in its queue.
        self._thread = ThreadPoolExecutor(1, "recordings")
        self._live: set[asyncio.Task[None]] = set()
        self._sweeper: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Recorder:
        self.open()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    def open(self) -> None:
        """Begin to remove what is too old."""
        if self._days:
            self._sweeper = asyncio.create_task(self._sweep())

    async def close(self) -> None:
        """Wait until the files of ended calls are finished."""
        tasks = [*self._live]
        if self._sweeper is not None:
            self._sweeper.cancel()
            tasks.append(self._sweeper)
        if tasks:
            await asyncio.wait(tasks, timeout=CLOSE_SECONDS)
        self._thread.shutdown(wait=False, cancel_futures=True)

    def start(self, call: str, rate: int) -> Recording:
        """Record a call from now on; `call` is its id, `rate` its sample rate in Hz."""
        recording = Recording(self, call, rate, self._clock)
        self._live.add(recording.task)
        recording.task.add_done_callback(self._live.discard)
        return recording

    def submit(self, work: Callable[..., T], *arguments: object) -> Future[T]:
        """Have something that blocks run in the recordings' thread."""
        return self._thread.submit(work, *arguments)

    async def do(self, work: Callable[..., T], *arguments: object) -> T:
        """Run something that blocks in the recordings' thread, and wait for it."""
        return await asyncio.wrap_future(self.submit(work, *arguments))

    async def _sweep(self) -> None:
        while True:
            try:
                removed = await self.do(files.remove_old, self.folder, self._days, time.time())
            except FileNotFoundError:
                removed = 0
            except OSError as error:
                removed = 0
                event(
                    logger,
                    "recordings_kept",
                    logging.ERROR,
                    folder=self.folder,
                    error=error.strerror or error,
                    message="old recordings could not be removed; see to RECORDINGS_DIR",
                )
            if removed:
                event(logger, "recordings_removed", files=removed, days=self._days)
            await asyncio.sleep(SWEEP_SECONDS)
