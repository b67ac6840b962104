"""A load's settings, and its progress."""

from dataclasses import dataclass

from phone.legs.plan import CallPlan

__all__ = ["Live", "LoadPlan"]


@dataclass(frozen=True)
class LoadPlan:
    """A load's settings.

    Args:
        call: what each call does; its `seconds` is the length of each.
        calls: how many at once.
        ramp: seconds over which they start.
        processes: how many share them; see `processes`.
        events: whether events are posted.

    """

    call: CallPlan
    calls: int
    ramp: float = 5.0
    processes: int = 1
    events: bool = True


@dataclass
class Live:
    """Progress of a load: calls open, finished and failed; frames sent and late."""

    open: int = 0
    finished: int = 0
    failed: int = 0
    sent: int = 0
    late: int = 0

    def __add__(self, other: "Live") -> "Live":
        return Live(
            self.open + other.open,
            self.finished + other.finished,
            self.failed + other.failed,
            self.sent + other.sent,
            self.late + other.late,
        )
