"""Audio files: reading, conversion, cutting into the wire's 20 ms frames, writing.

Samples are numpy arrays of `int16`, mono, shape `(samples,)`. On the wire they are little-endian.
"""

import contextlib
import io
import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
import soxr

from phone.audio.tones import TONE_SECONDS, glide
from phone.audio.wav import FORM_BYTES, mended, states_wrong_size
from phone.constants import AUDIO_FILE_SECONDS, BYTES_PER_SAMPLE, frame_bytes

__all__ = [
    "AudioError",
    "Samples",
    "Voice",
    "decode",
    "decode_stream",
    "load",
    "resampled",
    "save",
    "to_samples",
]

Samples = npt.NDArray[np.int16]

SPEECH = "speech"
TONE = "tone"
SILENCE = "silence"
SPEECH_FILE = "audio/sounds/speech-16k.wav"
MENDED_MAX_BYTES = 256 * 1024 * 1024  # of a file that is read at once to find its audio


class AudioError(ValueError):
    """An audio file that cannot be used; the message says why and what to do."""


@dataclass(frozen=True)
class Voice:
    """What the caller says: samples at one rate, cut into frames when asked.

    Args:
        samples: mono, 16 bit.
        rate: Hz.
        name: where it came from, for reports.

    """

    samples: Samples
    rate: int
    name: str

    @property
    def seconds(self) -> float:
        """Length of the voice in seconds."""
        return len(self.samples) / self.rate

    def at(self, rate: int) -> "Voice":
        """Return the same at another rate, in Hz."""
        return Voice(resampled(self.samples, self.rate, rate), rate, self.name)

    def frames(self, seconds: float | None = None) -> list[bytes]:
        """Cut into 20 ms frames; the last one is filled up with silence.

        Args:
            seconds: the length wanted: cuts, or loops from the start; None: as long as it is.

        """
        samples = self.samples
        if seconds is not None:
            samples = np.resize(samples, max(1, round(seconds * self.rate)))
        data = samples.astype("<i2", copy=False).tobytes()
        size = frame_bytes(self.rate)
        data += bytes(-len(data) % size)
        return [data[start : start + size] for start in range(0, len(data), size)]


def load(source: str | Path, rate: int) -> Voice:
    """Read what the caller says and convert it to mono at `rate` Hz.

    Args:
        source: an audio file of any kind that libsndfile reads (WAV, FLAC, OGG, MP3 …), any rate
        and
            number of channels; or "speech" (the sample of this package), "tone", "silence".
        rate: Hz.

    Raises:
        AudioError: there is no such file, or it is no audio, empty, or too long.

    """
    name = str(source)
    if name == TONE:
        return Voice(glide(rate), rate, name)
    if name == SILENCE:
        return Voice(np.zeros(round(TONE_SECONDS * rate), np.int16), rate, name)
    if name == SPEECH:
        with resources.as_file(resources.files("phone") / SPEECH_FILE) as path:
            return Voice(_read(path, rate), rate, name)
    return Voice(_read(Path(source), rate), rate, name)


def to_samples(data: bytes) -> Samples:
    """Turn bytes of the wire into samples; an odd byte at the end is left out."""
    whole = len(data) - len(data) % BYTES_PER_SAMPLE
    return np.frombuffer(data[:whole], dtype="<i2").astype(np.int16)


