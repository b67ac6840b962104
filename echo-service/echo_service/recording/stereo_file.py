"""Stereo WAV file that can be played while it grows.

Audio is written first, then the header that covers it. So whatever ends the process, the file is
complete up to the last write.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Iterator
from pathlib import Path

__all__ = ["HEADER_BYTES", "Piece", "StereoFile", "header"]

Piece = tuple[int, bytes]
"""A place on the time line, in samples, and 16-bit little-endian mono audio that starts there."""

HEADER_BYTES = 44
CHANNELS, WIDTH = 2, 2
BLOCK = CHANNELS * WIDTH  # bytes of one sample of both channels
MAX_BYTES = 0xFFFF_FFFF - HEADER_BYTES
"""Bytes of audio: sizes in a RIFF header have 32 bits. At 16 kHz that is more than 18 hours."""

KEPT_SECONDS = 3  # written audio kept in memory, which late audio may still replace
SPARE_SECONDS = 2  # how much more is kept before it is dropped, which moves the rest


def header(rate: int, size: int) -> bytes:
    """Return a RIFF header for 16-bit stereo PCM: `rate` in Hz, `size` of the audio in bytes."""
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
        rate * BLOCK,
        BLOCK,
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
        self._window = bytearray()
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
        return self._size / (BLOCK * self._rate)

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
        dirty = kept + len(window) // BLOCK
        for channel, pieces in enumerate((left, right)):
            for place, pcm in _joined(pieces):
                place = max(place, kept)
                dirty = min(dirty, place)
                samples = len(pcm) // WIDTH
                self._reach(place + samples)
                first = BLOCK * (place - kept) + WIDTH * channel
                end = first + BLOCK * samples
                # Byte by byte: the fastest way to interleave without another library.
                window[first:end:BLOCK] = pcm[::WIDTH]
                window[first + 1 : end : BLOCK] = pcm[1::WIDTH]
        self._reach(until)
        end = kept + len(window) // BLOCK
        if BLOCK * end > MAX_BYTES:
            raise OSError(f"a WAV file holds {MAX_BYTES} bytes at most")
        if dirty < end:
            with memoryview(window) as view:
                _write(self._file, view[BLOCK * (dirty - kept) :], HEADER_BYTES + BLOCK * dirty)
            _write(self._file, header(self._rate, BLOCK * end), 0)
            self._size = BLOCK * end
        if end - kept > (KEPT_SECONDS + SPARE_SECONDS) * self._rate:
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
        missing = BLOCK * (end - self._start) - len(self._window)
        if missing > 0:
            self._window += bytes(missing)

    def _forget(self, before: int) -> None:
        del self._window[: BLOCK * (before - self._start)]
        self._start = before


def _joined(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Join pieces that follow each other without a gap; an odd byte at a piece's end is cut."""
    start = end = 0
    run: list[bytes] = []
    for place, pcm in pieces:
        if place != end:
            if run:
                yield start, b"".join(run)
                run = []
            start = place
        if len(pcm) % WIDTH:
            pcm = pcm[:-1]
        run.append(pcm)
        end = place + len(pcm) // WIDTH
    if run:
        yield start, b"".join(run)


def _write(file: int, data: bytes | memoryview, at: int) -> None:
    with memoryview(data) as view:
        done = 0
        while done < len(view):
            done += os.pwrite(file, view[done:], at + done)
