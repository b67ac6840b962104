"""Place of audio on a time line, computed from its time of arrival. Pure.

An audio message has neither a sequence number nor a time stamp (Vonage WebSockets guide), so its
arrival is all there is. Arrivals jitter, and the audio must not: frames follow each other without
a gap as long as they come about in time. After a stall, frames that were held up come in a rush;
if they do not come, the missing time is filled with silence.
"""

from __future__ import annotations

__all__ = ["Track"]

JITTER_SECONDS = 0.1  # a frame that is later than this may be the first one after a pause
PATIENCE_SECONDS = 0.5  # how long frames may stay late before the time line jumps to them
LONGEST_STALL_SECONDS = 2.0  # a gap longer than this is a pause, whatever comes after it


class Track:
    """One direction of a call.

    Args:
        rate: Hz.
        ahead: seconds that audio may come ahead of time; what comes earlier is refused.

    """

    __slots__ = ("_ahead", "_cursor", "_jitter", "_late_since", "_rate")

    def __init__(self, rate: int, ahead: float) -> None:
        self._rate = rate
        self._ahead = round(ahead * rate)
        self._jitter = round(JITTER_SECONDS * rate)
        self._cursor: int | None = None
        self._late_since: int | None = None

    def place(self, samples: int, now: float) -> int | None:
        """Return the place of audio that comes now.

        Args:
            samples: how many.
            now: seconds since the start of the time line.

        Returns:
            The sample of the time line where it starts; None if it came too far ahead.

        """
        start = self._cursor
        if start is not None and -self._ahead <= now * self._rate - start <= self._jitter:
            self._late_since = None
            self._cursor = start + samples
            return start
        return self._place_anew(samples, round(now * self._rate))

    def _place_anew(self, samples: int, here: int) -> int | None:
        start = here if self._cursor is None else self._cursor
        late = here - start
        if late <= self._jitter:
            self._late_since = None
        elif late > LONGEST_STALL_SECONDS * self._rate or self._lost_patience(here):
            self._late_since = None
            start = here
        if -late > self._ahead:
            return None
        self._cursor = start + samples
        return start

    def clear(self, now: float) -> int:
        """Drop audio placed after `now`; returns the sample of the time line where that starts."""
        here = round(now * self._rate)
        if self._cursor is not None:
            self._cursor = min(self._cursor, here)
        return here

    def _lost_patience(self, here: int) -> bool:
        if self._late_since is None:
            self._late_since = here
        return here - self._late_since > PATIENCE_SECONDS * self._rate
