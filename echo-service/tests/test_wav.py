"""WAV files with a wrong header: read as far as there is audio, or refused by name."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from echo_service.playback import AudioError, wav

PCM = b"".join(struct.pack("<h", sample) for sample in range(1, 1001))
EXTENSIBLE = bytes.fromhex("0100000000001000800000aa00389b71")


def chunk(name: bytes, content: bytes, size: int | None = None) -> bytes:
    """Return a chunk, padded to an even length."""
    length = len(content) if size is None else size
    return name + struct.pack("<I", length) + content + bytes(len(content) % 2)


def riff(*chunks: bytes, size: int | None = None) -> bytes:
    """Return a WAV file."""
    body = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body) if size is None else size) + body


def form(tag: int = 1, channels: int = 1, rate: int = 16000, bits: int = 16) -> bytes:
    """Return a format."""
    width = channels * bits // 8
    return chunk(b"fmt ", struct.pack("<HHIIHH", tag, channels, rate, rate * width, width, bits))


WIDE = chunk(
    b"fmt ", struct.pack("<HHIIHHHHI", 0xFFFE, 1, 16000, 32000, 2, 16, 22, 16, 4) + EXTENSIBLE
)
DATA = chunk(b"data", PCM)
ODD = chunk(b"LIST", b"INFOx")


@pytest.mark.parametrize(
    "data",
    [
        riff(form(), DATA),
        riff(form(), chunk(b"data", PCM, 0xFFFFFFFF), size=0xFFFFFFFF),
        riff(form(), chunk(b"data", PCM, 0x7FFFFFFF), size=0x7FFFFFFF),
        riff(form(), chunk(b"data", PCM, 0), size=0),
        riff(form(), DATA, size=0),
        riff(form(), DATA, size=10),
        riff(form(), DATA, size=10**8),
        riff(form(), ODD, DATA),
        riff(form(), ODD[:-1], DATA),
        riff(WIDE, DATA),
        riff(form(), chunk(b"data", PCM + b"x")),
        riff(form(), DATA, ODD),
        b"RF64" + riff(chunk(b"ds64", bytes(28)), form(), chunk(b"data", PCM, 0xFFFFFFFF))[4:],
    ],
)
def test_what_is_there_is_read(tmp_path: Path, data: bytes) -> None:
    """A header that states a wrong size hides no audio."""
    path = tmp_path / "wrong.wav"
    path.write_bytes(data)
    assert wav.read(path) == wav.Wav(PCM, 16000)


def test_joined_files_are_read(tmp_path: Path) -> None:
    """Two files joined end to end are one sound."""
    path = tmp_path / "joined.wav"
    path.write_bytes(2 * riff(form(), DATA))
    assert wav.read(path).pcm == 2 * PCM


@pytest.mark.parametrize("size", [0, 0x7FFFFFFF, 0xFFFFFFFF])
@pytest.mark.parametrize("block", [12, 1000, 1 << 20])
def test_a_stream_joined_with_another_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int, block: int
) -> None:
    """A first header that does not know its size does not make the second one a sound."""
    monkeypatch.setattr(wav, "_BLOCK_BYTES", block)
    path = tmp_path / "joined.wav"
    stream = riff(form(), chunk(b"data", PCM, size), size=size)
    path.write_bytes(stream + stream + riff(form(), DATA))
    assert wav.read(path).pcm == 3 * PCM


@pytest.mark.parametrize(
    ("data", "seen"),
    [
        (b"", "is empty"),
        (
            b"\1\2" * 50,
            "ffmpeg -f s16le -ar 16000 -ac 1 -i",
        ),
        (b"OggS\0\x02", "a file of type Ogg; convert it"),
        (b"RIFX" + riff(form(), DATA)[4:], "a file of type WAV, big-endian (RIFX); convert it"),
        (riff(form()), "holds no audio"),
        (riff(form(), chunk(b"data", b""), ODD), "holds no audio"),
        (riff(DATA), "it has no format; convert it"),
        (riff(b"fmt \xff\xff\xff\xff\x01"), "its format is cut off; convert it"),
        (riff(form(), WIDE, DATA), "several formats, one after the other; convert it"),
        (riff(form(tag=3, bits=32), DATA), "its format is 0x3; convert it"),
        (riff(form(bits=24), DATA), "has samples of 24 bits; convert it"),
        (riff(form(rate=0), DATA), "1 channels of 0 Hz; convert it"),
        (riff(form(channels=0), DATA), "0 channels of 16000 Hz; convert it"),
    ],
)
def test_the_rest_is_refused(tmp_path: Path, data: bytes, seen: str) -> None:
    """What cannot be played is refused with the file, what was seen, and what converts it."""
    path = tmp_path / "wrong.wav"
    path.write_bytes(data)
    with pytest.raises(AudioError) as refused:
        wav.read(path)
    assert str(path) in str(refused.value)
    assert seen in str(refused.value)
