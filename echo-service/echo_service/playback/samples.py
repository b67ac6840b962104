"""Conversion of arrays of samples to PCM. numpy arrays are accepted; numpy is not needed."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Iterator
from typing import Any, TypeAlias

__all__ = ["AudioError", "Buffer", "pieces"]

# `collections.abc.Buffer` came with Python 3.12; numpy arrays and `array.array` are ones, too.
Buffer: TypeAlias = Any
# A `memoryview` of int, float or bytes, as the format says.
View: TypeAlias = Any

PIECE_BYTES = 4096  # about 100 ms of audio: what is converted without a break


class AudioError(ValueError):
    """Audio that cannot be played; the message says what was seen and what to do."""


def pieces(audio: Buffer) -> Iterator[bytes]:
    """Cut samples into pieces of 16-bit little-endian PCM, each converted when it is asked for.

    Args:
        audio: PCM bytes, or an array of int16 (the machine's byte order) or of float32 or
            float64 from -1 to 1; one channel.

    Raises:
        AudioError: it is anything else. Raised at once, not when the first piece is taken.

    """
    try:
        view: View = memoryview(audio)
    except TypeError:
        raise AudioError(
            f"a {type(audio).__name__} cannot be played; give bytes, an array of samples, the path "
            "of a WAV file, or an async iterator of bytes"
        ) from None
    kind: str = view.format.lstrip("@=")
    if kind not in ("B", "b", "c", "h", "f", "d"):
        raise AudioError(
            f"an array of items of the type {view.format!r} cannot be played; give int16, or float "
            "from -1 to 1"
        )
    if view.nbytes % 2:
        raise AudioError(
            f"{view.nbytes} bytes are not a multiple of 2; give linear PCM, 16 bit, "
            "little-endian, mono"
        )
    if sum(length > 1 for length in view.shape or ()) > 1:
        raise AudioError(
            f"an array of shape {view.shape} has several channels; mix them to one: a call is mono"
        )
    if view.ndim != 1 or not view.c_contiguous:
        view = memoryview(view.tobytes()).cast(kind)  # type: ignore[call-overload]  # for literals
    step = PIECE_BYTES // view.itemsize
    return (_pcm(view[start : start + step], kind) for start in range(0, len(view), step))


def _pcm(view: View, kind: str) -> bytes:
    if kind in ("f", "d"):
        samples = array("h", [round(max(-1.0, min(1.0, sample)) * 32767) for sample in view])
    elif kind == "h" and sys.byteorder == "big":
        samples = array("h", view)
    else:
        return bytes(view.tobytes())
    if sys.byteorder == "big":
        samples.byteswap()
    return samples.tobytes()
