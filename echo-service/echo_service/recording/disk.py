"""Disk that all recordings share: its thread, how much waits for it, and their results."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

__all__ = ["BATCH_SECONDS", "Disk", "Job", "RecordingCounts"]

T = TypeVar("T")

BATCH_SECONDS = 0.05
"""How long a write may wait for others. Waking the thread costs as much as a write of a call."""


@dataclass
class RecordingCounts:
    """Results of recordings since the start of the process."""

    finished: int = 0
    failed: int = 0
    dropped_frames: int = 0


class Job:
    """Work that the thread does together with other jobs.

    Args:
        work: what blocks.
        arguments: of it.

    """

    __slots__ = ("_arguments", "_error", "_work", "done")

    def __init__(self, work: Callable[..., object], arguments: tuple[object, ...]) -> None:
        self._work, self._arguments = work, arguments
        self._error: Exception | None = None
        self.done = False
        """Whether it was done, or has failed."""

    def run(self) -> None:
        """Do the work, in the thread."""
        try:
            self._work(*self._arguments)
        except Exception as error:
            self._error = error
        self._arguments = ()
        self.done = True

    def check(self) -> None:
        """Raise what the work raised."""
        if self._error is not None:
            raise self._error


class Disk:
    """Runs blocking work in one thread, because a disk does one thing at a time.

    Args:
        folder: where recordings are kept; it is created when one is made.

    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.counts = RecordingCounts()
        self.waiting_bytes = 0
        """Bytes of all recordings that have not been written yet."""
        self._thread = ThreadPoolExecutor(1, "recordings")
        self._batch: list[Job] = []
        self._timer: asyncio.TimerHandle | None = None

    def submit(self, work: Callable[..., T], *arguments: object) -> Future[T]:
        """Queue blocking work, behind all that was queued before."""
        self._submit_batch()
        return self._thread.submit(work, *arguments)

    def submit_soon(self, work: Callable[..., object], *arguments: object) -> Job:
        """Queue blocking work within `BATCH_SECONDS`, together with that of other recordings.

        Each recording has at most one job in the queue.
        """
        job = Job(work, arguments)
        if not self._batch:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(BATCH_SECONDS, self._submit_batch)
        self._batch.append(job)
        return job

    def _submit_batch(self) -> None:
        if self._batch:
            assert self._timer is not None  # noqa: S101 - set with the first job
            self._timer.cancel()
            self._thread.submit(_run, self._batch)
            self._batch = []

    async def run(self, work: Callable[..., T], *arguments: object) -> T:
        """Queue blocking work, and wait for it."""
        return await asyncio.wrap_future(self.submit(work, *arguments))

    def close(self) -> None:
        """Stop the thread; queued work is dropped."""
        if self._timer is not None:
            self._timer.cancel()
        self._thread.shutdown(wait=False, cancel_futures=True)


def _run(jobs: list[Job]) -> None:
    for job in jobs:
        job.run()
