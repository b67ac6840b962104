"""The play buffer on a clock of the test's own."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from phone.legs.playback import PlayBuffer

TICK = 0.02


def frame(number: int) -> bytes:
    """Return a frame of 8 kHz that holds only this number."""
    return number.to_bytes(2, "little") * 160


def buffer(limit: int = 3072) -> PlayBuffer:
    """Return a buffer whose clock has started at 0."""
    made = PlayBuffer(8000, limit)
    made.start(0.0)
    return made


def test_steady_audio_has_no_gaps() -> None:
    """What comes every 20 ms is played every 20 ms, each at the next tick."""
    played = buffer()
    for number in range(50):
        assert played.push(frame(number), number * TICK + 0.005)
    played.answers(2.0)
    playback = played.playback
    assert playback.frames == [frame(n) for n in range(50)]
    assert playback.gaps == 0
    assert playback.first_at == pytest.approx(TICK)
    assert playback.waits_ms == pytest.approx([15.0] * 50)


def test_a_late_frame_is_a_gap() -> None:
    """A frame that misses its tick leaves silence behind; what follows is not lost."""
    played = buffer()
    for number in range(10):
        late = 0.03 if number == 5 else 0.0
        played.push(frame(number), number * TICK + 0.005 + late)
    played.answers(1.0)
    assert played.playback.gaps == 1
    assert played.playback.gap_frames == 1 or played.playback.gap_frames == 2
    assert [f for f in played.playback.frames if f] == [frame(n) for n in range(10)]
    assert len(played.playback.heard(320)) == len(played.playback.frames)


def test_a_burst_is_played_in_real_time() -> None:
    """Audio sent at once waits, and is played one frame a tick."""
    played = buffer()
    for number in range(100):
        played.push(frame(number), 0.001)
    assert played.playback.deepest == 100
    played.answers(1.0)
    assert len(played.playback.frames) == 50
    played.answers(3.0)
    assert len(played.playback.frames) == 100
    assert max(played.playback.waits_ms) == pytest.approx(1999, abs=1)


@pytest.mark.parametrize("joined", range(0, 50, 7))
def test_a_burst_has_no_gap_on_a_clock_that_began_before(joined: int) -> None:
    """A socket joins in mid-call: each tick plays one frame, however it is rounded."""
    for begin in (12755.02480605, 1.1, 86400.7, 3.3e6 + 1 / 3):
        heard: list[bytes] = []
        played = PlayBuffer(8000, on_play=heard.append)
        played.start(begin + joined * TICK)
        for number in range(500):
            played.push(frame(number), begin + joined * TICK - 0.001)
        for count in range(500):
            played.answers(begin + (joined + count) * TICK)
            assert len(heard) == count + 1


def test_overflow_loses_the_newest() -> None:
    """Beyond the limit messages are counted and lost."""
    played = buffer(limit=10)
    taken = [played.push(frame(n), 0.001) for n in range(15)]
    assert taken == [True] * 10 + [False] * 5
    assert played.playback.overflowed == 5
    played.answers(10.0)
    assert played.playback.frames == [frame(n) for n in range(10)]


def test_real_limit() -> None:
    """3,072 messages fit, the next one does not."""
    played = buffer()
    assert all(played.push(frame(1), 0.001) for _ in range(3072))
    assert not played.push(frame(1), 0.001)


def test_clear() -> None:
    """`clear` forgets what waits, marks too, and is answered."""
    played = buffer()
    for number in range(10):
        played.push(frame(number), 0.001)
    played.notify({"n": 1}, 0.001)
    answer = played.clear(0.05)
    assert json.loads(answer) == {"event": "websocket:cleared"}
    assert played.playback.cleared == 8
    assert played.answers(5.0) == []
    assert len(played.playback.frames) == 2


def test_notify_when_the_audio_before_it_was_played() -> None:
    """A mark is reached a tick after the last frame before it began."""
    played = buffer()
    for number in range(5):
        played.push(frame(number), 0.001)
    played.notify({"word": "done"}, 0.001)
    for number in range(5):
        played.push(frame(number), 0.001)
    assert played.answers(5 * TICK + 0.001) == []
    (answer,) = played.answers(6 * TICK + 0.001)
    assert json.loads(answer) == {"event": "websocket:notify", "payload": {"word": "done"}}
    assert played.playback.notified == 1


def test_notify_on_an_empty_buffer() -> None:
    """Nothing waits: the mark is reached at once."""
    played = buffer()
    played.notify(None, 0.001)
    assert len(played.answers(TICK)) == 1


def test_marks_are_bounded() -> None:
    """A flood of marks is refused."""
    played = buffer()
    played.push(frame(1), 0.001)
    assert all(played.notify(n, 0.001) for n in range(1000))
    assert not played.notify(1000, 0.001)


def test_wrong_sizes_become_frames() -> None:
    """Longer messages are cut, shorter ones filled, as the old platform did."""
    played = buffer()
    played.push(b"\x01" * 500, 0.001)
    played.push(b"\x02" * 100, 0.001)
    played.answers(1.0)
    assert played.playback.frames == [b"\x01" * 320, b"\x02" * 100 + bytes(220)]


@given(st.lists(st.floats(0, 0.2), min_size=1, max_size=60))
@settings(max_examples=60, deadline=None)
def test_nothing_is_lost_or_reordered(gaps: list[float]) -> None:
    """Whatever the arrivals, all that fits is played, in order, never before it came."""
    played, at = buffer(), 0.0
    for number, gap in enumerate(gaps):
        at += gap
        played.push(frame(number), at)
    played.answers(at + 10)
    assert [f for f in played.playback.frames if f] == [frame(n) for n in range(len(gaps))]
    assert all(wait >= -1e-6 for wait in played.playback.waits_ms)
