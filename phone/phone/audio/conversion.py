"""Conversion of sound: frames to another rate, samples to another volume."""

import numpy as np
import soxr

from phone.audio.files import Samples
from phone.constants import frame_bytes

__all__ = ["RateConverter", "amplified"]


class RateConverter:
    """Converts frames of 20 ms from one rate to another, with a delay of some ms.

    Args:
        old: Hz.
        new: Hz.

    """

    def __init__(self, old: int, new: int) -> None:
        self._stream = soxr.ResampleStream(old, new, 1, dtype="int16")
        self._size = frame_bytes(new)
        self._ready = bytearray()

    def convert(self, frame: bytes) -> bytes | None:
        """Take a frame; return the next converted one, or None while the filter fills."""
        samples = self._stream.resample_chunk(np.frombuffer(frame, "<i2"))
        self._ready += samples.astype("<i2").tobytes()
        if len(self._ready) < self._size:
            return None
        converted = bytes(self._ready[: self._size])
        del self._ready[: self._size]
        return converted


def amplified(samples: Samples, decibels: float) -> Samples:
    """Return samples louder by so many decibels, cut to 16 bit."""
    if not decibels:
        return samples
    limits = np.iinfo(np.int16)
    louder = samples * 10.0 ** (decibels / 20)
    cut: Samples = np.clip(np.rint(louder), limits.min, limits.max).astype(np.int16)
    return cut
