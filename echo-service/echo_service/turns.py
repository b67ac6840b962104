"""Fairness: a peer that sends much at once gets its work done in turns, between other peers."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

__all__ = ["Turns"]


class Turns:
    """A queue of which one turn is taken in each round of the event loop.

    However many peers flood the service, whoever sends one frame now and then waits for one
    turn, not for all.

    Args:
        loop: the event loop.

    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._queue: deque[Callable[[], None]] = deque()

    def add(self, turn: Callable[[], None]) -> None:
        """Queue a turn."""
        if not self._queue:
            self._loop.call_soon(self._take)
        self._queue.append(turn)

    def _take(self) -> None:
        turn = self._queue[0]
        try:
            turn()
        finally:
            self._queue.popleft()
            if self._queue:
                self._loop.call_soon(self._take)
