"""Statistics of calls: frames, bytes, and the gaps between frames.

They are counted where a frame passes. Reading them changes nothing.
"""

from __future__ import annotations

import operator
from bisect import bisect_left
from dataclasses import dataclass, field

from .. import protocol

__all__ = ["GAP_BOUNDS_MS", "LATE_MS", "CallStats", "CallTotals"]

LATE_MS = 60
"""A frame is late if it comes more than this after it was due, 20 ms after the one before."""

GAP_BOUNDS_MS = (30, 40, 60, 80, 120, 250, 500, 1000, 2500)
"""Upper bounds of the histogram of gaps, in ms. Up to the first, a frame is on time."""

_ON_TIME = GAP_BOUNDS_MS[0] / 1000
_LATE = (protocol.FRAME_MS + LATE_MS) / 1000
_BOUNDS = tuple(bound / 1000 for bound in GAP_BOUNDS_MS)


@dataclass
class CallTotals:
    """Figures of one call, or sums over several: frames, bytes, texts, seconds."""

    frames_in: int = 0
    frames_out: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    odd_frames: int = 0
    late_frames: int = 0
    dropped_frames: int = 0
    texts: int = 0
    gap_seconds: float = 0.0
    gaps: tuple[int, ...] = (0,) * (len(_BOUNDS) + 1)
    """Gaps by length: one number for each of `GAP_BOUNDS_MS`, and one for longer gaps."""

    def __add__(self, other: CallTotals) -> CallTotals:
        return CallTotals(
            self.frames_in + other.frames_in,
            self.frames_out + other.frames_out,
            self.bytes_in + other.bytes_in,
            self.bytes_out + other.bytes_out,
            self.odd_frames + other.odd_frames,
            self.late_frames + other.late_frames,
            self.dropped_frames + other.dropped_frames,
            self.texts + other.texts,
            self.gap_seconds + other.gap_seconds,
            tuple(map(operator.add, self.gaps, other.gaps)),
        )


@dataclass(slots=True, eq=False)
class CallStats:
    """Counters of one call; `totals` reads them.

    The fast path counts frames of one size as a run: it increments `run_frames` for each, and
    calls `start_run` when the size changes.
    """

    frame_bytes: int = 0
    """Bytes that a frame should have; 0 while that is not known."""
    run_frames: int = 0
    """Frames of the current run."""
    run_bytes: int = 0
    """Bytes of each frame of the current run."""
    run_echoed: bool = True
    """Whether the frames of runs are sent back at once."""
    first_frame_at: float = 0.0
    last_frame_at: float = 0.0
    """Seconds on the event loop's clock; 0 before the first frame."""
    longest_gap: float = 0.0
    max_ignored_gap: float = 0.0
    """Seconds up to which a gap need not be counted, because it changes nothing."""
    late_frames: int = 0
    dropped_frames: int = 0
    texts: int = 0
    _frames_in: int = 0
    _bytes_in: int = 0
    _frames_out: int = 0
    _bytes_out: int = 0
    _odd_frames: int = 0
    # As `CallTotals.gaps`, but those up to the first bound are not counted.
    _gaps: list[int] = field(default_factory=lambda: [0] * (len(_BOUNDS) + 1))

    def totals(self) -> CallTotals:
        """Return the figures as they are now."""
        run, run_bytes = self.run_frames, self.run_frames * self.run_bytes
        frames_in, longer = self._frames_in + run, self._gaps[1:]
        sent = int(self.run_echoed)
        return CallTotals(
            frames_in=frames_in,
            frames_out=self._frames_out + sent * run,
            bytes_in=self._bytes_in + run_bytes,
            bytes_out=self._bytes_out + sent * run_bytes,
            odd_frames=self._odd_frames + self._odd_in_run(),
            late_frames=self.late_frames,
            dropped_frames=self.dropped_frames,
            texts=self.texts,
            gap_seconds=self.last_frame_at - self.first_frame_at,
            gaps=(max(frames_in - 1, 0) - sum(longer), *longer),
        )

    def expect(self, frame_bytes: int) -> None:
        """Set the size that frames should have from now on, in bytes; 0 if it is not known."""
        self.start_run(self.run_bytes)
        self.frame_bytes = frame_bytes

    def start_run(self, frame_bytes: int) -> None:
        """End the current run, and start one with frames of so many bytes."""
        self._odd_frames += self._odd_in_run()
        frames, total = self.run_frames, self.run_frames * self.run_bytes
        self.run_frames, self.run_bytes = 0, frame_bytes
        self._frames_in += frames
        self._bytes_in += total
        if self.run_echoed:
            self.sent(frames, total)

    def received(self, now: float, frames: int, total: int, odd: int, echoed: bool) -> None:
        """Count frames that came in one read.

        Args:
            now: seconds on the event loop's clock.
            frames: how many.
            total: their bytes.
            odd: how many of them have another size than `frame_bytes`.
            echoed: whether they were sent back at once.

        """
        if self.first_frame_at:
            gap = now - self.last_frame_at
            if gap > self.max_ignored_gap:
                self.count_gap(gap)
        else:
            self.first_frame_at = now
        self.last_frame_at = now
        self._frames_in += frames
        self._bytes_in += total
        if self.frame_bytes:
            self._odd_frames += odd
        if echoed:
            self._frames_out += frames
            self._bytes_out += total

    def sent(self, frames: int, total: int) -> None:
        """Count frames that were sent, and their bytes in all."""
        self._frames_out += frames
        self._bytes_out += total

    def count_gap(self, seconds: float) -> None:
        """Count a gap between two frames that is longer than `max_ignored_gap`."""
        if seconds > self.longest_gap:
            self.longest_gap = seconds
        if seconds > _ON_TIME:
            self._gaps[bisect_left(_BOUNDS, seconds)] += 1
            if seconds > _LATE:
                self.late_frames += 1
        self.max_ignored_gap = min(self.longest_gap, _ON_TIME)

    def _odd_in_run(self) -> int:
        return self.run_frames if self.frame_bytes not in (0, self.run_bytes) else 0
