"""Endings: how the latest calls ended, for ncco-service, which has to decide what comes next."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import NamedTuple

__all__ = ["DONE", "Ending", "Endings"]

DONE = frozenset(("handler_done", "too_long"))
"""Reasons of ends that were meant: the platform should not connect such a call again."""

MAX_ENDINGS = 10_000
"""Endings that are remembered; beyond it the oldest are forgotten."""


class Ending(NamedTuple):
    """How a call ended: the reason, one word, and when, on a monotonic clock in seconds."""

    reason: str
    at: float

    @property
    def done(self) -> bool:
        """Whether the end was meant."""
        return self.reason in DONE


class Endings:
    """How the latest calls ended, by id.

    Args:
        clock: monotonic, in seconds.

    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._endings: OrderedDict[str, Ending] = OrderedDict()
        self.last_done_at: float | None = None
        """When a call last ended as it was meant to; None if none has."""

    def add(self, call_id: str, reason: str) -> None:
        """Remember how a call ended."""
        ending = self._endings[call_id] = Ending(reason, self._clock())
        self._endings.move_to_end(call_id)
        if ending.done:
            self.last_done_at = ending.at
        if len(self._endings) > MAX_ENDINGS:
            self._endings.popitem(last=False)

    def forget(self, call_id: str) -> None:
        """Forget a call, because it is live again."""
        self._endings.pop(call_id, None)

    def get(self, call_id: str) -> Ending | None:
        """Return how a call ended; None if it did not end here lately."""
        return self._endings.get(call_id)
