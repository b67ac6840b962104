"""Limit on requests in any rolling second. Pure: the caller passes the time."""

from collections import deque

__all__ = ["RollingSecond"]

SECOND = 1.0


class RollingSecond:
    """Allows so many requests in any second, wherever the second begins.

    A request counts from the moment it is sent until a second after its answer came: it reached the
    platform at some time between the two, so however long each was on its way, the platform sees no
    more than the limit.

    Args:
        limit: requests in a second.

    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._under_way = 0
        self._answered: deque[float] = deque()

    def wait(self, now: float) -> float:
        """Return the seconds until one more may be sent, 0 for at once.

        While all are still under way the time is not known, and a second is returned.
        """
        while self._answered and now - self._answered[0] >= SECOND:
            self._answered.popleft()
        if self._under_way + len(self._answered) < self._limit:
            return 0.0
        return self._answered[0] + SECOND - now if self._answered else SECOND

    def sent(self) -> None:
        """Count one that is being sent."""
        self._under_way += 1

    def answered(self, now: float) -> None:
        """Note that the answer to one has come, or never will."""
        self._under_way -= 1
        self._answered.append(now)
