"""Recently ended calls, and why each ended: ncco-service asks before it connects a call again."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

__all__ = ["DONE", "Ending", "EndedCalls"]

DONE = frozenset(("handler_done", "too_long"))
"""Reasons of normal ends: the platform should not connect such a call again."""

MAX_ENDED_CALLS = 10_000  # ended calls that are remembered; beyond it the oldest are forgotten


class Ending(NamedTuple):
    """How a call ended: `reason` in one word, and `at`, seconds on a monotonic clock."""

    reason: str
    at: float

    @property
    def done(self) -> bool:
        """Whether the call ended normally and should not be reconnected."""
        return self.reason in DONE


class EndedCalls:
    """Store of recently ended calls, by id.

    Args:
        clock: monotonic, in seconds.

    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._calls: OrderedDict[str, Ending] = OrderedDict()
        self.last_done_at: float | None = None
        """When a call last ended normally; None if none has."""

    def add(self, call_id: str, reason: str) -> None:
        """Remember how a call ended."""
        ending = self._calls[call_id] = Ending(reason, self._clock())
        self._calls.move_to_end(call_id)
        if ending.done:
            self.last_done_at = ending.at
        if len(self._calls) > MAX_ENDED_CALLS:
            self._calls.popitem(last=False)

    def forget(self, call_id: str) -> None:
        """Forget a call, because it is live again."""
        self._calls.pop(call_id, None)

    def get(self, call_id: str) -> Ending | None:
        """Return how a call ended; None if it did not end here recently."""
        return self._calls.get(call_id)
