"""The search for a capacity."""

from __future__ import annotations

import json

import pytest

from bench.capacity import VOIDS, Outcome, search
from bench.load import Report
from bench.trial import Spent, held


@pytest.mark.parametrize("limit", [25, 150, 1000, 1317, 2100])
@pytest.mark.parametrize("estimate", [25, 400, 5000])
def test_the_search_ends_just_below_the_limit(limit: int, estimate: int) -> None:
    """Whatever the estimate, the most calls that hold are found, to within the step asked for."""
    found = search(
        lambda calls: Outcome.HELD if calls <= limit else Outcome.FAILED,
        estimate,
        fine=0.02,
        trials=100,
    )
    assert found.held <= limit < found.held + max(50, 0.05 * limit)
    assert found.failed is not None
    assert found.held < found.failed


def test_one_hiccup_does_not_lower_the_result() -> None:
    """A number of calls counts as failed only when it failed twice."""
    seen: dict[int, int] = {}

    def attempt(calls: int) -> Outcome:
        seen[calls] = seen.get(calls, 0) + 1
        return Outcome.HELD if calls <= 500 and seen[calls] > 1 else Outcome.FAILED

    assert search(attempt, 500, trials=100).held == 500


def test_void_trials_are_repeated_a_few_times_only() -> None:
    """A machine that never has time ends the search instead of prolonging it."""
    found = search(lambda calls: Outcome.VOID, 50, trials=100)
    assert found.held == 0
    assert found.trials == ((50, Outcome.VOID),) * VOIDS + ((25, Outcome.VOID),) * VOIDS


@pytest.mark.parametrize(
    ("p99", "late", "lag", "spent", "outcome"),
    [
        (19.9, 0, 0.1, Spent(5, 3, 0), Outcome.HELD),
        (19.9, 0, 40.0, Spent(5, 3, 1), Outcome.HELD),
        (20.1, 0, 0.1, Spent(5, 3, 0.01), Outcome.FAILED),
        (1.0, 1, 0.1, Spent(5, 3, 0.01), Outcome.FAILED),
        (1.0, 1, 20.1, Spent(5, 3, 0), Outcome.VOID),
        (1.0, 1, 0.1, Spent(5, 3, 0.03), Outcome.VOID),
        (500.0, 9, 30.0, Spent(5, 4.9, 0.05), Outcome.FAILED),
        (500.0, 9, 0.1, Spent(5, 4, 0.9), Outcome.VOID),
    ],
)
def test_a_trial_is_judged(
    p99: float, late: int, lag: float, spent: Spent, outcome: Outcome
) -> None:
    """A failure counts unless others took the time; a server at its end fails in any case."""
    assert held(report(p99, late, lag), spent) is outcome


def report(p99: float, late: int, lag: float) -> Report:
    """Return a generator's report with this delay at p99, frames too late, and worst lag (ms)."""
    times = {"count": 100, "p50": 0.1, "p99": 0.1, "p999": 0.1, "max": 0.1}
    counts = dict.fromkeys(
        ("depth", "skipped", "corrupted", "reordered", "texts", "bytes_sent",
         "handshakes", "frames_sent", "frames_back", "cpu_seconds"),
        0,
    )  # fmt: skip
    return Report.from_json(
        json.dumps(
            {
                **counts,
                "mode": "paced",
                "calls": 2,
                "seconds": 1,
                "sent": 100,
                "echoed": 100,
                "late": late,
                "delay_ms": {**times, "p99": p99},
                "lag_ms": {**times, "max": lag},
                "handshake_ms": times,
                "windows": [],
                "failure": None,
            }
        )
    )


def test_a_server_that_holds_nothing_holds_zero() -> None:
    """The search goes down to its least number, and ends."""
    found = search(lambda calls: Outcome.FAILED, 800, trials=100)
    assert (found.held, found.failed) == (0, 25)


def test_the_search_stops_at_the_most_calls_allowed() -> None:
    """A server that holds everything does not make the search endless."""
    assert search(lambda calls: Outcome.HELD, 100, most=1000).held == 1000


def test_the_search_is_bounded_by_trials_and_by_time() -> None:
    """What was held so far is the result."""
    assert len(search(lambda calls: Outcome.HELD, 100, trials=3).trials) == 3
    clock = iter([False, False, True])
    found = search(lambda calls: Outcome.HELD, 100, over=lambda: next(clock))
    assert found.held == 125
    assert len(found.trials) == 2
