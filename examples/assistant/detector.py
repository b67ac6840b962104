"""Speech detector: when the caller starts to speak, whether it is speech or a noise, and its end.

Pure. A frame of 20 ms is loud if it stands out from the background and from the echo of what plays.
A loud frame is open voice if it is periodic, as voiced sound is, and has energy above the first
formant of a hum: then it is neither a cough, a click or a breath, which are not periodic, nor
"mm-hm", which is periodic and closed. A few frames of open voice are speech.

Words that mean no more than "mm-hm" ("yeah", "right") are speech here: only who understands them
can tell.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["FRAME_MS", "Detector", "Heard", "Loudness", "Tuning", "levels"]

FRAME_MS = 20
"""Milliseconds of audio in a frame, which is what a call's messages hold."""

Samples = npt.NDArray[np.int16]

PITCH_HZ = (70, 400)
"""Pitch of voices: deep men to children."""

PERIODIC = 0.55
"""Normalised autocorrelation at the pitch from which a frame counts as voiced."""

OPEN_HZ = 650.0
"""Above the first formant of a hum (about 250 Hz), below that of an open vowel's second."""

OPEN = 0.03
"""Share of the energy above `OPEN_HZ` from which a voiced frame is no hum."""

BAND_HZ = (80.0, 3800.0)
"""What a telephone carries."""


class Heard(Enum):
    """What a frame brought about."""

    ONSET = "onset"
    """Something loud began; what it is will be known within `Tuning.decide_ms`."""

    SPEECH = "speech"
    """It is speech: at once, or after it was taken for a noise."""

    NOISE = "noise"
    """It is a noise, as far as can be told in time."""

    END = "end"
    """The speech is over: it has been silent for `Tuning.silence_ms`."""

    ECHO = "echo"
    """Something that is loud, but not louder than an echo of what plays may be."""

    PASSED = "passed"
    """The noise is over, and was none but a noise."""


@dataclass(frozen=True)
class Tuning:
    """Thresholds of the detector: milliseconds, and levels (root mean square of 16-bit samples)."""

    decide_ms: int = 200
    """From the onset to the decision, at most."""

    silence_ms: int = 500
    """Silence that ends speech."""

    voice_ms: int = 80
    """Open voice that makes it speech."""

    least: float = 200.0
    """Level below which nothing is loud: -44 dB of full scale."""

    above_background: float = 3.0
    """Factor over the background: 10 dB."""

    above_echo: float = 0.35
    """Factor of what plays: an echo is at least 9 dB weaker (Geigel's double-talk test)."""


