"""Audio formats: 24 kHz byte for byte, G.711 by its table, rates by resampling."""

from __future__ import annotations

import wave
from pathlib import Path

import numpy as np
import pytest
from assistant.formats import MODEL_RATES, Format, converters, format_for, read_wav
from assistant.settings import SettingsError, load

RATES = (8000, 16000, 24000)


def tone(rate: int, hertz: float = 440.0) -> bytes:
    """One second."""
    return (np.sin(np.arange(rate) / rate * 2 * np.pi * hertz) * 8000).astype("<i2").tobytes()


def test_24_khz_is_the_same_bytes() -> None:
    """Nothing is done to them."""
    up, down = converters("pcm", 24000)
    data = tone(24000)
    assert up.feed(data) == data
    assert down.feed(data) == data
    assert up.end() == down.end() == b""


@pytest.mark.parametrize("law", ["pcmu", "pcma"])
def test_companding_is_that_of_g711(law: Format) -> None:
    """Every code comes back as itself; known values of ITU-T G.711 are what they should be."""
    up, down = converters(law, 8000)
    codes = bytes(range(256))
    values = np.frombuffer(down.feed(codes), "<i2")
    back = np.frombuffer(down.feed(up.feed(values.tobytes())), "<i2")
    assert (back == values).all()
    known = {
        "pcmu": {0x00: -32124, 0x80: 32124, 0xFF: 0, 0xEF: 132},
        "pcma": {0x2A: -32256, 0xAA: 32256, 0xD5: 8},
    }
    assert {code: int(values[code]) for code in known[law]} == known[law]
    samples = np.arange(-32768, 32768, dtype="<i2")
    near = np.frombuffer(down.feed(up.feed(samples.tobytes())), "<i2").astype(int)
    error = np.abs(near - samples)
    assert (error <= np.maximum(16, np.abs(samples.astype(int)) // 16)).all()


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("model", ["pcm", "pcmu", "pcma"])
def test_a_tone_goes_there_and_back(rate: int, model: Format) -> None:
    """In frames of 20 ms, with its length, and its sound."""
    up, down = converters(model, rate)
    data = tone(rate)
    size = rate // 50 * 2
    there = b"".join(up.feed(data[at : at + size]) for at in range(0, len(data), size)) + up.end()
    width = 2 if model == "pcm" else 1
    assert abs(len(there) - MODEL_RATES[model] * width) <= 2 * width
    back = np.frombuffer(down.feed(there) + down.end(), "<i2").astype(float)
    assert abs(len(back) - rate) <= 4
    length = min(len(back), rate)
    sent = np.frombuffer(data, "<i2")[:length].astype(float)
    middle = slice(rate // 10, -rate // 10)
    assert np.corrcoef(sent[middle], back[:length][middle])[0, 1] > 0.99


def test_an_odd_piece_is_kept_for_the_next() -> None:
    """Streams may be cut anywhere."""
    _, down = converters("pcm", 16000)
    data = tone(24000)
    odd = b"".join(down.feed(data[at : at + 333]) for at in range(0, len(data), 333)) + down.end()
    assert abs(len(odd) - 32000) <= 4


def test_the_format_follows_the_call() -> None:
    """8 kHz is pcmu unless a setting says otherwise."""
    assert [format_for("auto", rate) for rate in RATES] == ["pcmu", "pcm", "pcm"]
    assert format_for("pcma", 24000) == "pcma"


def test_what_is_there_of_a_file_is_read(tmp_path: Path) -> None:
    """A header that states a wrong size hides no audio, and two channels are mixed to one."""
    path = tmp_path / "a.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 8000, 0, "NONE", ""))
        file.writeframes(tone(8000))
    data = path.read_bytes()
    size = data.index(b"data") + 4
    for stated in (0, 0x7FFFFFFF, 0xFFFFFFFF):
        path.write_bytes(data[:size] + stated.to_bytes(4, "little") + data[size + 4 :])
        assert read_wav(path, 8000) == tone(8000)
    with wave.open(str(path), "wb") as file:
        file.setparams((2, 2, 8000, 0, "NONE", ""))
        file.writeframes(np.frombuffer(tone(8000), "<i2").repeat(2).tobytes())
    assert read_wav(path, 8000) == tone(8000)
    assert len(read_wav(path, 16000)) == 2 * len(tone(8000))


@pytest.mark.parametrize("data", [None, b"", b"no WAV at all"])
def test_a_file_that_cannot_be_played_says_why(tmp_path: Path, data: bytes | None) -> None:
    """Missing, empty, or no WAV file: the error names it, and the start is refused with it."""
    path = tmp_path / "a.wav"
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(ValueError, match=r"a\.wav"):
        read_wav(path, 8000)
    for name in ("assistant_greeting_file", "assistant_apology_file"):
        with pytest.raises(SettingsError, match=r"a\.wav"):
            load(**{name: path})
