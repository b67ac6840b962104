"""Disk that all recordings share: its thread, how much waits for it, and their results."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

__all__ = ["Disk", "RecordingCounts"]

T = TypeVar("T")


@dataclass
class RecordingCounts:
    """Results of recordings since the start of the process."""

    finished: int = 0
    failed: int = 0
    dropped_frames: int = 0


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

    def submit(self, work: Callable[..., T], *arguments: object) -> Future[T]:
        """Queue blocking work. Each recording has at most one job in the queue."""
        return self._thread.submit(work, *arguments)

    async def run(self, work: Callable[..., T], *arguments: object) -> T:
        """Queue blocking work, and wait for it."""
        return await asyncio.wrap_future(self.submit(work, *arguments))

    def close(self) -> None:
        """Stop the thread; queued work is dropped."""
        self._thread.shutdown(wait=False, cancel_futures=True)
