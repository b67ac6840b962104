"""Recorder: starts recordings, finishes them when the service stops, and removes old ones.

Left is what came from the call, right what was sent to it, each at the time when it would be
heard. The event loop only queues frames; a thread that all calls share writes them, twice a second.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path

from ..logs import get_logger
from . import folder as files
from .disk import Disk
from .recording import Recording

__all__ = ["Recorder"]

logger = get_logger(__name__)

CLOSE_SECONDS = 10.0  # how long the last files may take when the service stops
CLEANUP_SECONDS = 3600.0
LOOK_SECONDS = 2.0  # how long the start waits for a word of the folder


class Recorder:
    """Records calls into a folder: an asynchronous context manager.

    Args:
        folder: where to; it is created if needed.
        days: how long recordings are kept; 0 keeps them.
        clock: monotonic, in seconds.

    """

    def __init__(
        self, folder: Path, days: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._disk = Disk(folder)
        self.counts = self._disk.counts
        self._days = days
        self._clock = clock
        self._live: set[asyncio.Task[None]] = set()
        self._cleanup: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Recorder:
        with contextlib.suppress(TimeoutError):  # a disk that hangs is reported by each recording
            async with asyncio.timeout(LOOK_SECONDS):
                await self._look()
        if self._days:
            self._cleanup = asyncio.create_task(self._remove_old())
        return self

    async def _look(self) -> None:
        if not await self._disk.run(files.is_writable, self._disk.folder):
            logger.warning(
                "recordings_not_writable",
                folder=self._disk.folder,
                message=f"no call can be recorded: this process, uid {os.getuid()}, may not write "
                "there; chown the folder, or set RECORDINGS_DIR to another one",
            )

    async def __aexit__(self, *_: object) -> None:
        """Wait until the files of ended calls are finished."""
        tasks = [*self._live]
        if self._cleanup is not None:
            self._cleanup.cancel()
            tasks.append(self._cleanup)
        if tasks:
            await asyncio.wait(tasks, timeout=CLOSE_SECONDS)
        self._disk.close()

    def start(self, call: str, rate: int) -> Recording:
        """Record a call from now on; `call` is its id, `rate` its sample rate in Hz."""
        recording = Recording(self._disk, call, rate, self._clock)
        self._live.add(recording.task)
        recording.task.add_done_callback(self._live.discard)
        return recording

    async def _remove_old(self) -> None:
        disk = self._disk
        while True:
            removed = 0
            try:
                removed = await disk.run(files.remove_old, disk.folder, self._days, time.time())
            except FileNotFoundError:
                pass  # There is no recording yet.
            except OSError as error:
                logger.error(
                    "recordings_not_removed",
                    folder=disk.folder,
                    error=error.strerror or error,
                    message="old recordings could not be removed; check who owns RECORDINGS_DIR",
                )
            if removed:
                logger.info("recordings_removed", files=removed, days=self._days)
            await asyncio.sleep(CLEANUP_SECONDS)
