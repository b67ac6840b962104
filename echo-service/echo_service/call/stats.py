"""Statistics of calls: frames, bytes, and the gaps between frames.

They are counted where a frame passes. Reading them changes nothing.
"""

from __future__ import annotations

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


class CallStats:
    """Counters of one call.

    The fast path counts frames of one size as a run: it increments `run_frames` for each, and
    calls `start_run` when the size changes. All other figures are properties that add the run.
    """

    __slots__ = (
        "_bytes_in",
        "_bytes_out",
        "_frames_in",
        "_frames_out",
        "_gaps",
        "_odd_frames",
        "dropped_frames",
        "first_frame_at",
        "frame_bytes",
        "last_frame_at",
        "late_frames",
        "longest_gap",
        "max_ignored_gap",
        "run_bytes",
        "run_frames",
        "texts",
    )

    def __init__(self) -> None:
        self.frame_bytes = 0
        """Bytes that a frame should have; 0 while that is not known."""
        self.run_frames = 0
        """Frames of the current run, all of them echoed."""
        self.run_bytes = 0
        """Bytes of each frame of the current run."""
        self.first_frame_at = self.last_frame_at = 0.0
        """Seconds on the event loop's clock; 0 before the first frame."""
        self.late_frames = self.dropped_frames = self.texts = 0
        self.longest_gap = 0.0
        """Seconds."""
        self.max_ignored_gap = 0.0
        """Seconds up to which a gap need not be counted, because it changes nothing."""
        self._frames_in = self._bytes_in = 0
        self._frames_out = self._bytes_out = 0
        self._odd_frames = 0
        # By _BOUNDS, and one place for longer ones; those up to the first are not counted.
        self._gaps = [0] * (len(_BOUNDS) + 1)

    # Reading

    @property
    def frames_in(self) -> int:
        """Frames that came."""
        return self._frames_in + self.run_frames

    @property
    def frames_out(self) -> int:
        """Frames that were sent."""
        return self._frames_out + self.run_frames

    @property
    def bytes_in(self) -> int:
        """Bytes of audio that came."""
        return self._bytes_in + self.run_frames * self.run_bytes

    @property
    def bytes_out(self) -> int:
        """Bytes of audio that were sent."""
        return self._bytes_out + self.run_frames * self.run_bytes

    @property
    def odd_frames(self) -> int:
        """Frames that came with another size than expected."""
        return self._odd_frames + self.run_frames * self._is_odd(self.run_bytes)

    @property
    def gap_seconds(self) -> float:
        """Sum of all gaps: seconds between the first and the last frame."""
        return self.last_frame_at - self.first_frame_at

    def gap_counts(self) -> list[int]:
        """Count gaps by size: one number for each of `GAP_BOUNDS_MS`, and one for longer gaps."""
        longer = self._gaps[1:]
        return [max(self.frames_in - 1, 0) - sum(longer), *longer]

    # Counting

    def expect(self, frame_bytes: int) -> None:
        """Set the size that frames should have from now on, in bytes; 0 if it is not known."""
        self.start_run(self.run_bytes)
        self.frame_bytes = frame_bytes

    def start_run(self, frame_bytes: int) -> None:
        """End the current run, and start one with frames of so many bytes."""
        frames, total = self.run_frames, self.run_frames * self.run_bytes
        self._odd_frames += frames * self._is_odd(self.run_bytes)
        self.run_frames, self.run_bytes = 0, frame_bytes
        self._frames_in += frames
        self._bytes_in += total
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

    def _is_odd(self, size: int) -> bool:
        return bool(self.frame_bytes) and size != self.frame_bytes


@dataclass
class CallTotals:
    """Sums of the statistics of several calls."""

    frames_in: int = 0
    frames_out: int = 0
    bytes_in: int = 0
    bytes_out: int = 0
    odd_frames: int = 0
    late_frames: int = 0
    dropped_frames: int = 0
    texts: int = 0
    gap_seconds: float = 0.0
    gaps: list[int] = field(default_factory=lambda: [0] * (len(_BOUNDS) + 1))
    """By `GAP_BOUNDS_MS`, and one place for longer gaps."""

    def add(self, stats: CallStats) -> None:
        """Add the statistics of one call."""
        self.frames_in += stats.frames_in
        self.frames_out += stats.frames_out
        self.bytes_in += stats.bytes_in
        self.bytes_out += stats.bytes_out
        self.odd_frames += stats.odd_frames
        self.late_frames += stats.late_frames
        self.dropped_frames += stats.dropped_frames
        self.texts += stats.texts
        self.gap_seconds += stats.gap_seconds
        self.gaps = [a + b for a, b in zip(self.gaps, stats.gap_counts(), strict=True)]
