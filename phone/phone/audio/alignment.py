"""Result of an alignment, as plain data."""

from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from phone.constants import FRAME_MS

__all__ = ["LATE_MS", "Alignment"]

# A frame is late when it takes this much longer than half of the others: three frames,
# about what a listener's jitter buffer hides.
LATE_MS = 3 * FRAME_MS


@dataclass(frozen=True)
class Alignment:
    """The comparison; lists hold indices of sent frames, except `extra`: of received ones.

    Args:
        method: "exact" by bytes, "correlation" by sound, "none": nothing came back, or nothing
        known.
        matched: frames that came back in their place.
        lost: never came back.
        changed: came back in their place with other bytes (exact), or with another sound.
        reordered: came back out of their place.
        duplicated: came back more than once.
        extra: received frames that were never sent.
        late: came back more than `LATE_MS` after the typical delay.
        delays_ms: from sending to return, of each frame that can be told from its neighbours.
        delay_frames: which sent frame each of `delays_ms` belongs to.
        last: the index of the last frame sent.
        similarity: 1.0 for the same bytes; else the median correlation of the sound.

    """

    method: Literal["exact", "correlation", "none"]
    matched: int
    lost: list[int] = field(default_factory=list)
    changed: list[int] = field(default_factory=list)
    reordered: list[int] = field(default_factory=list)
    duplicated: list[int] = field(default_factory=list)
    extra: list[int] = field(default_factory=list)
    late: list[int] = field(default_factory=list)
    delays_ms: list[float] = field(default_factory=list)
    delay_frames: list[int] = field(default_factory=list)
    last: int = -1
    similarity: float = 0.0

    @property
    def whole(self) -> bool:
        """Whether everything came back, once, in order, and nothing else."""
        wrong = (self.lost, self.changed, self.reordered, self.duplicated, self.extra)
        return self.method != "none" and self.matched > 0 and not any(wrong)

    def without_tail(self) -> "Alignment":
        """Return the same, forgiving the lost frames at the very end: the caller hung up on
        them.
        """
        kept, expected = list(self.lost), self.last
        while kept and kept[-1] == expected:
            expected = kept.pop() - 1
        return replace(self, lost=kept)

    def delay(self, share: float) -> float | None:
        """Return a quantile of the delays in ms; None without delays."""
        return float(np.quantile(self.delays_ms, share)) if self.delays_ms else None