def levels(pcm: bytes, samples: int) -> list[float]:
    """Return the level of each whole frame in 16-bit PCM.

    Args:
        pcm: 16-bit little-endian samples.
        samples: of a frame.

    """
    wave = np.frombuffer(pcm, "<i2").astype(np.float32)
    whole = wave[: len(wave) // samples * samples].reshape(-1, samples)
    result: list[float] = np.sqrt(np.mean(whole * whole, axis=1)).tolist()
    return result


class Loudness:
    """Tells loud frames from the background, and loud stretches from silence.

    Args:
        tuning: thresholds.

    """

    __slots__ = ("_block", "_blocks", "_frames", "_masked", "_recent", "_tuning")

    def __init__(self, tuning: Tuning) -> None:
        self._tuning = tuning
        # A line is taken to be quiet until it is known: the first word may come at once.
        self._blocks: deque[float] = deque([0.0], maxlen=5)
        self._block = float("inf")
        self._frames = 0
        self._recent: deque[bool] = deque(maxlen=4)
        self._masked: deque[bool] = deque(maxlen=4)

    @property
    def masked(self) -> bool:
        """Whether three of the last four frames were loud, but for the echo that they may be."""
        return sum(self._masked) >= 3

    @property
    def begun(self) -> bool:
        """Whether three of the last four frames were loud: shorter than that is a click."""
        return sum(self._recent) >= 3

    def feed(self, level: float, echo: float = 0.0) -> bool:
        """Take a frame's level; return whether it is loud.

        Args:
            level: of the frame.
            echo: of what the caller hears meanwhile.

        """
        # The background is the least level of the last 1.5 s: speech has gaps, a fan has none.
        self._block = min(self._block, level)
        self._frames += 1
        background = min(self._block, *self._blocks)
        if self._frames % 15 == 0:
            self._blocks.append(self._block)
            self._block = level
        threshold = max(self._tuning.least, background * self._tuning.above_background)
        stands_out = level > threshold
        loud = stands_out and level > echo * self._tuning.above_echo
        self._recent.append(loud)
        self._masked.append(stands_out and not loud)
        return loud

    def forget(self) -> None:
        """Begin a new stretch."""
        self._recent.clear()
        self._masked.clear()


class Detector:
    """Listens to one caller.

    Args:
        rate: Hz of the call.
        tuning: thresholds.

    """

    def __init__(self, rate: int, tuning: Tuning | None = None) -> None:
        self._tuning = tuning or Tuning()
        self._samples = rate * FRAME_MS // 1000
        self._loudness = Loudness(self._tuning)
        self._voice = _Voice(rate)
        self._last = np.zeros(self._samples, np.int16)
        self._state: Heard | None = None
        self._since = self._quiet = self._open = 0
        self._early: deque[bool] = deque(maxlen=4)

    def feed(self, frame: bytes, echo: float = 0.0) -> list[Heard]:
        """Listen to 20 ms more.

        Args:
            frame: 16-bit little-endian PCM; other sizes are passed over.
            echo: level of what the caller heard within the last moments.

        """
        wave = np.frombuffer(frame, "<i2")
        if len(wave) != self._samples:
            return []
        exact = wave.astype(np.float32)
        level = math.sqrt(float(np.dot(exact, exact)) / self._samples)
        loud = self._loudness.feed(level, echo)
        voice = loud and self._voice.open(np.concatenate((self._last, wave)))
        self._last = wave
        if self._state is None:
            self._early.append(voice)
            if not self._loudness.begun:
                return [Heard.ECHO] if self._loudness.masked else []
            self._state, self._since, self._quiet = Heard.ONSET, 0, 0
            self._open = sum(self._early)
            return [Heard.ONSET, *self._decide()]
        self._since += FRAME_MS
        self._open += voice
        self._quiet = 0 if loud else self._quiet + FRAME_MS
        return self._decide()

    def _decide(self) -> list[Heard]:
        speech = self._open * FRAME_MS >= self._tuning.voice_ms
        match self._state:
            case Heard.ONSET | Heard.NOISE if speech:
                self._state = Heard.SPEECH
                return [Heard.SPEECH]
            case Heard.ONSET if self._since >= self._tuning.decide_ms:
                self._state = Heard.NOISE
                return [Heard.NOISE]
            case Heard.NOISE if self._quiet >= min(200, self._tuning.silence_ms):
                self.rest()
                return [Heard.PASSED]
            case Heard.SPEECH if self._quiet >= self._tuning.silence_ms:
                self.rest()
                return [Heard.END]
        return []

    def rest(self) -> None:
        """Begin anew: what is heard from now on has an onset of its own."""
        self._state = None
        self._early.clear()
        self._loudness.forget()


class _Voice:
    """Tells open voice from other sounds, by 40 ms of them."""

    def __init__(self, rate: int) -> None:
        length = 2 * rate * FRAME_MS // 1000
        self._size = 2 * length
        self._window = np.hanning(length)
        frequencies = np.fft.rfftfreq(self._size, 1 / rate)
        self._band = (frequencies >= BAND_HZ[0]) & (frequencies <= BAND_HZ[1])
        self._upper = self._band & (frequencies > OPEN_HZ)
        self._lags = slice(rate // PITCH_HZ[1], rate // PITCH_HZ[0])
        own = self._correlation(self._window)
        self._own = np.maximum(own[self._lags] / own[0], 0.1)

    def open(self, wave: Samples) -> bool:
        """Whether this is voiced, and no hum."""
        power = np.abs(np.fft.rfft(wave * self._window, self._size)) ** 2 * self._band
        whole = float(power.sum())
        if whole <= 0 or float(power[self._upper].sum()) < OPEN * whole:
            return False
        correlation = np.fft.irfft(power, self._size)
        peak = float((correlation[self._lags] / self._own).max())
        return peak >= PERIODIC * float(correlation[0])

    def _correlation(self, wave: Any) -> Any:
        return np.fft.irfft(np.abs(np.fft.rfft(wave, self._size)) ** 2, self._size)
