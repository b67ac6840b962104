"""Position: how many of the frames that were sent have been heard. Pure.

The platform answers a `notify` when it has played what was sent before it, and a `clear` when it
has stopped. Both answers take the same way, so the time between them is what was played in between,
however long the way is. And since answers come in order, no mark is passed that was not answered.

Without marks the position follows from when frames were sent: the first starts to play when it is
sent, and each follows the one before.
"""

from __future__ import annotations

import math
from collections import deque

__all__ = ["FRAME_SECONDS", "PlayClock"]

FRAME_SECONDS = 0.02
"""Seconds of audio in a frame."""

EARLY_SECONDS = 0.015
"""How much earlier than reckoned an answer may come: less than a frame."""

ROUNDING = 1e-3
"""Frames that are the clocks' rounding, and not a frame begun."""


class PlayClock:
    """Clock of one stretch of playing, from its first frame to a `clear`. Times are in seconds."""

    __slots__ = ("_acked", "_earliest", "_end", "_marks", "_start", "sent")

    def __init__(self) -> None:
        self.sent = 0
        """Frames sent."""
        self._end = self._earliest = -math.inf
        self._acked = 0
        self._start: float | None = None
        self._marks: deque[int] = deque()

    @property
    def end(self) -> float:
        """When all that was sent will have been played, as far as this side can tell."""
        return self._end

    @property
    def heard_all(self) -> bool:
        """Whether the platform has answered the mark behind the last frame."""
        return self._acked == self.sent

    @property
    def acked(self) -> int:
        """Frames that were certainly heard."""
        return self._acked

    def frame(self, now: float) -> float:
        """Note that a frame was sent; return when it starts to play."""
        if now > self._end:
            # What played has run out: marks before the gap say nothing of what comes after it.
            self._start = None
            self._end = now
            self._earliest = now - self.sent * FRAME_SECONDS
        begins = self._end
        self._end += FRAME_SECONDS
        self.sent += 1
        return begins

    def mark(self) -> int:
        """Note that a mark was sent behind the frames so far; return what it is to carry."""
        self._marks.append(self.sent)
        return self.sent

    def answered(self, mark: int, at: float, clearing: bool = False) -> None:
        """Note that the platform answered a mark.

        Args:
            mark: what it carried.
            at: when its answer came.
            clearing: whether `clear` was sent before: then a mark may be answered because it was
                dropped, and counts only if it was due.

        """
        if mark not in self._marks:
            return
        began = self._earliest if self._start is None else self._start
        if clearing and at < began + mark * FRAME_SECONDS - EARLY_SECONDS:
            return
        while self._marks and self._marks[0] <= mark:
            self._marks.popleft()
        self._acked = mark
        # An answer may be late, never early: the earliest of them tells best when frame 0 began.
        start = at - mark * FRAME_SECONDS
        self._start = start if self._start is None else min(self._start, start)

    def heard(self, asked: float, cleared: float | None = None) -> int:
        """Return how many frames were heard before a `clear`, the one begun included.

        Args:
            asked: when `clear` was sent.
            cleared: when its answer came; None if none did.

        """
        if self._start is not None:
            playing = (asked if cleared is None else cleared) - self._start
            frames = math.ceil(playing / FRAME_SECONDS - ROUNDING)
        else:
            frames = self.sent - max(0, math.floor((self._end - asked) / FRAME_SECONDS + ROUNDING))
        most = self._marks[0] if self._marks else self.sent
        return max(self._acked, min(frames, most))
