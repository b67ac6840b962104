"""What can be played, and how it is refused when it cannot."""

from __future__ import annotations

import sys
import threading
import wave
from array import array
from collections.abc import AsyncGenerator
from pathlib import Path

import numpy as np
import pytest
from echo_service.playback import AudioError, MissingExtra, sources
from echo_service.playback.resample import Resampler
from echo_service.playback.sources import Audio, open_source


async def pcm(audio: Audio, rate: int | None = None, call_rate: int = 8000) -> bytes:
    """Return all of a source."""
    return b"".join([piece async for piece in (await open_source(audio, rate, call_rate)).pieces])


def write_wav(path: Path, samples: list[int], rate: int = 8000, channels: int = 1) -> Path:
    """Write a WAV file of 16 bits."""
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, 2, rate, 0, "NONE", ""))
        file.writeframes(array("h", samples).tobytes())
    return path


SAMPLES = list(range(-5000, 5000))
WIRE = np.array(SAMPLES, "<i2").tobytes()
AAC = bytes.fromhex("fff15080021ffc").ljust(16, b"\0")  # a frame: 16 bytes, says its header


@pytest.mark.parametrize(
    "audio",
    [
        WIRE,
        bytearray(WIRE),
        memoryview(WIRE),
        array("h", SAMPLES),
        np.array(SAMPLES, np.int16),
        np.array(SAMPLES, np.int16)[:, None],
        np.repeat(np.array(SAMPLES, np.int16), 2)[::2],
        np.array(SAMPLES, np.float32) / 32767,
        np.array(SAMPLES, np.float64)[None, :] / 32767,
    ],
    ids=["bytes", "bytearray", "memoryview", "array", "int16", "column", "strided", "f4", "f8"],
)
async def test_arrays_are_read(audio: Audio) -> None:
    """Bytes and arrays of any usual kind give the same samples."""
    assert await pcm(audio) == WIRE


async def test_the_length_is_known(tmp_path: Path) -> None:
    """Of all but iterators, whose end nobody knows, the length in seconds is known."""

    async def stream() -> AsyncGenerator[bytes]:
        yield WIRE

    file = write_wav(tmp_path / "sound.wav", SAMPLES)
    for audio in (WIRE, array("h", SAMPLES), np.array(SAMPLES, np.float32) / 32767, file):
        assert (await open_source(audio, None, 8000)).seconds == 1.25
    assert (await open_source(WIRE, 16000, 8000)).seconds == 0.625
    assert (await open_source(stream(), None, 8000)).seconds is None


async def test_loud_floats_are_clipped() -> None:
    """Floats beyond 1 are as loud as can be, and do not wrap around."""
    assert await pcm(array("f", [2.0, -2.0])) == np.array([32767, -32767], "<i2").tobytes()


async def test_wav_files_are_read(tmp_path: Path) -> None:
    """A file is read, and channels are mixed."""
    assert await pcm(write_wav(tmp_path / "mono.wav", SAMPLES)) == WIRE
    pairs = [sample for value in SAMPLES for sample in (value + 10, value - 10)]
    assert await pcm(str(write_wav(tmp_path / "stereo.wav", pairs, channels=2))) == WIRE


async def test_streams_may_be_cut_anywhere() -> None:
    """An iterator's pieces may end in the middle of a sample, and be arrays as well."""

    async def stream() -> AsyncGenerator[object]:
        yield WIRE[:3]
        yield WIRE[3:8001]
        yield bytearray(WIRE[8001:10000])
        yield array("h", SAMPLES[5000:])

    assert await pcm(stream()) == WIRE


async def test_rates_are_converted(tmp_path: Path) -> None:
    """A tone of another rate keeps its pitch and its length."""
    tone = (np.sin(2 * np.pi * 440 * np.arange(24000) / 24000) * 20000).astype(np.int16)
    file = write_wav(tmp_path / "tone.wav", tone.tolist(), rate=24000)
    for converted in (await pcm(tone, rate=24000), await pcm(file)):
        heard = np.frombuffer(converted, "<i2")
        assert abs(len(heard) - 8000) <= 2
        spectrum = np.abs(np.fft.rfft(heard[:8000], 8000))
        assert int(np.argmax(spectrum)) == 440


