"""Voice of the fake model: espeak-ng, or sentences from files where it is not installed."""

from __future__ import annotations

import functools
import io
import shutil
import subprocess
import wave
from pathlib import Path

import numpy as np
import soxr

__all__ = ["RATE", "available", "say"]

RATE = 24000
"""Hz of what is said: 16-bit little-endian PCM."""

SOUNDS = Path(__file__).parent / "sounds"
SECONDS = 20.0
"""How long espeak-ng may take."""


def available() -> bool:
    """Whether any text can be said; otherwise the same few sentences are."""
    return shutil.which("espeak-ng") is not None


@functools.lru_cache(maxsize=256)
def say(text: str) -> bytes:
    """Return a text as sound."""
    program = shutil.which("espeak-ng")
    if program is None:
        files = sorted(SOUNDS.glob("*.wav"))
        return _samples(files[len(text) % len(files)].read_bytes())
    spoken = subprocess.run(  # noqa: S603 - a fixed program; the text comes by its input
        [program, "-v", "en-us", "-s", "160", "--stdin", "--stdout"],
        input=text.encode(),
        capture_output=True,
        check=True,
        timeout=SECONDS,
    )
    return _samples(spoken.stdout)


def _samples(data: bytes) -> bytes:
    with wave.open(io.BytesIO(data)) as file:
        rate = file.getframerate()
        # espeak-ng does not know the length when it writes the header of its output.
        samples = np.frombuffer(file.readframes(len(data)), "<i2")
    loud = samples * min(1.0, 12000 / max(1, int(np.abs(samples.astype(np.int32)).max())))
    return bytes(soxr.resample(loud.astype(np.int16), rate, RATE).astype("<i2").tobytes())
