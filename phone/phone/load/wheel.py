"""One clock for many legs: each sends a frame every 20 ms, a few legs at a time."""

import asyncio
from collections.abc import Callable
from time import perf_counter

from phone.constants import FRAME_SECONDS

__all__ = ["Wheel"]

SLOTS = 5  # spread over the 20 ms, so that frames do not leave in one burst
# The loop's timers count in whole milliseconds: the rest is spent polling. More slots or more
# polling would make frames more punctual, and take the time from an application on this machine.
SPIN_SECONDS = 0.0006

Turn = Callable[[float], bool]


class Wheel:
    """Calls each leg's `turn(due)` every 20 ms, on an absolute clock, until it returns False.

    Legs are spread over slots; a slot's legs share a wake-up, which is what makes hundreds cheap.
    """

    def __init__(self) -> None:
        self._slots: list[list[Turn]] = [[] for _ in range(SLOTS)]

    def add(self, turn: Turn) -> None:
        """Let a leg take part, in the emptiest slot."""
        min(self._slots, key=len).append(turn)

    async def run(self) -> None:
        """Turn until cancelled."""
        start, count = perf_counter(), 0
        while True:
            due = start + count * FRAME_SECONDS / SLOTS
            slot = self._slots[count % SLOTS]
            count += 1
            if not slot and perf_counter() < due:
                await asyncio.sleep(max(0.0, due - perf_counter()))
                continue
            await asyncio.sleep(max(0.0, due - perf_counter() - SPIN_SECONDS))
            while perf_counter() < due:  # noqa: ASYNC110 - a time is awaited, not an event
                await asyncio.sleep(0)
            over = [turn for turn in slot if not turn(due)]
            for turn in over:
                slot.remove(turn)