@pytest.mark.parametrize(
    ("audio", "complaint"),
    [
        (b"odd", "3 bytes are not a multiple of 2"),
        (b"ID3\x04" + bytes(100), "the bytes of a file of type MP3, not samples: decode it"),
        (bytearray(b"OggS\0\x02"), "the bytes of a file of type Ogg, not samples: decode it"),
        (b"\x1aE\xdf\xa3" + bytes(100), "the bytes of a file of type WebM, not samples: decode it"),
        (b"#!AMR\n" + bytes(100), "the bytes of a file of type AMR, not samples: decode it"),
        (AAC * 2, "the bytes of a file of type AAC, not samples: decode it"),
        (memoryview(b"fLaC\0\0"), "the bytes of a file of type FLAC, not samples: decode it"),
        (
            b"RIFF\0\0\0\0WAVEfmt ",
            "the bytes of a file of type WAV, .*: give `play` the file's path",
        ),
        (12, "a int cannot be played; give bytes"),
        (np.zeros(10, np.int32), "items of the type 'i' cannot be played; give int16"),
        (np.zeros((10, 2), np.int16), r"shape \(10, 2\) has several channels"),
        (Path("/nowhere/x.wav"), "/nowhere/x.wav cannot be read: No such file"),
    ],
    ids=[
        "odd",
        "mp3",
        "ogg",
        "webm",
        "amr",
        "aac",
        "flac",
        "wav",
        "int",
        "int32",
        "channels",
        "missing",
    ],
)
async def test_what_cannot_be_played_is_refused(audio: Audio, complaint: str) -> None:
    """A wrong source says what was seen and what would do."""
    with pytest.raises(AudioError, match=complaint):
        await open_source(audio, None, 8000)


async def test_other_files_are_refused(tmp_path: Path) -> None:
    """A file other than a WAV of 16 bits is refused with the command that converts it."""
    other = tmp_path / "speech.mp3"
    other.write_bytes(b"ID3\x04" + bytes(100))
    with pytest.raises(AudioError, match=r"a file of type MP3; .* ffmpeg -i .*speech.mp3 -ac 1"):
        await open_source(other, None, 8000)
    eight = tmp_path / "eight.wav"
    with wave.open(str(eight), "wb") as file:
        file.setparams((1, 1, 8000, 0, "NONE", ""))
        file.writeframes(bytes(100))
    with pytest.raises(AudioError, match="has samples of 8 bits; convert it"):
        await open_source(eight, None, 8000)


async def test_the_bytes_of_a_file_in_a_stream_are_refused() -> None:
    """An iterator that yields a file in pieces ends at the first one, with the reason."""

    async def stream() -> AsyncGenerator[bytes]:
        yield bytes.fromhex("fffb9064").ljust(417, b"\0") + bytes.fromhex("fffb9064")
        yield bytes(1000)

    with pytest.raises(AudioError, match="a file of type MP3"):
        await pcm(stream())


async def test_a_missing_resampler_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without soxr, audio of another rate is refused with the extra's name."""

    monkeypatch.setitem(sys.modules, "soxr", None)
    with pytest.raises(MissingExtra, match=r"install echo-service\[audio\], or give audio of 8000"):
        await open_source(WIRE, 16000, 8000)


@pytest.mark.parametrize("rate", [0, -8000, 8])
async def test_a_rate_that_is_none_is_refused(rate: int) -> None:
    """A rate of nothing is a mistake of the caller's."""
    with pytest.raises(AudioError, match=r".* Hz is not a valid sample rate"):
        await open_source(WIRE, rate, 8000)


async def test_a_file_has_its_own_rate(tmp_path: Path) -> None:
    """A rate beside a file would contradict it."""
    with pytest.raises(AudioError, match="knows its own rate"):
        await open_source(tmp_path / "x.wav", 8000, 8000)


async def test_the_resampler_is_fetched_in_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop of all calls does not wait for the first import of what converts rates."""
    threads: list[threading.Thread] = []

    def fetched(source: int, target: int) -> Resampler:
        threads.append(threading.current_thread())
        return Resampler(source, target)

    monkeypatch.setattr(sources, "Resampler", fetched)
    async for _ in (await open_source(bytes(640), 8000, 16000)).pieces:
        pass
    assert threads
    assert threads[0] is not threading.main_thread()
