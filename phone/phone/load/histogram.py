"""Histogram of times, of the same size however many it counts."""

from array import array
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

__all__ = ["Histogram"]

STEP_MS = 0.02
STEPS = 50_000  # up to a second; anything longer is counted as a second
STEPS_PER_MS = 1 / STEP_MS


def _zeros() -> "array[int]":
    return array("q", bytes(8 * (STEPS + 1)))


@dataclass
class Histogram:
    """Times in ms, in steps of 20 µs up to a second."""

    counts: "array[int]" = field(default_factory=_zeros)  # counts one time faster than numpy does
    longest: float = 0.0

    def add(self, milliseconds: float, times: int = 1) -> None:
        """Count a time, or several equal ones."""
        place = int(milliseconds * STEPS_PER_MS) if milliseconds > 0 else 0
        self.counts[place if place < STEPS else STEPS] += times
        if milliseconds > self.longest and times:
            self.longest = milliseconds

    def merge(self, other: "Histogram") -> None:
        """Count what another has counted."""
        sums = self.numbers() + other.numbers()
        self.counts = array("q", sums.tobytes())
        self.longest = max(self.longest, other.longest)

    def numbers(self) -> npt.NDArray[np.int64]:
        """Return how many times fell into each step."""
        return np.frombuffer(self.counts, np.int64)

    @property
    def total(self) -> int:
        """How many were counted."""
        return int(self.numbers().sum())

    def quantile(self, share: float) -> float | None:
        """Return the time that this share stays within, None when nothing was counted."""
        total = self.total
        if not total:
            return None
        place = int(np.searchsorted(np.cumsum(self.numbers()), share * total))
        return min((place + 1) * STEP_MS, self.longest)

    def as_dict(self) -> dict[str, float | None]:
        """Return the quantiles for JSON."""
        shares = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}
        quantiles = {name: _rounded(self.quantile(share)) for name, share in shares.items()}
        return {**quantiles, "max": _rounded(self.longest if self.total else None)}


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 2)
