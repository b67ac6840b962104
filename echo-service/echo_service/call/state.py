"""State of one call, and its one-line summary."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from .. import protocol
from ..logs import TokenBucket
from .stats import CallStats

__all__ = ["Call"]

TEXT_LINES = (20, 2)
"""Log lines about the texts of one call: so many at once, so many a second from then on."""

MAX_NOTES, MAX_NOTE_CHARACTERS = 16, 200
"""Facts that a handler may note about a call, and the characters of each."""


class Call:
    """State of one call. It lives as long as its connection.

    Args:
        number: of the connection, counted since the start of the process.
        texts_per_second: how many text messages a peer may send, in the long run and at once.
        clock: monotonic, in seconds.

    """

    __slots__ = (
        "clock",
        "close_reason",
        "content_type",
        "expected_id",
        "id",
        "log_lines",
        "metadata",
        "notes",
        "opened_at",
        "rate",
        "started_at",
        "stats",
        "text_limit",
    )

    def __init__(
        self, number: int, texts_per_second: float = 50, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.clock = clock
        self.opened_at = clock()
        self.started_at = time.time()
        self.id = f"socket-{number}"
        self.expected_id: str | None = None
        self.content_type: str | None = None
        self.rate: int | None = None
        self.metadata: Mapping[str, Any] = {}
        self.notes: dict[str, str | float | bool] = {}
        self.stats = CallStats()
        self.close_reason: str | None = None
        """Why we close the call, one word; None while we do not."""
        self.text_limit = TokenBucket(texts_per_second, texts_per_second, clock)
        self.log_lines = TokenBucket(*TEXT_LINES, clock)

    @property
    def started(self) -> bool:
        """Whether any message came: a connection without one is a probe, not a call."""
        return bool(self.stats.frames_in or self.stats.texts)

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

    def note(self, facts: Mapping[str, str | float | bool | None]) -> None:
        """Keep facts that a handler states about the call; None removes one."""
        for name, fact in facts.items():
            if fact is None:
                self.notes.pop(name, None)
            elif name in self.notes or len(self.notes) < MAX_NOTES:
                self.notes[name] = fact[:MAX_NOTE_CHARACTERS] if isinstance(fact, str) else fact

    def summary(self) -> dict[str, object]:
        """Return the call's figures, for a log line or as JSON."""
        stats = self.stats
        return {
            "call": self.id,
            "seconds": round(self.seconds, 3),
            "rate": self.rate,
            "frames_in": stats.frames_in,
            "frames_out": stats.frames_out,
            "bytes_in": stats.bytes_in,
            "bytes_out": stats.bytes_out,
            "odd_frames": stats.odd_frames,
            "late_frames": stats.late_frames,
            "dropped_frames": stats.dropped_frames,
            "longest_gap_ms": round(stats.longest_gap * 1000),
            "texts": stats.texts,
        }
