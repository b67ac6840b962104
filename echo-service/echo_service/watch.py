"""Names the handler that holds up the event loop, and with it every other call."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator
from dataclasses import dataclass
from time import perf_counter
from typing import Any

__all__ = ["BLOCKING_SECONDS", "Blockages", "Watched"]

BLOCKING_SECONDS = 0.1
"""A step of a handler that takes longer is reported: five frames of every call were late."""


@dataclass
class Blockages:
    """How often the loop was held up since the start of the process, and for how long in all."""

    times: int = 0
    seconds: float = 0.0


class Watched(Generator[Any, Any, None]):
    """Something to await: a coroutine whose steps, from one wait to the next, are timed.

    Args:
        work: the coroutine.
        told: called after a step that took too long, with its seconds, and with the file and line
            that the coroutine has got to: the wait behind what took so long.

    """

    __slots__ = ("_told", "_work")

    def __init__(self, work: Coroutine[Any, Any, None], told: Callable[[float, str], None]) -> None:
        self._work = work
        self._told = told

    def __await__(self) -> Generator[Any, Any, None]:
        return self

    def send(self, value: Any) -> Any:
        """Take the next step."""
        return self._timed(self._work.send, value)

    def throw(self, kind: Any, value: Any = None, trace: Any = None) -> Any:
        """Take the next step with an exception."""
        return self._timed(self._work.throw, kind if value is None else value)

    def _timed(self, step: Callable[[Any], Any], value: Any) -> Any:
        began = perf_counter()
        try:
            return step(value)
        finally:
            seconds = perf_counter() - began
            if seconds > BLOCKING_SECONDS:
                self._told(seconds, self._where())

    def _where(self) -> str:
        frame = getattr(self._work, "cr_frame", None)
        return f"{frame.f_code.co_filename}:{frame.f_lineno}" if frame else "its end"
