"""Audio formats: from the call's PCM to what the model takes, and back.

At 24 kHz nothing is converted: the bytes of the call are the bytes of the model.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import soxr
from echo_service.playback import wav

__all__ = ["Converter", "Format", "converters", "format_for", "read_wav"]

Format = Literal["pcm", "pcmu", "pcma"]

MODEL_RATES: dict[Format, int] = {"pcm": 24000, "pcmu": 8000, "pcma": 8000}
"""Hz of the protocol's formats."""


class Converter(Protocol):
    """Converts a stream, piece by piece."""

    def feed(self, data: bytes) -> bytes:
        """Convert a piece; some of it may come out with the next."""

    def end(self) -> bytes:
        """Return what is still inside, and begin anew."""


def format_for(choice: Literal["auto", "pcm", "pcmu", "pcma"], call_rate: int) -> Format:
    """Return the model's format for a call; `auto` is pcmu at 8 kHz: nothing is lost by it."""
    if choice != "auto":
        return choice
    return "pcmu" if call_rate == 8000 else "pcm"


def converters(model: Format, call_rate: int) -> tuple[Converter, Converter]:
    """Return converters from the call to the model, and from the model to the call."""
    rate = MODEL_RATES[model]
    up: list[Converter] = []
    down: list[Converter] = []
    if model != "pcm":
        down.append(_Expander(model))
    if rate != call_rate:
        # Low quality keeps what a telephone carries, and is 20 to 40 ms late instead of 40 to 75:
        # the caller's words are in real time, the model's come ahead of it.
        up.append(_Resampler(call_rate, rate, "LQ"))
        down.append(_Resampler(rate, call_rate, "HQ"))
    if model != "pcm":
        up.append(_Compressor(model))
    return _chain(up), _chain(down)


def _chain(steps: list[Converter]) -> Converter:
    return steps[0] if len(steps) == 1 else _Chain(steps)


class _Chain:
    def __init__(self, steps: list[Converter]) -> None:
        self._steps = steps

    def feed(self, data: bytes) -> bytes:
        for step in self._steps:
            data = step.feed(data)
        return data

    def end(self) -> bytes:
        data = b""
        for step in self._steps:
            data = step.feed(data) + step.end()
        return data


class _Resampler:
    def __init__(self, source: int, target: int, quality: str) -> None:
        self._rates, self._quality = (source, target), quality
        self._stream = self._new()
        self._odd = b""

    def _new(self) -> Any:
        return soxr.ResampleStream(*self._rates, 1, dtype="int16", quality=self._quality)

    def feed(self, data: bytes) -> bytes:
        data = self._odd + data
        whole = len(data) & ~1
        self._odd = data[whole:]
        return self._convert(data[:whole], last=False)

    def end(self) -> bytes:
        rest = self._convert(b"", last=True)
        self._stream, self._odd = self._new(), b""
        return rest

    def _convert(self, data: bytes, last: bool) -> bytes:
        samples = np.frombuffer(data, "<i2").astype(np.int16, copy=False)
        converted = self._stream.resample_chunk(samples, last=last)
        return bytes(converted.astype("<i2", copy=False).tobytes())


class _Compressor:
    """G.711: 16-bit samples to one byte each, by a table."""

    def __init__(self, law: Format) -> None:
        self._table = _COMPRESSED[law]

    def feed(self, data: bytes) -> bytes:
        return bytes(self._table[np.frombuffer(data, "<u2")].tobytes())

    def end(self) -> bytes:
        return b""


class _Expander:
    """G.711: bytes to 16-bit samples, by a table."""

    def __init__(self, law: Format) -> None:
        self._table = _EXPANDED[law]

    def feed(self, data: bytes) -> bytes:
        return bytes(self._table[np.frombuffer(data, np.uint8)].tobytes())

    def end(self) -> bytes:
        return b""


def _expanded_mu() -> Any:
    # ITU-T G.711, mu-law: all bits inverted; sign, segment, four bits of mantissa, bias 33 (<< 2).
    code = ~np.arange(256, dtype=np.int32) & 0xFF
    magnitude = (((code & 0x0F) << 3) + 0x84 << ((code >> 4) & 7)) - 0x84
    return np.where(code & 0x80, -magnitude, magnitude).astype("<i2")


def _expanded_a() -> Any:
    # ITU-T G.711, A-law: even bits inverted; segment 0 is linear.
    code = np.arange(256, dtype=np.int32) ^ 0x55
    segment, mantissa = (code >> 4) & 7, (code & 0x0F) << 4
    magnitude = np.where(
        segment == 0, mantissa + 8, (mantissa + 0x108) << np.maximum(segment - 1, 0)
    )
    return np.where(code & 0x80, magnitude, -magnitude).astype("<i2")


def _compressed(expanded: Any) -> Any:
    """Return, for each 16-bit sample, the code whose value is nearest to it."""
    order = np.argsort(expanded, kind="stable")
    values = expanded[order].astype(np.int32)
    samples = np.arange(-32768, 32768)
    middles = (values[1:] + values[:-1]) / 2
    codes = order[np.searchsorted(middles, samples)].astype(np.uint8)
    # Indexed by the sample's bits as an unsigned number.
    return np.concatenate((codes[32768:], codes[:32768]))


_EXPANDED = {"pcmu": _expanded_mu(), "pcma": _expanded_a()}
_COMPRESSED = {law: _compressed(table) for law, table in _EXPANDED.items()}


def read_wav(path: Path, rate: int) -> bytes:
    """Read a WAV file as PCM of a call.

    Args:
        path: of a file of 16 bits, of any rate; several channels are mixed to one.
        rate: Hz of the call.

    Raises:
        AudioError: it is no such file; says what was seen, and what converts it.

    """
    file = wav.read(path)
    if file.rate == rate:
        return file.pcm
    resampled = soxr.resample(np.frombuffer(file.pcm, "<i2"), file.rate, rate)
    return bytes(resampled.astype("<i2").tobytes())
