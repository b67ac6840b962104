"""How far ahead of real time audio is sent."""

from __future__ import annotations

import pytest
from echo_service.playback.pace import BURST, FILL, FRAME_SECONDS, Pace
from hypothesis import given
from hypothesis import strategies as st


def test_a_burst_comes_first() -> None:
    """The first frames leave at once, and the next ones wait for a frame's time."""
    pace = Pace(1024)
    for _ in range(BURST):
        assert pace.allows(5.0)
        pace.sent(5.0)
    assert not pace.allows(5.0)
    assert pace.pause(5.0) == FRAME_SECONDS
    assert pace.allows(5.0 + FRAME_SECONDS)


@given(
    limit=st.integers(1, 2000),
    delays=st.lists(st.floats(0, 3), min_size=1, max_size=300),
)
def test_the_buffer_is_never_overrun(limit: int, delays: list[float]) -> None:
    """However late the sender is woken, it never has more than its share in the buffer."""
    pace, now, share = Pace(limit), 0.0, max(1, int(limit * FILL))
    for delay in delays:
        while pace.allows(now):
            pace.sent(now)
            assert pace.ahead(now) <= (share + 0.001) * FRAME_SECONDS
        now += max(pace.pause(now), delay)


@pytest.mark.parametrize("limit", [1, 2, 13, 100, 1024])
def test_a_sender_that_keeps_the_pauses_leaves_no_gap(limit: int) -> None:
    """Whoever waits as long as told and no longer never lets the buffer run empty."""
    pace, now = Pace(limit), 0.0
    for _ in range(3000):
        while not pace.allows(now):
            now += pace.pause(now)
        assert now <= max(0, pace.end)
        pace.sent(now)
    assert pace.end == pytest.approx(3000 * FRAME_SECONDS)


def test_a_full_buffer_is_seldom_looked_at() -> None:
    """Once the buffer is full the sender wakes up five times a second, not fifty."""
    pace, now, pauses = Pace(1024), 0.0, 0
    while now < 100:
        while pace.allows(now):
            pace.sent(now)
        now += pace.pause(now)
        pauses += now > 10
    assert 400 < pauses < 500


def test_clear_empties_the_buffer() -> None:
    """After `clear` nothing is ahead, and what comes next is no gap."""
    pace = Pace(100)
    for _ in range(5):
        pace.sent(0.0)
    pace.cleared(0.04)
    assert pace.ahead(0.04) == 0
    pace.sent(0.1)
    assert pace.end == pytest.approx(0.12)
