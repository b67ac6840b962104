"""Jitter buffer of a page's audio: a browser's frames in, one frame every 20 ms out.

Pure: nothing runs in it. It adapts by itself. A frame that comes too late leaves a gap of silence,
and stays behind as one more in the buffer. Those that nobody needed for a while are left out; after
each gap that while is twice as long, after each without one half.
"""

from collections import deque

from phone.constants import FRAME_MS

__all__ = ["JitterBuffer"]

FRAMES_MAX = 25  # half a second; a page that sends more at once loses the oldest
WATCHED_TICKS = 50  # a second, in which the buffer must have been empty once
WATCHED_MOST = 800  # 16 seconds


class JitterBuffer:
    """Takes frames when they come, gives one at each tick.

    Args:
        late: gaps in a running stream.
        dropped: frames left out to keep the delay short.

    """

    def __init__(self) -> None:
        self.late = 0
        self.dropped = 0
        self._frames: deque[bytes] = deque()
        self._least = FRAMES_MAX
        self._ticks = 0
        self._watched = WATCHED_TICKS
        self._running = False
        self._gap = False

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
            if self._running:
                self.late += 1
                self._running = False  # one gap, however long
                self._gap = True
                self._watched = min(2 * self._watched, WATCHED_MOST)
            self._least = 0
            return None
        self._running = True
        frame = self._frames.popleft()
        self._least = min(self._least, len(self._frames))
        self._ticks += 1
        if self._ticks >= self._watched:
            for _ in range(self._least):
                self._frames.popleft()
                self.dropped += 1
            if not self._gap:
                self._watched = max(self._watched // 2, WATCHED_TICKS)
            self._ticks, self._least, self._gap = 0, FRAMES_MAX, False
        return frame
