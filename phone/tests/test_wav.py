"""WAV files whose header lies, and the beginnings of files that are no samples."""

import io
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given
from hypothesis import strategies as st
from phone.audio import AudioError, load
from phone.audio.file_kinds import file_kind
from phone.audio.wav import mended

PCM = np.arange(1, 1001, dtype="<i2").tobytes()
EXTENSIBLE = bytes.fromhex("0100000000001000800000aa00389b71")


def chunk(name: bytes, content: bytes, size: int | None = None) -> bytes:
    """Return a chunk, padded to an even length unless it lies about its size."""
    length = len(content) if size is None else size
    return name + struct.pack("<I", length) + content + bytes(len(content) % 2)


def riff(*chunks: bytes, size: int | None = None) -> bytes:
    """Return a WAV file."""
    body = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(body) if size is None else size) + body


FORMAT = chunk(b"fmt ", struct.pack("<HHIIHH", 1, 1, 16000, 32000, 2, 16))
WIDE = chunk(
    b"fmt ", struct.pack("<HHIIHHHHI", 0xFFFE, 1, 16000, 32000, 2, 16, 22, 16, 4) + EXTENSIBLE
)
DATA = chunk(b"data", PCM)
ODD = chunk(b"LIST", b"INFOx")


@pytest.mark.parametrize(
    "data",
    [
        riff(FORMAT, DATA),
        riff(FORMAT, chunk(b"data", PCM, 0xFFFFFFFF), size=0xFFFFFFFF),
        riff(FORMAT, chunk(b"data", PCM, 0x7FFFFFFF), size=0x7FFFFFFF),
        riff(FORMAT, chunk(b"data", PCM, 0), size=0),
        riff(FORMAT, DATA, size=0),
        riff(FORMAT, DATA, size=10),
        riff(FORMAT, DATA, size=10**8),
        riff(FORMAT, ODD, DATA),
        riff(FORMAT, ODD[:-1], DATA),
        riff(WIDE, DATA),
        riff(FORMAT, chunk(b"data", PCM + b"x")),
        riff(FORMAT, DATA, ODD),
        b"RF64" + riff(chunk(b"ds64", bytes(28)), FORMAT, chunk(b"data", PCM, 0xFFFFFFFF))[4:],
    ],
)
def test_what_is_there_is_said(tmp_path: Path, data: bytes) -> None:
    """A header that lies about a size hides no audio."""
    path = tmp_path / "lies.wav"
    path.write_bytes(data)
    assert load(path, 16000).samples.tobytes() == PCM


def test_joined_files(tmp_path: Path) -> None:
    """Two files joined end to end are said one after the other."""
    path = tmp_path / "joined.wav"
    path.write_bytes(2 * riff(FORMAT, DATA))
    assert load(path, 16000).samples.tobytes() == 2 * PCM


@pytest.mark.parametrize("size", [0, 0x7FFFFFFF, 0xFFFFFFFF])
def test_a_stream_joined_with_another(tmp_path: Path, size: int) -> None:
    """A first header that does not know its size does not make the second one a sound."""
    path = tmp_path / "joined.wav"
    stream = riff(FORMAT, chunk(b"data", PCM, size), size=size)
    path.write_bytes(stream + stream + riff(FORMAT, DATA))
    assert load(path, 16000).samples.tobytes() == 3 * PCM


@pytest.mark.parametrize(
    "data", [riff(FORMAT), riff(FORMAT, chunk(b"data", b"")), riff(DATA), riff(FORMAT, WIDE, DATA)]
)
def test_what_cannot_be_read_is_refused(tmp_path: Path, data: bytes) -> None:
    """A file without audio, or with no one format, is refused by name."""
    path = tmp_path / "none.wav"
    path.write_bytes(data)
    with pytest.raises(AudioError, match=r"none\.wav"):
        load(path, 16000)


def test_what_is_no_number_is_silence(tmp_path: Path) -> None:
    """A file of floats that holds none is said without them."""
    path = tmp_path / "floats.wav"
    soundfile.write(path, np.array([0.5, np.nan, np.inf, 0.25] * 4000), 16000, subtype="FLOAT")
    assert len(load(path, 16000).samples) == 16000


def test_what_cannot_be_read_can_be_converted(tmp_path: Path) -> None:
    """The message has the command that converts the file."""
    path = tmp_path / "none.wav"
    path.write_bytes(b"a text")
    with pytest.raises(AudioError, match=r"ffmpeg -i .*none\.wav -ac 1"):
        load(path, 16000)


@given(st.binary(max_size=100))
def test_any_bytes(data: bytes) -> None:
    """No bytes behind a WAV's first make the search for its audio fail or go on for ever."""
    good = riff(FORMAT, DATA)
    for end in (12, len(good) - 5, len(good)):
        mended(good[:end] + data)


@pytest.mark.parametrize(
    ("format_", "kind"), [("WAV", "WAV"), ("AIFF", "AIFF"), ("MP3", "MP3"), ("OGG", "Ogg"),
                          ("FLAC", "FLAC"), ("AU", "AU")]
)  # fmt: skip
@pytest.mark.parametrize("rate", [8000, 16000, 44100])
def test_files_are_known_by_their_beginning(format_: str, kind: str, rate: int) -> None:
    """The first frame's worth of a file says what it is; of an MP3, two frames do."""
    data = io.BytesIO()
    soundfile.write(data, np.zeros(rate), rate, format=format_)
    assert file_kind(data.getvalue()[: 3000 if format_ == "MP3" else 640]) == kind


@pytest.mark.parametrize(
    ("beginning", "kind"),
    [
        (b"\x1aE\xdf\xa3\x9fB\x86", "WebM"),
        (b"#!AMR-WB\n", "AMR"),
        (b"caff\0\x01\0\0", "CAF"),
        (bytes.fromhex("fff15080021ffc").ljust(16, b"\0") * 2, "AAC"),
        (bytes.fromhex("fff15080021ffc").ljust(16, b"\0"), None),
    ],
)
def test_files_of_browsers_and_telephones_are_known(beginning: bytes, kind: str | None) -> None:
    """Of AAC as it is streamed, two frames."""
    assert file_kind(beginning) == kind


@given(st.binary(max_size=3000))
def test_samples_are_no_file(data: bytes) -> None:
    """Whatever samples begin with, unless with a file's own letters, is no file."""
    assert file_kind(b"\xff\xfb" + data[:2]) is None
    if data[:1] not in (b"R", b"F", b"I", b"O", b"f", b"\0", b".", b"\xff", b"\x1a", b"c", b"#"):
        assert file_kind(data) is None
