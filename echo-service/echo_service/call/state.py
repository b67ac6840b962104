"""State of one call, and its one-line summary."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import InitVar, dataclass, field
from typing import TYPE_CHECKING, Any

from .. import protocol
from ..logs import TokenBucket
from .signals import Signals
from .stats import CallStats

if TYPE_CHECKING:
    from .traces import CallTrace

__all__ = ["Call"]

TEXT_LINES = (20, 2)
"""Log lines about the texts of one call: so many at once, so many a second from then on."""

MAX_NOTES, MAX_NOTE_CHARACTERS = 16, 200
"""Facts that a handler may note about a call, and the characters of each."""


@dataclass(slots=True, eq=False)
class Call:
    """State of one call. It lives as long as its connection.

    Args:
        number: of the connection, counted since the start of the process.
        texts_per_second: how many text messages a peer may send, in the long run and at once.
        clock: monotonic, in seconds.

    """

    number: InitVar[int]
    texts_per_second: InitVar[float] = 50
    clock: Callable[[], float] = time.monotonic
    id: str = field(init=False)
    opened_at: float = field(init=False)
    started_at: float = field(init=False, default_factory=time.time)
    expected_id: str | None = None
    """The id that the handshake proves, if it proves one."""
    content_type: str | None = None
    rate: int | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)
    resumed: int = 0
    """How often the call was connected again after its socket was closed or lost."""
    signals: Signals = field(default_factory=lambda: Signals({}))
    """The keys that are not the caller's."""
    notes: dict[str, str | float | bool] = field(default_factory=dict)
    trace: CallTrace | None = None
    """Its spans, if there is a collector and the first message has come."""
    stats: CallStats = field(default_factory=CallStats)
    close_reason: str | None = None
    """Why we close the call, one word; None while we do not."""
    text_limit: TokenBucket = field(init=False)
    log_lines: TokenBucket = field(init=False)

    def __post_init__(self, number: int, texts_per_second: float) -> None:
        self.id = f"socket-{number}"
        self.opened_at = self.clock()
        self.text_limit = TokenBucket(texts_per_second, texts_per_second, self.clock)
        self.log_lines = TokenBucket(*TEXT_LINES, self.clock)

    @property
    def started(self) -> bool:
        """Whether any message came: a connection without one is a probe, not a call."""
        return bool(self.stats.first_frame_at or self.stats.texts)

    @property
    def seconds(self) -> float:
        """How long the connection has been open."""
        return self.clock() - self.opened_at

    def connected(self, message: protocol.Connected) -> None:
        """Take the id, the sample rate and the metadata from the first message."""
        self.content_type = message.content_type
        self.rate = protocol.sample_rate(message.content_type)
        self.stats.expect(protocol.frame_bytes(self.rate) if self.rate else 0)
        self.metadata = message.metadata
        self.id = protocol.call_id(message.metadata) or self.id
        self.resumed = protocol.resumed(message.metadata)
        if not self.resumed:  # what happened before is not told again
            self.signals = Signals(message.metadata)

    def note(self, facts: Mapping[str, str | float | bool | None]) -> None:
        """Keep facts that a handler states about the call; None removes one."""
        for name, fact in facts.items():
            if fact is None:
                self.notes.pop(name, None)
            elif name in self.notes or len(self.notes) < MAX_NOTES:
                self.notes[name] = fact[:MAX_NOTE_CHARACTERS] if isinstance(fact, str) else fact

    def summary(self) -> dict[str, object]:
        """Return the call's figures, for a log line or as JSON."""
        totals = self.stats.totals()
        return {
            "call": self.id,
            "seconds": round(self.seconds, 3),
            "rate": self.rate,
            "resumed": self.resumed,
            "frames_in": totals.frames_in,
            "frames_out": totals.frames_out,
            "bytes_in": totals.bytes_in,
            "bytes_out": totals.bytes_out,
            "odd_frames": totals.odd_frames,
            "late_frames": totals.late_frames,
            "dropped_frames": totals.dropped_frames,
            "longest_gap_ms": round(self.stats.longest_gap * 1000),
            "texts": totals.texts,
        }
