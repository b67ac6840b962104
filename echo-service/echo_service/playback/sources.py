"""Sources of audio: whatever an application may play, as PCM at the call's rate.

A source is opened when it is given to `play`, so that a wrong one fails there, and is read as it is
played, so that a long one costs little at a time.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterable
from contextlib import aclosing
from pathlib import Path
from typing import NamedTuple, TypeAlias

from . import wav
from .file_kinds import file_kind
from .resample import MissingExtra, Resampler
from .samples import AudioError, Buffer, pieces

__all__ = ["Audio", "AudioError", "MissingExtra", "Source", "open_source"]

Audio: TypeAlias = str | os.PathLike[str] | AsyncIterable[Buffer] | Buffer
"""What can be played: bytes (PCM, 16 bit, little-endian, mono), an array of samples
(int16, or float from -1 to 1), the path of a WAV file, or an async iterator of bytes or arrays."""


class Source(NamedTuple):
    """An open source: `pieces` of PCM, and how many `seconds` they last, None if not known."""

    pieces: AsyncGenerator[bytes]
    seconds: float | None


async def open_source(audio: Audio, rate: int | None, call_rate: int) -> Source:
    """Open a source.

    Args:
        audio: see `Audio`.
        rate: Hz of bytes, arrays and iterators, None for the call's. A file knows its own.
        call_rate: Hz of the call.

    Returns:
        Its pieces, of any even length: PCM at the call's rate.

    Raises:
        AudioError: it cannot be played.
        MissingExtra: its rate is not the call's, and the resampler is not installed.

    """
    if isinstance(audio, str | os.PathLike):
        if rate is not None:
            raise AudioError("a WAV file knows its own rate: leave `rate` out")
        # Reading and mixing take a while: not in the event loop.
        file = await asyncio.to_thread(wav.read, Path(audio))
        found, rate = _pieces_of(file.pcm), file.rate
        seconds: float | None = file.seconds
    elif isinstance(audio, AsyncIterable):
        found, seconds = _streamed(audio), None
    else:
        _refuse_file(audio)
        found = _pieces_of(audio)
        view = memoryview(audio)
        seconds = view.nbytes / max(2, view.itemsize) / (rate or call_rate)
    if rate is None or rate == call_rate:
        return Source(found, seconds)
    # The first one imports numpy, which would block every other call.
    resampler = await asyncio.to_thread(Resampler, rate, call_rate)
    return Source(_resampled(found, resampler), seconds)


def _pieces_of(audio: Buffer) -> AsyncGenerator[bytes]:
    cut = pieces(audio)

    async def read() -> AsyncGenerator[bytes]:
        for piece in cut:
            yield piece

    return read()


def _refuse_file(audio: Buffer) -> None:
    """Raise `AudioError` for the bytes of a file, which would be heard as noise."""
    if isinstance(audio, bytes | bytearray | memoryview) and (
        kind := file_kind(bytes(memoryview(audio).cast("B")[:4096]))
    ):
        how = (
            "give `play` the file's path"
            if kind == "WAV"
            else "decode it; " + wav.advice(f"sound.{kind.lower()}")
        )
        raise AudioError(f"these are the bytes of a file of type {kind}, not samples: {how}")


async def _streamed(items: AsyncIterable[Buffer]) -> AsyncGenerator[bytes]:
    odd = b""
    first = True
    try:
        async for item in items:
            if first:
                _refuse_file(item)
                first = False
            piece_of = item
            if isinstance(item, bytes | bytearray):
                # Streams are cut anywhere, also in the middle of a sample.
                data = odd + item
                cut = len(data) & ~1
                piece_of, odd = data[:cut], data[cut:]
            for piece in pieces(piece_of):
                yield piece
    finally:
        if isinstance(items, AsyncGenerator):
            await items.aclose()


async def _resampled(source: AsyncGenerator[bytes], resampler: Resampler) -> AsyncGenerator[bytes]:
    async with aclosing(source):
        async for piece in source:
            yield resampler.feed(piece)
        yield resampler.end()
