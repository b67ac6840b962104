"""Retries for checks of timing, since a busy machine may delay anything."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

__all__ = ["ATTEMPTS", "Late", "best_of", "in_time"]

ATTEMPTS = 5


class Late(AssertionError):
    """Something came too late, because of the machine or of the program."""


def in_time(good: bool, seen: object) -> None:
    """Raise `Late` with what was `seen` unless it was `good`."""
    if not good:
        raise Late(seen)


async def best_of(trial: Callable[[], Awaitable[None]], attempts: int = ATTEMPTS) -> None:
    """Repeat a `trial` until it is in time; raise the `Late` of the last one.

    A program that is too slow is too slow every time. Any other error is raised at once.
    """
    for _ in range(attempts - 1):
        try:
            return await trial()
        except Late as late:
            print(f"once more: {late}")
    return await trial()
