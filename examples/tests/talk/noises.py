"""Noises that are not speech: coughs, clicks, breaths and "mm-hm", each a little different."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["KINDS", "breath", "click", "cough", "mm_hm"]

Wave = npt.NDArray[np.float64]
Random = np.random.Generator


def cough(rate: int, random: Random) -> bytes:
    """One or two bursts of turbulent air, loudest at once, with the resonances of a throat."""
    parts = [_silence(rate, 0.0)]
    for _ in range(random.integers(1, 3)):
        length = random.uniform(0.15, 0.35)
        burst = _noise(rate, length, random) * np.exp(
            -np.linspace(0, random.uniform(3, 6), int(rate * length))
        )
        burst = _resonance(burst, rate, random.uniform(500, 900), 300) + 0.5 * _resonance(
            burst, rate, random.uniform(1500, 2200), 600
        )
        parts += [burst, _silence(rate, random.uniform(0.05, 0.2))]
    return _pcm(np.concatenate(parts), random.uniform(4000, 9000))


def click(rate: int, random: Random) -> bytes:
    """A knock on the microphone, or a tongue: a few milliseconds."""
    length = random.uniform(0.004, 0.025)
    wave = _noise(rate, length, random) * np.exp(-np.linspace(0, 5, int(rate * length)))
    return _pcm(np.concatenate((wave, _silence(rate, 0.05))), random.uniform(3000, 20000))


def breath(rate: int, random: Random) -> bytes:
    """Air at a microphone, swelling and fading."""
    length = random.uniform(0.4, 1.2)
    wave = _resonance(_noise(rate, length, random), rate, random.uniform(400, 1200), 900)
    return _pcm(wave * np.hanning(len(wave)), random.uniform(400, 1500))


def mm_hm(rate: int, random: Random) -> bytes:
    """Two hums with a closed mouth, the second higher, and a breath of an h between them."""
    pitch = random.uniform(90, 230)
    first = _hum(rate, random.uniform(0.12, 0.22), pitch, pitch * 0.95, random)
    second = _hum(rate, random.uniform(0.18, 0.3), pitch * 1.15, pitch * 1.3, random)
    between = _noise(rate, random.uniform(0.03, 0.08), random) * 0.02
    return _pcm(np.concatenate((first, between, second)), random.uniform(1500, 5000))


KINDS = {"cough": cough, "click": click, "breath": breath, "mm-hm": mm_hm}


def _hum(rate: int, length: float, start: float, end: float, random: Random) -> Wave:
    """Glottal pulses through a nose: one resonance near 250 Hz, others far below it."""
    samples = int(rate * length)
    phase = np.cumsum(np.linspace(start, end, samples) / rate)
    pulses = np.diff(np.floor(phase), prepend=0.0)
    wave = _resonance(pulses, rate, random.uniform(230, 290), 80)
    wave /= np.abs(wave).max()
    for centre, decibels in ((1000, -26), (2200, -32)):
        upper = _resonance(pulses, rate, random.uniform(0.9, 1.1) * centre, 150)
        wave += upper / np.abs(upper).max() * 10 ** (decibels / 20)
    fade = np.minimum(1, np.minimum(np.arange(samples), np.arange(samples)[::-1]) / (0.03 * rate))
    return np.asarray(wave * fade)


def _noise(rate: int, length: float, random: Random) -> Wave:
    return random.standard_normal(int(rate * length))


def _silence(rate: int, length: float) -> Wave:
    return np.zeros(int(rate * length))


def _resonance(wave: Wave, rate: int, centre: float, width: float) -> Wave:
    """Pass what lies around a frequency, by a curve in the spectrum."""
    spectrum = np.fft.rfft(wave)
    frequencies = np.fft.rfftfreq(len(wave), 1 / rate)
    curve = 1 / (1 + ((frequencies - centre) / (width / 2)) ** 2)
    return np.asarray(np.fft.irfft(spectrum * curve, len(wave)))


def _pcm(wave: Wave, level: float) -> bytes:
    """As 16-bit samples; *level* is the root mean square of the loudest 20 ms or so."""
    peak = np.sqrt(np.convolve(wave**2, np.ones(160) / 160, "same").max())
    return bytes(np.clip(wave / peak * level, -32000, 32000).astype("<i2").tobytes())
