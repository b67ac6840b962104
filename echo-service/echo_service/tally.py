"""What is counted of a call, and of all calls: frames, bytes, and the gaps between frames."""

from __future__ import annotations

from bisect import bisect_left

from . import wire

__all__ = ["GAPS_MS", "LATE_MS", "ON_TIME", "Tally"]

LATE_MS = 60
"""A frame is late that comes so many ms after it was due, which is 20 ms after the one before."""

GAPS_MS = (30, 40, 60, 80, 120, 250, 500, 1000, 2500)
"""Upper bounds of the gaps that are told apart, in ms. Up to the first, a frame is on time."""

ON_TIME = GAPS_MS[0] / 1000
"""Seconds between two frames that need no closer look."""

_LATE = (wire.FRAME_MS + LATE_MS) / 1000
_BOUNDS = tuple(bound / 1000 for bound in GAPS_MS)


class Tally:
    """Counters of one call; also the sum of those of many."""

    __slots__ = (
        "bytes_in",
        "bytes_out",
        "dropped",
        "frames_in",
        "frames_out",
        "gap_seconds",
        "gaps",
        "late",
        "longest_gap",
        "odd",
        "texts",
    )

    def __init__(self) -> None:
        self.frames_in = self.bytes_in = 0
        self.frames_out = self.bytes_out = 0
        self.odd = self.late = self.dropped = self.texts = 0
        self.longest_gap = self.gap_seconds = 0.0
        # By GAPS_MS, and one place for longer ones. In a call's own, the first place stays 0.
        self.gaps = [0] * (len(GAPS_MS) + 1)

    def gap_counts(self) -> list[int]:
        """Of one call: how many gaps were up to each of GAPS_MS, and how many were longer."""
        others = self.gaps[1:]
        return [max(self.frames_in - 1, 0) - sum(others), *others]

    def gap(self, seconds: float) -> float:
        """Note a gap between two frames.

        Args:
            seconds: the gap.

        Returns:
            Seconds up to which the next gap need not be noted: it would change nothing here.

        """
        if seconds > self.longest_gap:
            self.longest_gap = seconds
        if seconds > ON_TIME:
            self.gaps[bisect_left(_BOUNDS, seconds)] += 1
            if seconds > _LATE:
                self.late += 1
        return min(self.longest_gap, ON_TIME)

    def add(self, other: Tally) -> None:
        """Add the tally of one call to this sum."""
        self._add(other, other.gap_counts())

    def add_sum(self, other: Tally) -> None:
        """Add another sum to this one."""
        self._add(other, other.gaps)

    def _add(self, other: Tally, gaps: list[int]) -> None:
        self.frames_in += other.frames_in
        self.bytes_in += other.bytes_in
        self.frames_out += other.frames_out
        self.bytes_out += other.bytes_out
        self.odd += other.odd
        self.late += other.late
        self.dropped += other.dropped
        self.texts += other.texts
        self.gap_seconds += other.gap_seconds
        self.longest_gap = max(self.longest_gap, other.longest_gap)
        self.gaps = [mine + theirs for mine, theirs in zip(self.gaps, gaps, strict=True)]
