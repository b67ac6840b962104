"""Reading of WAV files of 16-bit PCM, mixed down to one channel.

Headers of streams, and of writers that died, state wrong sizes, so everything that is there is
read. Python's own `wave` trusts them, and refuses WAVE_FORMAT_EXTENSIBLE before 3.12.
"""

from __future__ import annotations

import re
import struct
import sys
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from .file_kinds import file_kind
from .samples import AudioError

__all__ = ["MAX_SECONDS", "Wav", "advice", "read"]

MAX_SECONDS = 1800  # of a file, which is read at once; an async iterator can stream a longer one
_HEADER = struct.Struct("<4sI")
_FORM_BYTES = 12  # "RIFF", a size that is not used, "WAVE"
_FORM = re.compile(b"(?:RIFF|RF64).{4}WAVE", re.DOTALL)
_BLOCK_BYTES = 1 << 20
_FORMAT = struct.Struct("<HHIIHH")
_PCM, _EXTENSIBLE = 1, 0xFFFE
_SUBFORMAT = slice(24, 26)  # of an extensible format: the beginning of its GUID
_MIN_RATE, _MAX_RATE = 1000, 768_000  # Hz
_MAX_CHANNELS = 64


@dataclass(frozen=True)
class Wav:
    """A file's audio: `pcm`, 16 bit, little-endian, mono, and its `rate` in Hz."""

    pcm: bytes
    rate: int

    @property
    def seconds(self) -> float:
        """Length of the audio."""
        return len(self.pcm) / 2 / self.rate


def advice(path: Path | str, options: str = "") -> str:
    """Return how to convert a file, which ffmpeg reads with these options, into a WAV of PCM."""
    return (
        f"convert it, for instance with: ffmpeg {options}-i {path} -ac 1 -c:a pcm_s16le "
        f"{Path(path).stem}-converted.wav"
    )


def read(path: Path) -> Wav:
    """Read a WAV file. It blocks: call it in a thread.

    Args:
        path: of a file with 16-bit PCM, any rate, any number of channels. Of several files joined
            end to end, all are read.

    Raises:
        AudioError: the file cannot be read, or is not such a WAV.

    """
    try:
        with path.open("rb") as file:
            return _read(file, path)
    except OSError as error:
        raise AudioError(f"{path} cannot be read: {error.strerror or error}") from None


def _read(file: BinaryIO, path: Path) -> Wav:
    end = file.seek(0, 2)
    file.seek(0)
    kind = file_kind(file.read(4096))
    file.seek(0)
    big_endian = file.read(4) == b"RIFX"
    if kind != "WAV" or big_endian:
        if kind is None:
            seen = "no known sound file" if end else "empty"
            how = advice(path, "-f s16le -ar 16000 -ac 1 ")
            raise AudioError(
                f"{path} is not a WAV of PCM: it is {seen}; if it holds samples, {how}"
            )
        seen = f"a file of type {kind}" + (", big-endian (RIFX)" if big_endian else "")
        raise AudioError(f"{path} is not a WAV of PCM: it is {seen}; {advice(path)}")
    formats: set[bytes] = set()
    places: list[tuple[int, int]] = []
    for name, place, size in _chunks(file, end):
        if name == b"fmt ":
            file.seek(place)
            formats.add(file.read(min(size, 64)))
        elif name == b"data":
            places.append((place, size))
    if len(formats) != 1:
        seen = "several formats, one after the other" if formats else "no format"
        raise AudioError(f"{path} is not a WAV of PCM: it has {seen}; {advice(path)}")
    channels, rate = _format(formats.pop(), path)
    total = sum(size for _, size in places)
    if total > MAX_SECONDS * rate * channels * 2:
        raise AudioError(
            f"{path} is longer than {MAX_SECONDS} s; play it piece by piece, from an async iterator"
        )
    pcm = bytearray()
    for place, size in places:
        file.seek(place)
        pcm += file.read(size)
    del pcm[len(pcm) // (2 * channels) * 2 * channels :]
    if not pcm:
        raise AudioError(f"{path} holds no audio: its data is empty; record or export it again")
    return Wav(_mixed(pcm, channels) if channels > 1 else bytes(pcm), rate)


def _format(chunk: bytes, path: Path) -> tuple[int, int]:
    """Return channels and Hz; raises `AudioError` for anything but 16-bit PCM."""
    if len(chunk) < _FORMAT.size:
        raise AudioError(f"{path} is not a WAV of PCM: its format is cut off; {advice(path)}")
    tag, channels, rate, _, _, bits = _FORMAT.unpack_from(chunk)
    if tag == _EXTENSIBLE:
        tag = int.from_bytes(chunk[_SUBFORMAT], "little")
    if tag != _PCM:
        raise AudioError(f"{path} is not a WAV of PCM: its format is {tag:#x}; {advice(path)}")
    if bits != 16:
        raise AudioError(f"{path} has samples of {bits} bits; {advice(path)}")
    if not 1 <= channels <= _MAX_CHANNELS or not _MIN_RATE <= rate <= _MAX_RATE:
        seen = f"{channels} channels of {rate} Hz"
        raise AudioError(f"{path} is not a WAV of PCM: its header says {seen}; {advice(path)}")
    return channels, rate


def _chunks(file: BinaryIO, end: int) -> Iterator[tuple[bytes, int, int]]:
    """Yield each chunk: its name, where its data begins, and how many bytes of it are present."""
    place = 0
    while place + _HEADER.size <= end:
        file.seek(place)
        header = file.read(_FORM_BYTES)
        name, size = _HEADER.unpack_from(header)
        if name in (b"RIFF", b"RF64") and header[_HEADER.size :] == b"WAVE":
            place += _FORM_BYTES  # the file itself, or the next one
            continue
        place += _HEADER.size
        if size > end - place or (
            size == 0 and name == b"data" and not _is_chunk(file, place, end)
        ):
            # Of a stream, or of a writer that died before it knew the size.
            size = _next_form(file, place, end) - place
        yield name, place, size
        place += size
        # A chunk of odd size is followed by a byte of zero, which some writers forget.
        file.seek(place)
        if size % 2 and file.read(1) == b"\0":
            place += 1


def _next_form(file: BinaryIO, place: int, end: int) -> int:
    """Return where the next of several joined files begins; the end if there is none."""
    file.seek(place)
    kept = b""
    while block := file.read(_BLOCK_BYTES):
        if found := _FORM.search(kept + block):
            return place - len(kept) + found.start()
        place += len(block)
        kept = block[-_FORM_BYTES + 1 :]
    return end


def _is_chunk(file: BinaryIO, place: int, end: int) -> bool:
    """Whether a chunk begins there that ends within the file."""
    file.seek(place)
    header = file.read(_HEADER.size)
    if len(header) < _HEADER.size:
        return False
    name, size = _HEADER.unpack(header)
    readable: bool = name.isascii() and name.decode().isprintable()
    return readable and place + _HEADER.size + size <= end


def _mixed(pcm: bytearray, channels: int) -> bytes:
    samples = array("h", bytes(pcm))
    if sys.byteorder == "big":
        samples.byteswap()
    sums = map(sum, zip(*(samples[channel::channels] for channel in range(channels)), strict=True))
    mono = array("h", [total // channels for total in sums])
    if sys.byteorder == "big":
        mono.byteswap()
    return mono.tobytes()
