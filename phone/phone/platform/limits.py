"""Limits on requests in any rolling second (concepts/cps-limit, troubleshooting guide). Pure."""

import time
from collections import deque
from collections.abc import Callable

__all__ = ["RollingLimit"]


class RollingLimit:
    """Allows so many in any second.

    Args:
        limit: how many.
        clock: tells the time, in seconds.

    """

    def __init__(self, limit: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._clock = clock
        self._taken: deque[float] = deque()

    def take(self) -> bool:
        """Return whether one more is allowed now, and count it if it is."""
        now = self._clock()
        while self._taken and self._taken[0] <= now - 1.0:
            self._taken.popleft()
        if len(self._taken) >= self._limit:
            return False
        self._taken.append(now)
        return True
