"""One clock for many legs: each sends a frame every 20 ms, a few legs at a time."""

import contextlib
from collections.abc import Callable, Iterator
from time import perf_counter

from phone.constants import FRAME_SECONDS
from phone.load.ticker import ticking

__all__ = ["Wheel"]

SLOTS = 20  # spread over the 20 ms, so that frames do not leave in one burst

Turn = Callable[[float], bool]


class Wheel:
    """Calls each leg's `turn(due)` every 20 ms, on an absolute clock, until it returns False.

    Legs are spread over slots; a slot's legs share a wake-up, which is what makes hundreds cheap.
    """

    def __init__(self) -> None:
        self.due = 0.0
        self._slots: list[list[Turn]] = [[] for _ in range(SLOTS)]
        self._step = FRAME_SECONDS / SLOTS
        self._begin = 0.0
        self._count = 0

    def add(self, turn: Turn) -> None:
        """Add a leg, in the slot with the fewest."""
        min(self._slots, key=len).append(turn)

    @contextlib.contextmanager
    def turning(self) -> Iterator[None]:
        """Run the clock in the running event loop."""
        self._begin = self.due = perf_counter() + self._step
        with ticking(self._begin, self._step, self.turn):
            yield

    def turn(self) -> None:
        """Let the legs of the slot that is due send.

        Whoever is busy with other work may call it, so that no frame waits for its end.
        """
        while perf_counter() >= self.due:
            due, slot = self.due, self._slots[self._count % SLOTS]
            self._count += 1
            self.due = self._begin + self._count * self._step
            over = [turn for turn in slot if not turn(due)]
            for turn in over:
                slot.remove(turn)
