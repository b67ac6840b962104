"""Search for the most calls that a server holds. The caller runs the trials."""

from __future__ import annotations

import enum
import time
from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["Capacity", "Outcome", "search", "time_limit"]

STEP = 25
"""The finest step of the search, in calls."""

FAILURES, VOIDS = 2, 6
"""A number of calls is not held after this many failed or void trials."""


class Outcome(enum.Enum):
    """Outcome of one trial."""

    HELD = "held"
    FAILED = "failed"
    VOID = "void"
    """Others had the processor, or the load generator was late: no finding about the server."""


@dataclass(frozen=True)
class Capacity:
    """Result of a search.

    `held` is the most calls that were held (0: not even the least that was tried), `failed` the
    fewest above it that were not (None: never reached), `trials` each number tried and its end.
    """

    held: int
    failed: int | None
    trials: tuple[tuple[int, Outcome], ...]


def search(
    attempt: Callable[[int], Outcome],
    estimate: float,
    *,
    coarse: float = 1.25,
    fine: float = 0.04,
    most: int = 10_000,
    trials: int = 40,
    over: Callable[[], bool] = lambda: False,
) -> Capacity:
    """Find the most calls that are held: bracket in coarse steps, then bisect.

    A number that fails is tried a second time before it counts as failed, since a machine with
    other work on it has hiccups of its own; a void trial is repeated, too, a few times.

    Args:
        attempt: tries so many calls.
        estimate: where to begin, in calls.
        coarse: factor between two steps of the bracketing.
        fine: end when the bracket is narrower than this share of what is held (or than 25 calls).
        most: calls, the upper bound.
        trials: bound on the attempts in all.
        over: says before each attempt whether the time for the search is over.

    """
    tried: list[tuple[int, Outcome]] = []

    def holds(calls: int) -> bool | None:
        """Return whether they are held, or None when no trials are left to find out."""
        outcomes: list[Outcome] = []
        while outcomes.count(Outcome.FAILED) < FAILURES and outcomes.count(Outcome.VOID) < VOIDS:
            if len(tried) == trials or over():
                return False if outcomes else None
            outcomes.append(attempt(calls))
            tried.append((calls, outcomes[-1]))
            if outcomes[-1] is Outcome.HELD:
                return True
        return False

    held, failed = 0, None
    calls = _rounded(min(max(estimate, STEP), most))
    while True:
        verdict = holds(calls)
        if verdict is None:
            break
        if verdict:
            held = max(held, calls)
            if calls == most:
                break
        else:
            failed = calls
            if calls == STEP:
                break
        if failed is None:
            calls = min(max(_rounded(held * coarse), held + STEP), most)
        elif held == 0:
            calls = min(_rounded(failed / coarse), failed - STEP)
        elif failed - held <= max(STEP, fine * held):
            break
        else:
            calls = _rounded((held + failed) / 2)
    return Capacity(held, failed, tuple(tried))


def time_limit(seconds: float) -> Callable[[], bool]:
    """Return a function that says whether this many seconds have passed since now."""
    end = time.monotonic() + seconds
    return lambda: time.monotonic() > end


def _rounded(calls: float) -> int:
    return max(STEP, round(calls / STEP) * STEP)
