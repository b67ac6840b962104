"""Whose fault it is that a frame leaves late: this program's work, or a machine with other work."""

__all__ = ["Blame"]


class Blame:
    """Follows how late this program would be on a machine that has time for nothing else.

    Its own work is a queue that the clock empties: a step that took more processor time than it
    lasts makes the following ones late. What a step is late beyond that, it was kept from the
    processor. Work that piled up meanwhile is forgiven, for as long again as that took.

    Args:
        step: seconds between two steps of the clock.
    """

    def __init__(self, step: float) -> None:
        self._step = step
        self._queue = 0.0
        self._forgiven = 0.0
        self._now = self._used = 0.0

    def start(self, now: float, used: float) -> None:
        """Begin at this time, with so much processor time used."""
        self._now, self._used = now, used

    def own(self, due: float, now: float, used: float) -> float:
        """Return the seconds of a step's lateness that are this program's own.

        Args:
            due: when the step should have been taken.
            now: when it is taken.
            used: the processor time that this thread has used, in seconds.
        """
        late = now - due
        work = self._queue + (used - self._used) - self._step
        self._queue = max(-self._forgiven, work)
        own = min(late, max(0.0, self._queue))
        self._forgiven = max(late - own, self._forgiven - (now - self._now), 0.0)
        self._now, self._used = now, used
        return own
