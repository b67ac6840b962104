"""One call: its state, its counters, its one-line summary."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from . import wire

__all__ = ["LATE_MS", "Call"]

LATE_MS = 60
"""A frame is late that comes so many ms after it was due, 20 ms after the one before it."""

_LATE_GAP = (wire.FRAME_MS + LATE_MS) / 1000


class Call:
    """What is known of one call. It lives as long as its connection.

    Args:
        number: of the connection, counted since the start of the process.
        clock: gives seconds, and never goes back.

    """

    __slots__ = (
        "bytes_in",
        "bytes_out",
        "clock",
        "content_type",
        "frame_bytes",
        "frames_in",
        "frames_out",
        "id",
        "last_frame",
        "late",
        "longest_gap",
        "metadata",
        "odd",
        "opened",
        "rate",
        "reason",
        "texts",
    )

    def __init__(self, number: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.clock = clock
        self.opened = clock()
        self.id = f"socket-{number}"
        self.content_type: str | None = None
        self.rate: int | None = None
        self.metadata: Mapping[str, Any] = {}
        self.frame_bytes = 0
        self.frames_in = self.bytes_in = 0
        self.frames_out = self.bytes_out = 0
        self.odd = self.late = self.texts = 0
        self.longest_gap = 0.0
        self.last_frame: float | None = None
        self.reason: str | None = None

    @property
    def started(self) -> bool:
        """Whether any message came: a connection without one is a probe, not a call."""
        return bool(self.frames_in or self.texts)

    @property
    def seconds(self) -> float:
        """How long the connection has been open."""
        return self.clock() - self.opened

    def connected(self, message: wire.Connected) -> None:
        """Take the id, the sample rate and the metadata from the first message."""
        self.content_type = message.content_type
        self.rate = wire.sample_rate(message.content_type)
        self.frame_bytes = wire.frame_bytes(self.rate) if self.rate else 0
        self.metadata = message.metadata
        self.id = wire.call_id(message.metadata) or self.id

    def frame_in(self, size: int) -> None:
        """Count a frame that came, of `size` bytes."""
        now = self.clock()
        self.frames_in += 1
        self.bytes_in += size
        if size != self.frame_bytes and self.frame_bytes:
            self.odd += 1
        if self.last_frame is not None:
            gap = now - self.last_frame
            if gap > self.longest_gap:
                self.longest_gap = gap
            if gap > _LATE_GAP:
                self.late += 1
        self.last_frame = now

    def frame_out(self, size: int) -> None:
        """Count a frame that was sent, of `size` bytes."""
        self.frames_out += 1
        self.bytes_out += size

    def summary(self) -> dict[str, object]:
        """The figures of the call, for a log line or as JSON."""
        return {
            "call": self.id,
            "seconds": round(self.seconds, 3),
            "rate": self.rate,
            "frames_in": self.frames_in,
            "frames_out": self.frames_out,
            "bytes_in": self.bytes_in,
            "bytes_out": self.bytes_out,
            "odd_frames": self.odd,
            "late_frames": self.late,
            "longest_gap_ms": round(self.longest_gap * 1000),
            "texts": self.texts,
        }
