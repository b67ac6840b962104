"""The program's jitter buffer of a page's audio."""

import random
import statistics

import pytest
from phone.constants import FRAME_SECONDS
from phone.web.jitter import FRAMES_MAX, JitterBuffer

MINUTE = round(60 / FRAME_SECONDS)


def test_the_jitter_buffer_adapts() -> None:
    """A late frame is one gap; what is not needed for a second is left out; a flood is bounded."""
    buffer = JitterBuffer()
    assert buffer.take() is None
    assert buffer.late == 0
    buffer.push(b"a")
    assert buffer.take() == b"a"
    assert buffer.take() is None
    assert buffer.late == 1
    for _ in range(5):
        buffer.push(b"b")
    for _ in range(300):
        buffer.take()
        buffer.push(b"c")
    assert buffer.dropped == 4
    assert buffer.wait_ms == 20
    for _ in range(10 * FRAMES_MAX):
        buffer.push(b"d")
    assert buffer.wait_ms == FRAMES_MAX * 20


@pytest.mark.parametrize("drift", [-1e-4, 0.0, 1e-4])
def test_five_minutes_do_not_drift_or_grow(drift: float) -> None:
    """In simulated time: a page whose clock is 100 ppm off, on a machine that is busy now and then.

    A frame is up to 4 ms late, one in 50 by 20 ms more, one in 1,400 by 150 ms; a socket keeps the
    order, so that a late frame holds up those behind it.
    """
    chance = random.Random(1)  # noqa: S311 - no secret
    buffer = JitterBuffer()
    arrival, sent = 0.0, 0
    waits: list[int] = []
    for tick in range(5 * MINUTE):
        while arrival <= tick * FRAME_SECONDS:
            buffer.push(b"frame")
            sent += 1
            late = chance.uniform(0, 0.004) + 0.02 * (chance.random() < 0.02)
            late += 0.15 * (chance.random() < 0.0007)
            arrival = max(arrival, sent * FRAME_SECONDS * (1 - drift) + late)
        buffer.take()
        waits.append(buffer.wait_ms)
    means = [statistics.mean(waits[m * MINUTE : (m + 1) * MINUTE]) for m in range(5)]
    assert max(means) < 100, means
    assert means[-1] < means[0] + 20, means
    assert max(waits) <= FRAMES_MAX * 20
    assert buffer.late < 70
