"""Jitter buffer of a page's audio: a browser's frames in, one frame every 20 ms out.

Pure: nothing runs in it. It adapts by itself. A frame that comes too late leaves a gap of silence,
and stays behind as one more in the buffer; those that nobody needed for a second are left out.
"""

from collections import deque

from phone.constants import FRAME_MS

__all__ = ["JitterBuffer"]

FRAMES_MAX = 25  # half a second; a page that sends more at once loses the oldest
SPARE_FRAMES = 1  # that may wait all the time
WATCHED_TICKS = 50  # a second, in which fewer than the spare ones must have waited once


class JitterBuffer:
    """Takes frames when they come, gives one at each tick.

    Args:
        late: ticks of a running stream that found no frame.
        dropped: frames left out to keep the delay short.

    """

    def __init__(self) -> None:
        self.late = 0
        self.dropped = 0
        self._frames: deque[bytes] = deque()
        self._least = FRAMES_MAX
        self._ticks = 0
        self._running = False

    @property
    def wait_ms(self) -> int:
        """How long a frame that comes now will wait, to a frame."""
        return len(self._frames) * FRAME_MS

    def push(self, frame: bytes) -> None:
        """Take a frame."""
        self._frames.append(frame)
        if len(self._frames) > FRAMES_MAX:
            self._frames.popleft()
            self.dropped += 1

    def take(self) -> bytes | None:
        """Return the frame of this tick; None: silence."""
        if not self._frames:
            self.late += self._running
            self._least = 0
            return None
        self._running = True
        frame = self._frames.popleft()
        self._least = min(self._least, len(self._frames))
        self._ticks += 1
        if self._ticks >= WATCHED_TICKS:
            for _ in range(self._least - SPARE_FRAMES):
                self._frames.popleft()
                self.dropped += 1
            self._ticks, self._least = 0, FRAMES_MAX
        return frame
