"""Placement of one call: its way from the queue to a result, for which somebody may wait."""

import threading
from collections import Counter
from typing import Protocol

from ncco_service.calls.voice_api import Call
from ncco_service.http.errors import Problem

__all__ = ["Order", "Placement"]


class Order(Protocol):
    """A call to place."""

    id: str

    def send(self) -> Call:
        """Send it, once; raises Throttled, NoAnswer or Problem."""

    def look_up(self) -> Call | None:
        """Return the call if an earlier attempt placed it; raises NoAnswer or Problem."""


class Placement:
    """An order on its way; `wait` waits for its result."""

    def __init__(self, order: Order, results: Counter[str]) -> None:
        self.order = order
        self._results = results
        self.unclear = False  # sent without an answer
        self.started = False  # taken from the queue at least once
        self.given_up = False  # nobody waits any more
        self.lookups = 0
        self.call: Call | None = None
        self.problem: Problem | None = None
        self._done = threading.Event()

    @property
    def is_done(self) -> bool:
        """Whether the result is there."""
        return self._done.is_set()

    @property
    def was_not_placed(self) -> bool:
        """Whether it is known that nothing was placed."""
        return self.problem is not None and self.problem.status not in (500, 504)

    def finish(self, call: Call | None, problem: Problem | None = None) -> None:
        """Set the result, and count it."""
        if not self.is_done:
            self._results["placed" if problem is None else problem.slug] += 1
        self.call, self.problem = call, problem
        self._done.set()

    def wait(self, seconds: float) -> bool:
        """Wait for the result, at most so many seconds; return whether it is there."""
        return self._done.wait(seconds)
