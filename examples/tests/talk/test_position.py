"""The position: what was heard, from marks and from the clock."""

from __future__ import annotations

import random

import pytest
from assistant.position import PlayClock

FRAME = 0.02


def played(clock: PlayClock, frames: int, now: float = 0.0) -> None:
    """Send frames at once."""
    for _ in range(frames):
        clock.frame(now)


@pytest.mark.parametrize("way", [0.0, 0.04, 0.2])
def test_the_way_does_not_matter_with_marks(way: float) -> None:
    """However long messages take: what is reckoned is what the platform has begun to play."""
    chance = random.Random(7)  # noqa: S311 - no secret
    for _ in range(200):
        clock, began = PlayClock(), 10.0
        marks = []
        for number in range(50):
            clock.frame(began - way)
            if number % 2 == 0:
                marks.append(clock.mark())
        asked = began + chance.uniform(0.1, 0.9)
        cleared = asked + way
        truth = min(50, -int(-(cleared - began) // FRAME))
        for mark in marks:
            played_at = began + mark * FRAME
            if played_at < cleared:
                clock.answered(mark, played_at + way, clearing=played_at + way > asked)
        assert clock.heard(asked, cleared + way) == truth


def test_a_late_answer_does_not_move_it() -> None:
    """The earliest answer counts, and no mark is passed that was not answered."""
    clock = PlayClock()
    played(clock, 20)
    for mark in (2, 4, 6, 8):
        clock._marks.append(mark)
    clock.answered(2, 2 * FRAME)
    clock.answered(4, 4 * FRAME + 0.015)
    assert clock.heard(0.09, 4 * FRAME + 0.01) == 5
    assert clock.heard(0.09, 20 * FRAME) == 6


def test_marks_that_clear_dropped_are_not_heard() -> None:
    """A platform that answers all marks at a `clear` has not played them."""
    clock = PlayClock()
    marks = []
    for _ in range(40):
        clock.frame(0.0)
        marks.append(clock.mark())
    clock.answered(1, 0.02)
    clock.answered(2, 0.04)
    for mark in marks[2:]:
        clock.answered(mark, 0.051, clearing=True)
    assert clock.heard(0.05, 0.051) == 3


def test_without_answers_the_clock_tells() -> None:
    """What was sent plays from when it was sent, and begins anew after a gap."""
    clock = PlayClock()
    played(clock, 10, now=1.0)
    assert clock.heard(1.05) == 3
    assert clock.heard(5.0) == 10
    played(clock, 10, now=2.0)
    assert clock.heard(2.11) == 16
    assert clock.heard(2.0) == 10


def test_a_gap_makes_old_answers_void() -> None:
    """After a pause of the model nothing is reckoned from before it."""
    clock = PlayClock()
    played(clock, 2)
    clock._marks.append(2)
    clock.answered(2, 0.04)
    played(clock, 10, now=3.0)
    assert clock.heard(3.05, 3.05) == 5
