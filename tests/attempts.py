"""Attempts at what has to be in time, on a machine that holds up everything now and then."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

__all__ = ["ATTEMPTS", "Late", "best_of", "in_time"]

ATTEMPTS = 5


class Late(AssertionError):
    """Something came later than it should: by the machine's doing, or by the program's."""


def in_time(good: bool, seen: object) -> None:
    """Raise :exc:`Late` with what was *seen* unless it was *good*."""
    if not good:
        raise Late(seen)


async def best_of(trial: Callable[[], Awaitable[None]], attempts: int = ATTEMPTS) -> None:
    """Return once a *trial* is in time; the last one's :exc:`Late` is raised.

    What a program itself does too late, it does too late each time. Whatever else is wrong with a
    trial is raised at once.
    """
    for _ in range(attempts - 1):
        try:
            return await trial()
        except Late as late:
            print(f"once more: {late}")
    return await trial()
