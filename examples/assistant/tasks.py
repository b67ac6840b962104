"""Tasks that a conversation starts beside its two readers: each held, and its failure logged."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from echo_service.handlers import CallEnded
from echo_service.logs import get_logger

__all__ = ["Tasks"]

logger = get_logger(__name__)


class Tasks:
    """Holds the tasks of one call until they are over.

    Args:
        call_id: for the log.

    """

    def __init__(self, call_id: str) -> None:
        self._call_id = call_id
        self._running: set[asyncio.Task[None]] = set()

    def start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Start a task."""
        task = asyncio.get_running_loop().create_task(work)
        self._running.add(task)
        task.add_done_callback(self._finished)
        return task

    async def close(self) -> None:
        """Cancel those that run, and wait for their end."""
        running = list(self._running)
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, CallEnded):
            logger.error("assistant_failed", call=self._call_id, exc_info=error)
