"""Recognition of one sound in another, by correlation of its loud parts: level and gaps matter
little.
"""

from dataclasses import dataclass

import numpy as np

from phone.audio.correlation import LOUD_RMS, SIMILAR, best_place, loudness
from phone.audio.files import Samples

__all__ = ["Match", "is_loud", "recognise"]

WINDOW_SECONDS = 0.2
NEAR_SECONDS = 0.5  # how far from its place a window may have slipped, by gaps or lost frames
ENOUGH = 0.8  # of the loud windows


@dataclass(frozen=True)
class Match:
    """How much of a sound was found.

    Args:
        share: of its loud windows that were found in their place.
        at: seconds into the other sound where it begins.
        likeness: the median correlation of its windows.

    """

    share: float
    at: float
    likeness: float

    @property
    def found(self) -> bool:
        """Whether it was the sound."""
        return self.share >= ENOUGH


def is_loud(samples: Samples) -> bool:
    """Return whether there is a sound at all."""
    return len(samples) > 0 and loudness(samples.astype(np.float64)) >= LOUD_RMS


def recognise(wanted: Samples, heard: Samples, rate: int) -> Match:
    """Look for `wanted` in `heard`, both mono at `rate` Hz."""
    size = round(WINDOW_SECONDS * rate)
    sound, other = wanted.astype(np.float64), heard.astype(np.float64)
    places = [
        first
        for first in range(0, max(1, len(sound) - size + 1), size)
        if loudness(sound[first : first + size]) >= LOUD_RMS
    ]
    if not places or len(other) < size:
        return Match(0.0, 0.0, 0.0)
    other = np.concatenate((other, np.zeros(5 * size)))  # its end may have been cut off
    # The loudest second decides where the sound is; then each window must be there.
    anchor = max(places, key=lambda first: loudness(sound[first : first + 5 * size]))
    found, _ = best_place(sound[anchor : anchor + 5 * size][: len(other)], other)
    start = found - anchor
    near = round(NEAR_SECONDS * rate)
    scores = []
    for first in places:
        low = max(0, start + first - near)
        area = other[low : max(0, start + first + near + size)]
        scores.append(best_place(sound[first : first + size], area)[1])
    share = sum(score >= SIMILAR for score in scores) / len(scores)
    return Match(share, max(0.0, start / rate), float(np.median(scores)))
