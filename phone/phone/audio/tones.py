"""Generated tones."""

import numpy as np
import numpy.typing as npt

__all__ = ["TONE_SECONDS", "beep", "glide"]

TONE_SECONDS = 5.0
TONE_FROM_HZ, TONE_TO_HZ = 300.0, 3000.0  # inside what a telephone carries
TONE_LEVEL = 0.3
BEEP_HZ, BEEP_SECONDS = 1000.0, 0.5


def glide(rate: int, seconds: float = TONE_SECONDS) -> npt.NDArray[np.int16]:
    """Return a tone that glides from 300 to 3,000 Hz: no two of its frames are the same.

    A steady tone repeats itself every few frames, so a lost one could not be told from its
    neighbour.
    """
    time = np.arange(round(seconds * rate)) / rate
    growth = np.log(TONE_TO_HZ / TONE_FROM_HZ) / seconds
    phase = 2 * np.pi * TONE_FROM_HZ * (np.exp(growth * time) - 1) / growth
    tone: npt.NDArray[np.int16] = (np.sin(phase) * TONE_LEVEL * 32767).astype(np.int16)
    return tone


def beep(rate: int) -> npt.NDArray[np.int16]:
    """Return the beep of a machine, or before a recording."""
    time = np.arange(round(BEEP_SECONDS * rate)) / rate
    tone: npt.NDArray[np.int16] = (np.sin(2 * np.pi * BEEP_HZ * time) * TONE_LEVEL * 32767).astype(
        np.int16
    )
    return tone
