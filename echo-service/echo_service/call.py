"""One call: its state, its counters, its one-line summary."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from . import wire
from .logs import Budget
from .tally import Tally

__all__ = ["Call"]

TEXT_LINES = (20, 2)
"""Log lines about the texts of one call: so many at once, so many a second from then on."""


NOTES, NOTE_CHARACTERS = 16, 200
"""Facts that a handler may note about a call, and the characters of each."""


class Call:
    """What is known of one call. It lives as long as its connection.

    Args:
        number: of the connection, counted since the start of the process.
        texts_a_second: how many text messages a peer may send, in the long run and at once.
        clock: gives seconds, and never goes back.

    """

    __slots__ = (
        "budget",
        "clock",
        "content_type",
        "expected_id",
        "first_frame",
        "frame_bytes",
        "id",
        "last_frame",
        "lines",
        "metadata",
        "notes",
        "opened",
        "rate",
        "reason",
        "settle",
        "started_at",
        "tally",
    )

    def __init__(
        self, number: int, texts_a_second: float = 50, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.clock = clock
        self.opened = clock()
        self.started_at = time.time()
        self.id = f"socket-{number}"
        self.expected_id: str | None = None
        self.content_type: str | None = None
        self.rate: int | None = None
        self.metadata: Mapping[str, Any] = {}
        self.frame_bytes = 0
        self.notes: dict[str, str | float | bool] = {}
        self.tally = Tally()
        self.first_frame = self.last_frame = 0.0
        self.reason: str | None = None
        # A connection that counts on its own first brings the tally up to date with this.
        self.settle: Callable[[], None] | None = None
        self.budget = Budget(texts_a_second, texts_a_second, clock)
        self.lines = Budget(*TEXT_LINES, clock)

    @property
    def started(self) -> bool:
        """Whether any message came: a connection without one is a probe, not a call."""
        tally = self.figures()
        return bool(tally.frames_in or tally.texts)

    @property
    def seconds(self) -> float:
        """How long the connection has been open."""
        return self.clock() - self.opened

    def figures(self) -> Tally:
        """Return the counters as they are now."""
        if self.settle is not None:
            self.settle()
        return self.tally

    def connected(self, message: wire.Connected) -> None:
        """Take the id, the sample rate and the metadata from the first message."""
        self.figures()
        self.content_type = message.content_type
        self.rate = wire.sample_rate(message.content_type)
        self.frame_bytes = wire.frame_bytes(self.rate) if self.rate else 0
        self.metadata = message.metadata
        self.id = wire.call_id(message.metadata) or self.id

    def frame_in(self, size: int) -> None:
        """Count a frame that came, of `size` bytes."""
        now = self.clock()
        tally = self.tally
        tally.frames_in += 1
        tally.bytes_in += size
        if size != self.frame_bytes and self.frame_bytes:
            tally.odd += 1
        if tally.frames_in == 1:
            self.first_frame = now
        else:
            tally.gap(now - self.last_frame)
            tally.gap_seconds = now - self.first_frame
        self.last_frame = now

    def frame_out(self, size: int) -> None:
        """Count a frame that was sent, of `size` bytes."""
        self.tally.frames_out += 1
        self.tally.bytes_out += size

    def note(self, facts: Mapping[str, str | float | bool | None]) -> None:
        """Keep what the handler says of the call; None takes a fact back."""
        for name, fact in facts.items():
            if fact is None:
                self.notes.pop(name, None)
            elif name in self.notes or len(self.notes) < NOTES:
                self.notes[name] = fact[:NOTE_CHARACTERS] if isinstance(fact, str) else fact

    def summary(self) -> dict[str, object]:
        """Return the figures of the call, for a log line or as JSON."""
        tally = self.figures()
        return {
            "call": self.id,
            "seconds": round(self.seconds, 3),
            "rate": self.rate,
            "frames_in": tally.frames_in,
            "frames_out": tally.frames_out,
            "bytes_in": tally.bytes_in,
            "bytes_out": tally.bytes_out,
            "odd_frames": tally.odd,
            "late_frames": tally.late,
            "dropped_frames": tally.dropped,
            "longest_gap_ms": round(tally.longest_gap * 1000),
            "texts": tally.texts,
        }
