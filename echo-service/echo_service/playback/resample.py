"""Conversion of sample rates, by soxr: the extra `echo-service[audio]`."""

from __future__ import annotations

import importlib
from typing import Any

from .samples import AudioError

__all__ = ["MissingExtra", "Resampler"]

RATES = range(1000, 192_001)  # valid sample rates in Hz


class MissingExtra(AudioError):
    """The resampler is not installed; the message says how to get it."""


class Resampler:
    """Converts a stream of PCM, piece by piece, without a break between two pieces.

    Args:
        source: Hz of what comes in.
        target: Hz of what goes out.

    Raises:
        MissingExtra: soxr is not installed.
        AudioError: `source` is not a valid sample rate.

    """

    def __init__(self, source: int, target: int) -> None:
        if source not in RATES:
            raise AudioError(
                f"{source} Hz is not a valid sample rate; give one such as 8000 or 24000"
            )
        try:
            soxr = importlib.import_module("soxr")
            self._numpy: Any = importlib.import_module("numpy")
        except ImportError:
            raise MissingExtra(
                f"audio of {source} Hz cannot be played on a call of {target} Hz without soxr; "
                f"install echo-service[audio], or give audio of {target} Hz"
            ) from None
        self._stream: Any = soxr.ResampleStream(source, target, 1, dtype="int16")

    def feed(self, pcm: bytes) -> bytes:
        """Convert 16-bit little-endian PCM; some of it is returned with the next piece."""
        return self._convert(pcm, last=False)

    def end(self) -> bytes:
        """Return the rest."""
        return self._convert(b"", last=True)

    def _convert(self, pcm: bytes, last: bool) -> bytes:
        samples = self._numpy.frombuffer(pcm, "<i2").astype("i2", copy=False)
        converted = self._stream.resample_chunk(samples, last=last)
        return bytes(converted.astype("<i2", copy=False).tobytes())
