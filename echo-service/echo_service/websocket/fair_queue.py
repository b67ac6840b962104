"""Fair queue: connections with much to process take turns, so that none delays the others."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

__all__ = ["FairQueue"]


class FairQueue:
    """A queue that runs one turn in each round of the event loop.

    However many peers flood the service, a peer that sends one frame at a time waits for one turn
    at most, not for all.

    Args:
        loop: the event loop.

    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._queue: deque[Callable[[], None]] = deque()

    def add(self, turn: Callable[[], None]) -> None:
        """Queue a turn. A connection has at most one, so the queue is bounded."""
        if not self._queue:
            self._loop.call_soon(self._run_next)
        self._queue.append(turn)

    def _run_next(self) -> None:
        turn = self._queue[0]
        try:
            turn()
        finally:
            self._queue.popleft()
            if self._queue:
                self._loop.call_soon(self._run_next)
