"""Token bucket: bounds the rate of something."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["TokenBucket"]


class TokenBucket:
    """Token bucket: allows a burst, then a number of events a second.

    Args:
        burst: how many may come at once.
        rate: how many a second are allowed in the long run.
        clock: monotonic, in seconds.

    """

    __slots__ = ("_burst", "_clock", "_denied", "_rate", "_tokens", "_updated_at")

    def __init__(
        self, burst: float, rate: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._burst = burst
        self._rate = rate
        self._clock = clock
        self._tokens = burst
        self._updated_at = clock()
        self._denied = 0

    def take(self) -> bool:
        """Take a token; returns whether there was one, and counts it as denied if not."""
        now = self._clock()
        self._tokens = min(self._burst, self._tokens + (now - self._updated_at) * self._rate)
        self._updated_at = now
        if self._tokens < 1:
            self._denied += 1
            return False
        self._tokens -= 1
        return True

    def reset_denied(self) -> int | None:
        """Return how many were denied since the last call of this; None if none were."""
        denied, self._denied = self._denied, 0
        return denied or None
