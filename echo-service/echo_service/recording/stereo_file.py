"""Stereo WAV file that can be played while it grows.

Audio is written first, then the header that covers it. So whatever ends the process, the file is
complete up to the last write.
"""

from __future__ import annotations

import os
import struct
from array import array
from collections.abc import Iterable
from pathlib import Path

__all__ = ["HEADER_BYTES", "Piece", "StereoFile", "header"]

Piece = tuple[int, bytes]
"""A place on the time line, in samples, and 16-bit little-endian mono audio that starts there."""

HEADER_BYTES = 44
CHANNELS, WIDTH = 2, 2
MAX_BYTES = 0xFFFF_FFFF - HEADER_BYTES
"""Bytes of audio: sizes in a RIFF header have 32 bits. At 16 kHz that is more than 18 hours."""

KEPT_SECONDS = 3
"""Audio that was held up may still be laid over what was written so recently."""


def header(rate: int, size: int) -> bytes:
    """Return a RIFF header for 16-bit stereo PCM: `rate` in Hz, `size` of the audio in bytes."""
    block = CHANNELS * WIDTH
    return struct.pack(
        "<4sI4s4sIHHIIHH4sI",
        b"RIFF",
        HEADER_BYTES - 8 + size,
        b"WAVE",
        b"fmt ",
        16,
        1,
        CHANNELS,
        rate,
        rate * block,
        block,
        8 * WIDTH,
        b"data",
        size,
    )


class StereoFile:
    """A growing WAV file. Every method blocks: use it in a thread.

    Args:
        path: must not exist.
        rate: Hz.

    Raises:
        OSError: the file cannot be created.

    """

    def __init__(self, path: Path, rate: int) -> None:
        self._rate = rate
        self._start = 0
        self._size = 0
        self._window = array("h")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0)
        self._file = os.open(path, flags, 0o600)
        try:
            _write(self._file, header(rate, 0), 0)
        except OSError:
            os.close(self._file)
            raise

    @property
    def seconds(self) -> float:
        """Length of the audio."""
        return self._size / (CHANNELS * WIDTH * self._rate)

    def write(self, left: Iterable[Piece], right: Iterable[Piece], until: int) -> None:
        """Write audio to both channels, and extend the file to the end of the time line.

        Args:
            left: pieces of the left channel.
            right: pieces of the right channel.
            until: the end of the time line, in samples. Pieces may reach beyond it.

        Raises:
            OSError: the disk is full, or gone.

        """
        window, kept = self._window, self._start
        end = kept + len(window) // CHANNELS
        dirty = end
        for channel, pieces in enumerate((left, right)):
            for place, pcm in pieces:
                samples = array("h", pcm[: len(pcm) & ~1])
                place = max(place, kept)
                dirty = min(dirty, place)
                self._reach(place + len(samples))
                first = CHANNELS * (place - kept) + channel
                window[first : first + CHANNELS * len(samples) : CHANNELS] = samples
        self._reach(until)
        end = kept + len(window) // CHANNELS
        size = CHANNELS * WIDTH * end
        if size > MAX_BYTES:
            raise OSError(f"a WAV file holds {MAX_BYTES} bytes at most")
        if dirty < end:
            changed = window[CHANNELS * (dirty - kept) :].tobytes()
            _write(self._file, changed, HEADER_BYTES + CHANNELS * WIDTH * dirty)
            _write(self._file, header(self._rate, size), 0)
            self._size = size
        self._forget(end - KEPT_SECONDS * self._rate)

    def close(self) -> None:
        """Close the file, and truncate it to what the header covers.

        After a full disk there is more: without it there is room for the facts.

        Raises:
            OSError: the disk is gone.

        """
        try:
            os.ftruncate(self._file, HEADER_BYTES + self._size)
        finally:
            os.close(self._file)

    def _reach(self, end: int) -> None:
        missing = CHANNELS * (end - self._start) - len(self._window)
        if missing > 0:
            self._window.frombytes(bytes(WIDTH * missing))

    def _forget(self, before: int) -> None:
        if before > self._start:
            del self._window[: CHANNELS * (before - self._start)]
            self._start = before


def _write(file: int, data: bytes, at: int) -> None:
    view = memoryview(data)
    while view:
        written = os.pwrite(file, view, at)
        view, at = view[written:], at + written
