"""The log of calls in a network: told to whoever runs it, and not kept."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from phone.legs.log import CallLog, PlatformSound, Problem, SocketRecord

__all__ = ["NetworkLog"]


@dataclass
class NetworkLog(CallLog):
    """Passes moments and problems on without keeping them: a network may run for weeks."""

    on_problem: Callable[[Problem], None] | None = None

    def __post_init__(self) -> None:
        self.moments = deque(maxlen=0)  # type: ignore[assignment]  # takes appends, keeps none
        self.posted = deque(maxlen=0)  # type: ignore[assignment]  # likewise

    def record(self, record: Problem | SocketRecord) -> None:
        """Pass a problem on."""
        if isinstance(record, Problem) and self.on_problem is not None:
            self.on_problem(record)

    def spoke(self, words: str) -> None:
        """Keep nothing."""

    def sound(self, sound: PlatformSound) -> None:
        """Keep nothing."""
