"""The detector: words are speech, in time; noises, echoes and room tone are not."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from assistant.detector import Detector, Heard
from assistant.formats import read_wav

from . import noises

TALK = Path(__file__).parent / "sounds"
SOUNDS = sorted(TALK.glob("*.wav")) + sorted((TALK.parents[1] / "sounds").glob("*.wav"))
RATES = (8000, 16000, 24000)


def heard(pcm: bytes, rate: int, echo: float = 0.0, floor: float = 0.0) -> list[tuple[int, Heard]]:
    """Hear a sound after 600 ms, with silence or a fan around it; times are in ms from it."""
    detector = Detector(rate)
    frame = rate // 50 * 2
    whole = bytes(30 * frame) + pcm + bytes(-len(pcm) % frame) + bytes(60 * frame)
    if floor:
        fan = np.random.default_rng(1).normal(0, floor, len(whole) // 2)
        whole = (np.frombuffer(whole, "<i2") + fan).clip(-32768, 32767).astype("<i2").tobytes()
    return [
        (at // frame * 20 + 20 - 600, event)
        for at in range(0, len(whole), frame)
        for event in detector.feed(whole[at : at + frame], echo)
    ]


@pytest.mark.parametrize("path", SOUNDS, ids=lambda path: path.stem)
@pytest.mark.parametrize("rate", RATES)
def test_words_are_speech(path: Path, rate: int) -> None:
    """A word has its onset within 100 ms of its first sound, and is speech in 200 ms more."""
    pcm = read_wav(path, rate)
    loud = int(np.flatnonzero(np.abs(np.frombuffer(pcm, "<i2").astype(int)) > 600)[0])
    begins = loud * 1000 // rate
    events = heard(pcm, rate)
    kinds = [kind for _, kind in events]
    assert kinds[0] is Heard.ONSET
    assert Heard.SPEECH in kinds
    assert kinds[-1] is Heard.END
    onset, speech = events[0][0], events[kinds.index(Heard.SPEECH)][0]
    assert onset - begins <= 100
    assert speech - onset <= 200


@pytest.mark.parametrize("floor", [0.0, 60.0])
@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("kind", noises.KINDS)
def test_noises_are_not(kind: str, rate: int, floor: float) -> None:
    """Of 100 noises of each kind none is speech; a click is not even an onset."""
    random = np.random.default_rng(rate)
    for _ in range(100):
        kinds = {event for _, event in heard(noises.KINDS[kind](rate, random), rate, floor=floor)}
        assert Heard.SPEECH not in kinds
        assert kind != "click" or not kinds


def test_a_noise_that_goes_on_as_speech_is_speech() -> None:
    """Whoever coughs and then speaks is heard."""
    rate = 16000
    cough = noises.cough(rate, np.random.default_rng(5))
    word = read_wav(TALK / "what.wav", rate)
    kinds = [kind for _, kind in heard(cough + word, rate)]
    assert kinds.index(Heard.NOISE) < kinds.index(Heard.SPEECH)


def test_room_tone_and_hum_are_background() -> None:
    """A steady noise that begins, as an air conditioner, is no speech, and is soon no onset."""
    rate = 16000
    random = np.random.default_rng(2)
    tone = (random.normal(0, 700, rate * 10)).astype("<i2").tobytes()
    events = heard(tone, rate)
    assert {kind for _, kind in events} <= {Heard.ONSET, Heard.NOISE, Heard.PASSED}
    assert all(at < 2500 for at, kind in events if kind is Heard.ONSET)


def test_an_echo_is_none_but_speech_over_it_is() -> None:
    """The same word is an echo where what plays is louder, and speech where it is not."""
    rate = 16000
    word = read_wav(TALK / "what.wav", rate)
    level = 8000.0
    quiet = (np.frombuffer(word, "<i2") * 0.2).astype("<i2").tobytes()
    assert {kind for _, kind in heard(quiet, rate, echo=level)} == {Heard.ECHO}
    assert Heard.SPEECH in {kind for _, kind in heard(word, rate, echo=level)}


def test_frames_of_another_size_are_passed_over() -> None:
    """What is no frame is nothing."""
    assert Detector(16000).feed(b"\x01" * 100) == []
