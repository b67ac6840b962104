"""Audio files, conversion, frames, and writing WAV files whole or not at all."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from phone.audio import AudioError, glide, load, save, to_samples


@pytest.mark.parametrize("rate", [8000, 16000, 24000])
@pytest.mark.parametrize("source", ["speech", "tone", "silence"])
def test_built_in_sounds(source: str, rate: int) -> None:
    """Every built-in sound has the rate's frame size, and the last frame is whole."""
    voice = load(source, rate)
    frames = voice.frames()
    assert {len(frame) for frame in frames} == {rate // 50 * 2}
    assert len(frames) == int(np.ceil(voice.seconds * 50 - 1e-9))


def test_speech_at_its_own_rate_is_not_touched() -> None:
    """At 16 kHz the sample's bytes are sent as they are in the file."""
    frames = load("speech", 16000).frames()
    assert len(frames) == 379
    assert any(frames[100])


@pytest.mark.parametrize(("rate", "channels"), [(44100, 2), (8000, 1), (48000, 6), (11025, 1)])
@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG"])
def test_any_file(tmp_path: Path, rate: int, channels: int, kind: str) -> None:
    """Any rate, channel count and format becomes mono at the wire's rate, of the same length."""
    path = tmp_path / f"sound.{kind.lower()}"
    time = np.arange(rate) / rate
    tone = 0.5 * np.sin(2 * np.pi * 440 * time)
    soundfile.write(path, np.column_stack([tone] * channels), rate, format=kind)
    voice = load(path, 16000)
    assert len(voice.samples) == pytest.approx(16000, abs=20)
    spectrum = np.abs(np.fft.rfft(voice.samples[:16000].astype(float)))
    assert int(np.argmax(spectrum)) == pytest.approx(440, abs=2)
    assert np.abs(voice.samples).max() == pytest.approx(0.5 * 32767, rel=0.1)


def test_cut_and_loop() -> None:
    """Seconds cut the sound, or loop it from its start."""
    voice = load("tone", 8000)
    whole = voice.frames()
    assert voice.frames(1.0) == whole[:50]
    assert voice.frames(0.01) == [whole[0][:160] + bytes(160)]
    assert voice.frames(11.0)[: 2 * len(whole)] == whole * 2


def test_glide_never_repeats() -> None:
    """All frames of the tone differ."""
    frames = load("tone", 16000).frames()
    assert len(set(frames)) == len(frames) == 250
    assert glide(8000).max() > 9000


def test_samples_of_odd_bytes() -> None:
    """Half a sample at the end is left out; the byte order is little-endian."""
    assert to_samples(b"\x01\x00\xff\xff\x05").tolist() == [1, -1]


@pytest.mark.parametrize(
    ("content", "why"),
    [(b"", "cannot be read"), (b"RIFF", "cannot be read"), (b"hello" * 100, "cannot be read")],
)
def test_no_audio(tmp_path: Path, content: bytes, why: str) -> None:
    """A file that is no audio is refused with its name."""
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    with pytest.raises(AudioError, match=why) as caught:
        load(path, 8000)
    assert "a.wav" in str(caught.value)


def test_empty_and_endless_files(tmp_path: Path) -> None:
    """A file without samples, and one of more than ten minutes, are refused."""
    empty, long = tmp_path / "empty.wav", tmp_path / "long.wav"
    soundfile.write(empty, np.zeros(0, np.int16), 8000)
    soundfile.write(long, np.zeros(601 * 1000, np.int16), 1000)
    with pytest.raises(AudioError, match="holds no audio"):
        load(empty, 8000)
    with pytest.raises(AudioError, match="601 s long"):
        load(long, 8000)
    with pytest.raises(AudioError, match="no audio file"):
        load(tmp_path, 8000)


def test_save_keeps_the_old_file_when_writing_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A write that fails leaves what was there, and no temporary file."""
    path = tmp_path / "heard.wav"
    path.write_bytes(b"precious")

    def full(*_: object, **__: object) -> None:
        raise soundfile.LibsndfileError(0)

    monkeypatch.setattr(soundfile, "write", full)
    with pytest.raises(OSError, match=r"heard\.wav"):
        save(path, [bytes(640)], 16000)
    assert path.read_bytes() == b"precious"
    assert [item.name for item in tmp_path.iterdir()] == ["heard.wav"]
