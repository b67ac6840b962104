"""Is this sound in that one? By correlation of what is loud, so that level and gaps matter
little.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from phone.align import SIMILAR
from phone.audio import Samples

__all__ = ["Match", "is_loud", "recognise"]

WINDOW_SECONDS = 0.2
NEAR_SECONDS = 0.5  # how far from its place a window may have slipped, by gaps or lost frames
ENOUGH = 0.8  # of the loud windows
LOUD_RMS = 60.0  # of 32768


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
    return len(samples) > 0 and _rms(samples.astype(np.float64)) >= LOUD_RMS


def recognise(wanted: Samples, heard: Samples, rate: int) -> Match:
    """Look for `wanted` in `heard`, both mono at `rate` Hz."""
    size = round(WINDOW_SECONDS * rate)
    sound, other = wanted.astype(np.float64), heard.astype(np.float64)
    places = [
        first
        for first in range(0, max(1, len(sound) - size + 1), size)
        if _rms(sound[first : first + size]) >= LOUD_RMS
    ]
    if not places or len(other) < size:
        return Match(0.0, 0.0, 0.0)
    # The loudest second decides where the sound is; then each window must be there.
    anchor = max(places, key=lambda first: _rms(sound[first : first + 5 * size]))
    found, _ = _best(sound[anchor : anchor + 5 * size], other)
    start = found - anchor
    near = round(NEAR_SECONDS * rate)
    scores = []
    for first in places:
        low = max(0, start + first - near)
        area = other[low : max(0, start + first + near + size)]
        scores.append(_best(sound[first : first + size], area)[1])
    share = sum(score >= SIMILAR for score in scores) / len(scores)
    return Match(share, max(0.0, start / rate), float(np.median(scores)))


def _rms(samples: npt.NDArray[np.float64]) -> float:
    return float(np.sqrt(np.mean(np.square(samples)))) if len(samples) else 0.0


def _best(window: npt.NDArray[np.float64], sound: npt.NDArray[np.float64]) -> tuple[int, float]:
    """Return where the window fits best, and the normalised correlation there."""
    window = window[: len(sound)]
    if not len(window):
        return 0, 0.0
    size = 1 << (len(sound) + len(window) - 1).bit_length()
    spectrum = np.fft.rfft(sound, size) * np.conj(np.fft.rfft(window, size))
    products = np.fft.irfft(spectrum, size)[: len(sound) - len(window) + 1]
    total = np.concatenate(([0.0], np.cumsum(np.square(sound))))
    energy = np.maximum(total[len(window) :] - total[: -len(window)], 1.0)
    scores = products / np.sqrt(energy * max(float(np.sum(np.square(window))), 1.0))
    best = int(np.argmax(scores))
    return best, float(scores[best])
