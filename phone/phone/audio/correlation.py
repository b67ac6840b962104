"""Search for one sound in another: normalised correlation by fast Fourier transform."""

import numpy as np
import numpy.typing as npt

__all__ = ["LOUD_RMS", "SIMILAR", "Sound", "best_place", "loudness"]

Sound = npt.NDArray[np.float64]

SIMILAR = 0.7  # correlation from which two stretches are the same sound
LOUD_RMS = 60.0  # of 32768; what is quieter carries no sound to recognise
SAME_SCORE = 0.01  # places whose correlation differs by less are equally good


def loudness(samples: Sound) -> float:
    """Return the root mean square."""
    return float(np.sqrt(np.mean(np.square(samples)))) if len(samples) else 0.0


def best_place(window: Sound, sound: Sound, expected: int | None = None) -> tuple[int, float]:
    """Return where the window fits best in the sound, and the correlation there (at most 1).

    Args:
        window: what is looked for.
        sound: where; shorter than the window means nowhere.
        expected: of equally good places the nearest to this one is taken; None: the best alone.

    """
    if not len(window) or len(sound) < len(window):
        return 0, 0.0
    size = 1 << (len(sound) + len(window) - 1).bit_length()
    spectrum = np.fft.rfft(sound, size) * np.conj(np.fft.rfft(window, size))
    products = np.fft.irfft(spectrum, size)[: len(sound) - len(window) + 1]
    total = np.concatenate(([0.0], np.cumsum(np.square(sound))))
    energy = np.maximum(total[len(window) :] - total[: -len(window)], 1.0)
    scores = products / np.sqrt(energy * max(float(np.sum(np.square(window))), 1.0))
    best = int(np.argmax(scores))
    if expected is not None:
        good = np.flatnonzero(scores >= scores[best] - SAME_SCORE)
        best = int(good[np.argmin(np.abs(good - expected))])
    return best, float(scores[best])
