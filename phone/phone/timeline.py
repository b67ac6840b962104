"""What happened in a call, and when."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from phone.words import printable

__all__ = ["Moment", "Timeline"]

MOMENTS_MAX = 2000  # a hostile application cannot grow a report without end


@dataclass(frozen=True)
class Moment:
    """One thing that happened.

    Args:
        seconds: since the call began.
        kind: "answer", "ncco", "talk", "stream", "socket", "message", "audio", "event", "hangup",
        "skipped", "fault".
        text: one line for people.
    """

    seconds: float
    kind: str
    text: str


@dataclass
class Timeline:
    """A call's moments in order; the clock is monotonic and starts with the call.

    Args:
        on_moment: told about each moment as it happens.
    """

    on_moment: Callable[[Moment], None] | None = None
    moments: list[Moment] = field(default_factory=list)
    left_out: int = 0
    _start: float = field(default_factory=time.perf_counter)

    def add(self, kind: str, text: str) -> None:
        """Note what happened just now."""
        moment = Moment(self.seconds(), kind, printable(text, 400))
        if len(self.moments) < MOMENTS_MAX:
            self.moments.append(moment)
        else:
            self.left_out += 1
        if self.on_moment is not None:
            self.on_moment(moment)

    def seconds(self) -> float:
        """Return the time since the call began."""
        return time.perf_counter() - self._start
