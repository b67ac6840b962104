"""What came back against what was sent, without any network."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phone.audio import Alignment, Samples, align, glide, load, to_samples

RATE = 16000
SIZE = 640


def frames_of(samples: Samples) -> list[bytes]:
    """Cut samples into whole frames."""
    data = samples.astype("<i2").tobytes()
    return [data[i : i + SIZE] for i in range(0, len(data) - SIZE + 1, SIZE)]


SPEECH = load("speech", RATE).frames()
SILENCE = [bytes(SIZE)] * 100


def compare(sent: list[bytes], received: list[bytes], delay: float = 0.01) -> Alignment:
    """Align frames sent every 20 ms with frames that arrive after a delay."""
    sent_at = [0.02 * n for n in range(len(sent))]
    # Nothing can arrive before it was sent, so what follows a loss arrives in its own time.
    got_at, last = [], 0.0
    for index, frame in enumerate(received):
        place = sent.index(frame) if frame in sent else index
        last = max(last, 0.02 * max(place, index) + delay)
        got_at.append(last)
    return align(sent, sent_at, received, got_at, RATE)


def test_everything_back() -> None:
    """The same frames in the same order are a whole echo with the right delay."""
    result = compare(SPEECH, SPEECH)
    assert result.whole
    assert result.method == "exact"
    assert result.matched == len(SPEECH)
    assert result.delay(0.5) == pytest.approx(10, abs=0.01)
    assert result.late == []


@pytest.mark.parametrize("missing", [[0], [378], [50, 99, 149], list(range(100, 200))])
def test_lost(missing: list[int]) -> None:
    """Exactly the missing frames are lost, at the start, the end or between."""
    gone = set(missing)
    result = compare(SPEECH, [f for n, f in enumerate(SPEECH) if n not in gone])
    assert result.lost == missing
    assert not result.whole
    assert result.changed == result.duplicated == result.reordered == result.extra == []


def test_lost_in_silence() -> None:
    """Of identical frames the number lost is right, though none can be told from the next."""
    sent = SPEECH[:50] + SILENCE + SPEECH[50:100]
    received = SPEECH[:50] + SILENCE[:93] + SPEECH[50:100]
    result = compare(sent, received)
    assert len(result.lost) == 7
    assert all(50 <= index < 150 for index in result.lost)


def test_silence_alone() -> None:
    """Silence that comes back whole is whole; its delay is taken in order."""
    sent_at = [0.02 * n for n in range(100)]
    result = align(SILENCE, sent_at, SILENCE, [t + 0.005 for t in sent_at], RATE)
    assert result.whole
    assert result.matched == 100
    assert result.delay(1.0) == pytest.approx(5, abs=20)


def test_changed_duplicated_reordered_extra() -> None:
    """Each kind of damage is told from the others."""
    received = list(SPEECH)
    received[10] = bytes(reversed(received[10]))
    received.insert(30, received[30])
    received[100], received[101] = received[101], received[100]
    received.insert(200, b"\x01\x02" * 320)
    result = compare(SPEECH, received)
    assert result.changed == [10]
    assert result.duplicated == [30]
    assert len(result.reordered) == 1
    assert result.reordered[0] in (99, 100)
    assert result.extra == [200]
    assert result.lost == []


def test_looped_audio() -> None:
    """A sound that repeats itself is matched in order, a lost frame found in its own round."""
    sent = SPEECH[:50] * 4
    received = sent[:60] + sent[61:]
    sent_at = [0.02 * n for n in range(200)]
    got_at = [0.02 * n + 0.01 for n in range(200) if n != 60]
    result = align(sent, sent_at, received, got_at, RATE)
    assert result.lost == [60]
    assert result.delay(1.0) == pytest.approx(10, abs=0.01)


def test_late_frames() -> None:
    """Frames that return much later than the others are late, not lost."""
    sent_at = [0.02 * n for n in range(len(SPEECH))]
    got_at = [t + (0.2 if 100 <= n < 105 else 0.01) for n, t in enumerate(sent_at)]
    got_at = list(np.maximum.accumulate(got_at))
    result = align(SPEECH, sent_at, SPEECH, got_at, RATE)
    assert result.whole
    assert result.late[:5] == [100, 101, 102, 103, 104]
    assert len(result.late) < 15


@pytest.mark.parametrize("size", [100, 1000, 3200, 32000])
def test_other_message_sizes(size: int) -> None:
    """Whole sound in other portions is found byte for byte."""
    stream = b"".join(SPEECH)
    messages = [stream[i : i + size] for i in range(0, len(stream), size)]
    arrivals = [8.0 + 0.001 * n for n in range(len(messages))]
    sent_at = [0.02 * n for n in range(len(SPEECH))]
    result = align(SPEECH, sent_at, messages, arrivals, RATE)
    assert result.whole
    assert result.method == "exact"


def changed_gain(frames: list[bytes], gain: float = 0.5) -> list[bytes]:
    """Return the same sound, quieter."""
    return [(to_samples(frame) * gain).astype("<i2").tobytes() for frame in frames]


def test_sound_that_is_not_bit_exact() -> None:
    """A quieter echo is found by its sound, with its delay."""
    result = compare(SPEECH, changed_gain(SPEECH), delay=0.05)
    assert result.method == "correlation"
    assert result.whole
    assert result.similarity > 0.95
    assert result.delay(0.5) == pytest.approx(50, abs=1)


def test_sound_with_lost_frames() -> None:
    """Frames missing in a quieter echo are counted by the sound that moved up."""
    sent = frames_of(np.tile(glide(RATE), 2))
    received = changed_gain(sent[:100] + sent[107:])
    sent_at = [0.02 * n for n in range(len(sent))]
    got_at = [0.02 * n + 0.01 for n in range(len(sent)) if not 100 <= n < 107]
    result = align(sent, sent_at, received, got_at, RATE)
    assert result.method == "correlation"
    assert len(result.lost) == 7
    assert not result.whole


def test_sound_shifted_by_half_a_frame() -> None:
    """A stream cut at other places is not the same bytes, but the same sound."""
    stream = bytes(320) + b"".join(SPEECH)
    received = [stream[i : i + SIZE] for i in range(0, len(stream), SIZE)]
    result = compare(SPEECH, received)
    assert result.method == "correlation"
    assert result.lost == []
    assert result.similarity > 0.99


def test_noise_is_nothing() -> None:
    """Noise is not an echo, however much of it comes."""
    noise = np.random.default_rng(1).integers(-9000, 9000, RATE * 4).astype(np.int16)
    result = compare(SPEECH, frames_of(noise))
    assert result.method == "none"
    assert result.matched == 0
    assert not result.whole


@pytest.mark.parametrize(("sent", "received"), [([], []), (SPEECH, []), (SPEECH, [b""])])
def test_nothing(sent: list[bytes], received: list[bytes]) -> None:
    """Nothing sent or nothing received aligns with nothing."""
    result = align(sent, [0.0] * len(sent), received, [0.0] * len(received), RATE)
    assert result.method == "none"
    assert not result.whole
    assert result.delay(0.5) is None


def test_tail_is_forgiven() -> None:
    """Frames on their way when the caller hung up are not lost; earlier ones are."""
    received = [f for n, f in enumerate(SPEECH[:370]) if n != 5]
    result = compare(SPEECH, received)
    assert len(result.lost) == 10
    assert result.without_tail().lost == [5]


@given(st.data())
@settings(max_examples=40, deadline=None)
def test_every_frame_is_accounted_for(data: st.DataObject) -> None:
    """Whatever is dropped and doubled: each sent frame is in place, moved, changed or lost,
    once.
    """
    sent = [bytes([n, n + 1]) * 320 for n in range(40)]
    received: list[bytes] = []
    for frame in sent:
        received += [frame] * data.draw(st.sampled_from([0, 1, 1, 1, 2]))
    result = compare(sent, received)
    if result.method == "exact":
        accounts = result.matched + len(result.lost) + len(result.changed) + len(result.reordered)
        assert accounts == len(sent)
        assert len(result.lost) == len(set(sent) - set(received))
        assert len(result.duplicated) == len(received) - len(set(received))
