"""One trial or measurement: what the server used meanwhile, and whether it held the load."""

from __future__ import annotations

import time
from dataclasses import dataclass

from phone.load import stolen_seconds

from bench import counters
from bench.capacity import Outcome
from bench.load import Report
from bench.server import Server

__all__ = ["P99_MS", "SATURATED", "Meter", "Spent", "held", "kept_up"]

P99_MS = 20.0
"""Bound on the p99 of the echo's delay: one frame."""
SATURATED = 0.97
"""Share of its core above which a server's cost per frame is not meaningful: frames queue up."""
MOST_OF_A_CORE = 0.9
"""Share of the time for which a server must have had its core to be judged by its use of it."""


@dataclass
class Spent:
    """What a server used during a measurement, and what others took from it.

    Args:
        seconds: that passed.
        cpu: seconds of processor time that it used.
        taken: seconds for which it had no processor: the hypervisor's, or another process's.
        memory: bytes at the end.
        instructions: that it executed, where they are counted.

    """

    seconds: float = 0.0
    cpu: float = 0.0
    taken: float = 0.0
    memory: int = 0
    instructions: counters.Instructions | None = None

    @property
    def saturated(self) -> bool:
        """Whether it had nearly all of its core, and used nearly all of that."""
        had = self.seconds - self.taken
        return had > MOST_OF_A_CORE * self.seconds and self.cpu > SATURATED * had


def kept_up(report: Report) -> bool:
    """Whether every frame came back in time: p99 under 20 ms, none over 60 ms late or lost."""
    return report.failure is None and report.late == 0 and report.delay_ms.p99 < P99_MS


def held(report: Report, spent: Spent) -> Outcome:
    """Judge one trial: p99 under 20 ms, no frame over 60 ms late, nothing lost or broken.

    A trial that failed is void when others took more time from the server, or from the generator,
    than a frame may be late; unless the server was at its end anyway.
    """
    if kept_up(report):
        return Outcome.HELD
    # A server that is behind cannot make the generator late: it sends on a clock of its own.
    disturbed = max(report.lag_ms.max, spent.taken * 1000) > P99_MS
    return Outcome.VOID if disturbed and not spent.saturated else Outcome.FAILED


class Meter:
    """Reads the server's resource usage when the generator starts and stops measuring."""

    def __init__(
        self, server: Server, spent: Spent, core: int, attached: counters.Attached | None
    ) -> None:
        self._server, self._spent, self._core, self._attached = server, spent, core, attached

    def __call__(self, mark: str) -> None:
        """Note the usage at a mark of the generator: `measuring` or `measured`."""
        if mark == "measuring":
            if self._attached:
                self._attached.start()
            self._spent.seconds = -time.monotonic()
            self._spent.cpu = -self._server.cpu_seconds()
            self._spent.taken = -self._taken()
        elif mark == "measured":
            self._spent.seconds += time.monotonic()
            self._spent.cpu += self._server.cpu_seconds()
            self._spent.taken += self._taken()
            if self._attached:
                self._attached.stop()
            self._spent.memory = self._server.memory_bytes()

    def _taken(self) -> float:
        return self._server.waited_seconds() + stolen_seconds([self._core])
