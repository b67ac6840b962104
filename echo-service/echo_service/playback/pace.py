"""Pace of audio: computes when the next frame may be sent. It neither waits nor sends.

Audio may be sent ahead of real time, as far as the platform buffers it: 1,024 messages in older
descriptions and 3,072 in the newest (Vonage WebSockets guide). What it does beyond that is not
documented.
"""

from __future__ import annotations

__all__ = ["FRAME_SECONDS", "Pace"]

FRAME_SECONDS = 0.02

FILL = 0.75  # share of the buffer that is used: the rest is for clock drift and network delay

BURST = 10
"""Frames sent at once, and again every 20 ms while the buffer is filling, so that a call that
starts to play does not hold up the others."""


class Pace:
    """Computes what the platform still has to play, on the caller's clock.

    Args:
        limit: messages that the platform buffers.

    """

    __slots__ = ("_at", "_end", "_max_ahead", "_tokens")

    def __init__(self, limit: int) -> None:
        self._max_ahead = max(1, int(limit * FILL)) * FRAME_SECONDS
        self._end = float("-inf")
        self._tokens = float(BURST)
        self._at = float("inf")

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
        # A millionth of a second is rounding of the sums.
        return self._tokens >= 1 and self.ahead(now) + FRAME_SECONDS <= self._max_ahead + 1e-6

    def pause(self, now: float) -> float:
        """Seconds to wait when a frame is not allowed: 20 ms while the buffer fills.

        When it is full, at most the time in which a burst is played, which is cheaper than waking
        up for every frame.
        """
        batch = min(BURST * FRAME_SECONDS, self._max_ahead / 2)
        return max(FRAME_SECONDS, self.ahead(now) - (self._max_ahead - batch))

    def sent(self, now: float) -> None:
        """Note that a frame was sent."""
        self._end = max(self._end, now) + FRAME_SECONDS
        self._tokens -= 1

    def cleared(self, now: float) -> None:
        """Note that the platform was told to drop what it has buffered."""
        self._end = min(self._end, now)
        self._tokens = float(BURST)
