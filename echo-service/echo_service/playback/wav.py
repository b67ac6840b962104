"""Reading of WAV files of 16-bit PCM, mixed down to one channel."""

from __future__ import annotations

import sys
import wave
from array import array
from dataclasses import dataclass
from pathlib import Path

from .samples import AudioError

__all__ = ["MAX_SECONDS", "Wav", "read"]

MAX_SECONDS = 1800
"""A file is read at once; a longer one should be streamed, by an async iterator."""


@dataclass(frozen=True)
class Wav:
    """A file's audio: `pcm`, 16 bit, little-endian, mono, and its `rate` in Hz."""

    pcm: bytes
    rate: int

    @property
    def seconds(self) -> float:
        """Length of the audio."""
        return len(self.pcm) / 2 / self.rate


def read(path: Path) -> Wav:
    """Read a WAV file. It blocks: call it in a thread.

    Args:
        path: of a file with 16-bit PCM, any rate, any number of channels.

    Raises:
        AudioError: the file cannot be read, or is not such a WAV.

    """
    try:
        with wave.open(str(path), "rb") as file:
            channels, width, rate = file.getnchannels(), file.getsampwidth(), file.getframerate()
            if width != 2:
                raise AudioError(f"{path} has samples of {8 * width} bits; {_ADVICE.format(path)}")
            if file.getnframes() > MAX_SECONDS * rate:
                raise AudioError(
                    f"{path} is longer than {MAX_SECONDS} s; play it piece by piece, from an "
                    "async iterator"
                )
            pcm = file.readframes(file.getnframes())
    except (wave.Error, EOFError) as error:
        raise AudioError(f"{path} is not a WAV of PCM ({error}); {_ADVICE.format(path)}") from None
    except OSError as error:
        raise AudioError(f"{path} cannot be read: {error.strerror or error}") from None
    return Wav(_mixed(pcm, channels) if channels > 1 else pcm[: len(pcm) & ~1], rate)


_ADVICE = "convert it, for instance with: sox {} -b 16 -c 1 converted.wav"


def _mixed(pcm: bytes, channels: int) -> bytes:
    samples = array("h", pcm[: len(pcm) // (2 * channels) * 2 * channels])
    if sys.byteorder == "big":
        samples.byteswap()
    sums = map(sum, zip(*(samples[channel::channels] for channel in range(channels)), strict=True))
    mono = array("h", [total // channels for total in sums])
    if sys.byteorder == "big":
        mono.byteswap()
    return mono.tobytes()
