"""Where frames stand on the time line of a recording."""

from __future__ import annotations

from echo_service.recording.timeline import Track
from hypothesis import given
from hypothesis import strategies as st

RATE = 8000
FRAME = 160


def place(track: Track, *arrivals: float) -> list[int | None]:
    """Let a frame arrive at each of these seconds."""
    return [track.place(FRAME, arrival) for arrival in arrivals]


@given(st.lists(st.floats(0, 0.09), min_size=1, max_size=200))
def test_jitter_is_not_heard(jitter: list[float]) -> None:
    """Frames that come a little early or late stand one right behind the other."""
    track = Track(RATE, ahead=2)
    first = place(track, 1.0)[0]
    assert first == 8000
    places = place(track, *(1.02 + 0.02 * n + late for n, late in enumerate(jitter)))
    assert places == [8160 + FRAME * n for n in range(len(jitter))]


def test_a_stall_is_caught_up() -> None:
    """Frames that were held up for a second and come in a rush keep their places."""
    track = Track(RATE, ahead=2)
    steady = place(track, *(0.02 * n for n in range(50)))
    rush = place(track, *([2.0] * 50))
    assert steady + rush == [FRAME * n for n in range(100)]
    assert place(track, 2.0) == [16000]


def test_a_pause_is_silence() -> None:
    """Where frames are missing, what comes later stands at its time within half a second."""
    track = Track(RATE, ahead=2)
    place(track, *(0.02 * n for n in range(50)))
    after = place(track, *(1.7 + 0.02 * n for n in range(50)))
    assert after[0] == 8000
    assert after[-1] == round((1.7 + 0.98) * RATE)


def test_a_long_pause_is_silence_at_once() -> None:
    """After two seconds without audio nothing is waited for."""
    track = Track(RATE, ahead=2)
    assert place(track, 0.0, 5.0) == [0, 40000]


def test_a_flood_is_refused() -> None:
    """Audio much faster than real time does not fill the disk."""
    track = Track(RATE, ahead=2)
    places = place(track, *([0.0] * 1000))
    assert sum(place is not None for place in places) == 101
    assert place(track, 10.0) == [80000]


def test_clear_takes_back() -> None:
    """What was sent ahead is taken back, and what comes next stands at its time."""
    track = Track(RATE, ahead=60)
    place(track, *([1.0] * 100))
    assert track.clear(1.5) == 12000
    assert place(track, 1.55) == [12000]
    assert place(track, 3.0) == [12160]
    assert place(track, 9.0) == [72000]
