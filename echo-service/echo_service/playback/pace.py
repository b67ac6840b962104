"""When audio may be sent: ahead of real time, never more than the platform can keep. Pure.

Audio may be sent faster than real time; the platform buffers 1,024 messages in older descriptions
and 3,072 in the newest (Vonage WebSockets guide). What it does beyond that is not documented.
"""

from __future__ import annotations

__all__ = ["FRAME_SECONDS", "Pace"]

FRAME_SECONDS = 0.02

FILL = 0.75
"""The share of the buffer that is used: the rest is for clocks that differ, and for the way."""

BURST = 10
"""Frames sent in one go, and again every 20 ms while the buffer is filling: a call that starts to
play does not hold up the others."""


class Pace:
    """Reckons what the platform has still to play, on the clock of whoever asks.

    Args:
        limit: messages that the platform keeps.

    """

    __slots__ = ("_at", "_end", "_most", "_tokens", "gaps")

    def __init__(self, limit: int) -> None:
        self._most = max(1, int(limit * FILL)) * FRAME_SECONDS
        self._end = float("-inf")
        self._tokens = float(BURST)
        self._at = float("inf")
        self.gaps = 0
        """How often a sound paused because the next frame came too late."""

    @property
    def end(self) -> float:
        """When all that was sent will have been played."""
        return self._end

    def ahead(self, now: float) -> float:
        """Seconds of audio that were sent and have not been played."""
        return max(0.0, self._end - now)

    def allows(self, now: float) -> bool:
        """Whether a frame may be sent now."""
        self._tokens += max(0.0, now - self._at) * BURST / FRAME_SECONDS
        self._tokens = min(BURST, self._tokens)
        self._at = now
        # A millionth of a second is the sums' rounding, no room.
        return self._tokens >= 1 and self.ahead(now) + FRAME_SECONDS <= self._most + 1e-6

    def pause(self, now: float) -> float:
        """Seconds to wait once a frame is not allowed: a frame's time while the buffer fills.

        When it is full it is what a burst takes to be played, at most, which is cheaper than to
        wake up for every frame.
        """
        batch = min(BURST * FRAME_SECONDS, self._most / 2)
        return max(FRAME_SECONDS, self.ahead(now) - (self._most - batch))

    def sent(self, now: float, follows: bool) -> None:
        """Note that a frame was sent; `follows` if it belongs right behind the one before."""
        if now > self._end:
            self.gaps += follows
            self._end = now
        self._end += FRAME_SECONDS
        self._tokens -= 1

    def cleared(self, now: float) -> None:
        """Note that the platform was told to forget what it has."""
        self._end = min(self._end, now)
        self._tokens = float(BURST)
