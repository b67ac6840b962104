"""What a soak counts as failed."""

from __future__ import annotations

import dataclasses

import pytest

from bench.load import Report, Times
from bench.soak import judged

STEADY = Report(
    mode="paced",
    calls=10,
    depth=1,
    seconds=30,
    sent=15000,
    echoed=15000,
    late=0,
    skipped=0,
    frames_sent=16000,
    frames_back=16000,
    corrupted=0,
    reordered=0,
    texts=0,
    bytes_sent=1,
    handshakes=0,
    delay_ms=Times(15000, 0.1, 1.0, 2.0, 3.0),
    lag_ms=Times(15000, 0.0, 0.1, 0.1, 0.1),
    handshake_ms=Times(10, 1.0, 1.0, 1.0, 1.0),
    cpu_seconds=1,
    windows=({"frames": 500, "p50": 0.1, "p99": 1.0, "max": 3.0},) * 30,
    failure=None,
)
MEMORY = [50 << 20] * 60


def test_a_steady_run_passes() -> None:
    """What warms up in the first fifth does not count."""
    assert judged(STEADY, [40 << 20] * 12 + MEMORY[12:]).problems == ()


@pytest.mark.parametrize(
    ("changes", "memory", "problem"),
    [
        ({"echoed": 14999}, MEMORY, "1 frames lost"),
        ({"skipped": 2}, MEMORY, "2 frames lost"),
        ({"failure": "call 3: the peer hung up"}, MEMORY, "call 3: the peer hung up"),
        ({}, [(50 << 20) + (i << 17) for i in range(60)], "memory grew from 52.2 to 56.7 MiB"),
        (
            {"windows": tuple({"frames": 1, "p99": 0.2 * i} for i in range(30))},
            MEMORY,
            "p99 grew from 1.70 to 5.30 ms",
        ),
    ],
)
def test_growth_and_loss_fail(changes: dict[str, object], memory: list[int], problem: str) -> None:
    """Each is named, with what was seen."""
    report = dataclasses.replace(STEADY, **changes)  # type: ignore[arg-type]  # of several types
    assert judged(report, memory).problems == (problem,)


def test_a_wrong_count_fails() -> None:
    """What the server says of itself must be right."""
    assert judged(STEADY, MEMORY, ["it counts 1"]).problems == ("it counts 1",)
