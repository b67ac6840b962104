"""Tape of what a party heard: frames of 20 ms, at rates that may change on the way."""

from pathlib import Path

import numpy as np

from phone.audio.files import Samples, resampled, save, to_samples
from phone.constants import FRAMES_PER_SECOND, PLATFORM_RATE, frame_bytes

__all__ = ["LONGEST_SECONDS", "Tape"]

TAPE_SECONDS = 600  # 19 MB at 16 kHz, if somebody speaks all the time
LONGEST_SECONDS = 7200  # of what is written to a file


class Tape:
    """Keeps frames, and silence where none came, up to a length.

    Args:
        seconds: what is kept at most; the rest is counted in `left_out`.

    """

    def __init__(self, seconds: float = TAPE_SECONDS) -> None:
        self.left_out = 0
        self._most = round(seconds * FRAMES_PER_SECOND)
        self._count = 0
        self._runs: list[tuple[int, list[bytes | None]]] = []

    @property
    def seconds(self) -> float:
        """How much is kept."""
        return self._count / FRAMES_PER_SECOND

    def add(self, frame: bytes | None, rate: int) -> None:
        """Keep a frame at `rate` Hz; None is silence."""
        if self._count >= self._most:
            self.left_out += 1
            return
        if not self._runs or self._runs[-1][0] != rate:
            self._runs.append((rate, []))
        self._runs[-1][1].append(frame)
        self._count += 1

    def erase(self) -> None:
        """Forget what is kept; its length stays known."""
        self._runs.clear()

    def tail(self, seconds: float, rate: int = PLATFORM_RATE) -> Samples:
        """Return the end of what is kept."""
        return self.samples(rate)[-round(seconds * rate) :]

    def samples(self, rate: int = PLATFORM_RATE) -> Samples:
        """Return everything kept, mono at `rate` Hz."""
        parts = []
        for own, frames in list(self._runs):
            silence = bytes(frame_bytes(own))
            data = b"".join(silence if frame is None else frame for frame in list(frames))
            parts.append(resampled(to_samples(data), own, rate))
        return np.concatenate(parts) if parts else np.zeros(0, np.int16)

    def save(self, path: Path, rate: int = PLATFORM_RATE) -> None:
        """Write everything kept as a WAV file, whole or not at all.

        Raises:
            OSError: it cannot be written.

        """
        save(path, [self.samples(rate).astype("<i2").tobytes()], rate)