def save(path: Path, frames: Sequence[bytes], rate: int) -> None:
    """Write frames of the wire as a WAV file, whole or not at all.

    Raises:
        OSError: the folder is missing, not writable, or the disk is full.

    """
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    os.close(handle)
    try:
        soundfile.write(
            temporary, to_samples(b"".join(frames)), rate, subtype="PCM_16", format="WAV"
        )
        Path(temporary).chmod(0o666 & ~_umask())
        os.replace(temporary, path)
    except soundfile.LibsndfileError as error:
        raise OSError(f"cannot write {path}: {error}") from error
    finally:
        Path(temporary).unlink(missing_ok=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def decode(data: bytes, rate: int) -> Samples:
    """Read a whole audio file from memory, and convert it to mono at `rate` Hz.

    Raises:
        AudioError: it is no audio, empty, or too long.

    """
    return _decoded(data, rate, "it")


def decode_stream(data: bytes, rate: int) -> tuple[Samples, str]:
    """Read a file that `stream` plays: an MP3, or a WAV file of 16 bit (NCCO reference).

    Returns:
        Its samples, mono at `rate` Hz, and its format's name.

    Raises:
        AudioError: it is another format, no audio at all, empty, or too long.

    """
    with _opened(io.BytesIO(data), "it") as file:
        wav = file.format in ("WAV", "WAVEX") and file.subtype == "PCM_16"
        if not wav and file.format != "MP3":
            raise AudioError(
                f"it is {file.format} {file.subtype}, which the platform does not take"
            )
        return _samples(file, rate, "it"), "WAV" if wav else "MP3"


def resampled(samples: Samples, old: int, new: int) -> Samples:
    """Return mono samples at another rate, both in Hz."""
    if old == new or not len(samples):
        return samples
    wide = samples[:, np.newaxis].astype(np.float32)
    wide /= 32767
    return _convert(wide, old, new)


@contextlib.contextmanager
def _opened(source: Path | io.BytesIO, name: str, hint: str = "") -> Iterator[soundfile.SoundFile]:
    try:
        with soundfile.SoundFile(_with_true_size(source)) as file:
            yield file
    except (soundfile.LibsndfileError, OSError) as error:
        reason = getattr(error, "error_string", str(error)).rstrip(".")
        raise AudioError(f"{name} cannot be read as audio ({reason}){hint}") from error


def _with_true_size(source: Path | io.BytesIO) -> Path | io.BytesIO:
    """Return a sound file; of a WAV file that states a wrong size, a mended copy.

    libsndfile takes what follows the first of several joined ones for its sound, headers included.
    """
    if isinstance(source, io.BytesIO):
        data = source.getvalue()
        wav = mended(data) if states_wrong_size(data[:FORM_BYTES], len(data)) else None
        return io.BytesIO(wav) if wav else source
    size = source.stat().st_size
    with source.open("rb") as file:
        wrong = states_wrong_size(file.read(FORM_BYTES), size)
    if not wrong or size > MENDED_MAX_BYTES:
        return source
    return _with_true_size(io.BytesIO(source.read_bytes()))


def _read(path: Path, rate: int) -> Samples:
    if not path.is_file():
        raise AudioError(
            f"there is no audio file {str(path)!r}; give a WAV file, or one of: speech, tone, "
            f"silence"
        )
    hint = (
        "; give a WAV, FLAC, OGG or MP3 file, or convert it, for instance with: "
        f"ffmpeg -i {path} -ac 1 -c:a pcm_s16le converted.wav"
    )
    try:
        with _opened(path, str(path), hint) as file:
            return _samples(file, rate, str(path))
    except AudioError:
        if path.stat().st_size > MENDED_MAX_BYTES:
            raise
        wav = mended(path.read_bytes())
        if wav is None:
            raise
    return _decoded(wav, rate, str(path))


def _decoded(data: bytes, rate: int, name: str) -> Samples:
    """Read a file from memory, whatever its header says about its length."""
    try:
        with _opened(io.BytesIO(data), name) as file:
            return _samples(file, rate, name)
    except AudioError:
        wav = mended(data)
        if wav is None or wav == data:
            raise
    return _decoded(wav, rate, name)


def _samples(file: soundfile.SoundFile, rate: int, name: str) -> Samples:
    most = AUDIO_FILE_SECONDS * file.samplerate
    if file.frames > most:
        raise AudioError(
            f"{name} is {file.frames / file.samplerate:.0f} s long, at most {AUDIO_FILE_SECONDS} s "
            "are read; cut it, and loop it"
        )
    # A header may lie: what is read is bounded, whatever it says.
    if file.channels == 1 and file.samplerate == rate and file.subtype == "PCM_16":
        samples: Samples = file.read(most, dtype="int16")
    else:
        wide = file.read(most, dtype="float32", always_2d=True)
        samples = _convert(wide, file.samplerate, rate)
    if not len(samples):
        raise AudioError(f"{name} holds no audio; give a file with at least one sample")
    return samples


def _convert(samples: npt.NDArray[np.float32], old: int, new: int) -> Samples:
    mono = soxr.resample(samples.mean(axis=1), old, new)
    # Files of floats may hold what is no number.
    converted: Samples = (np.clip(np.nan_to_num(mono), -1.0, 1.0) * 32767).astype(np.int16)
    return converted
