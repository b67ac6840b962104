"""Trace of one socket: every frame and message, as plain data."""

from dataclasses import dataclass, field
from typing import Literal

from phone.legs.playback import Playback

__all__ = ["ENDED_BY", "EndedBy", "LegTrace", "Message"]

EndedBy = Literal["caller", "application", "platform", "fault", "move", "failure"]
ENDED_BY: dict[EndedBy, str] = {
    "caller": "the caller",
    "application": "the application",
    "platform": "the platform",
    "fault": "a fault on demand",
    "move": "a move on demand",
    "failure": "the phone, which gave up",
}
"""The same in words."""


@dataclass(frozen=True)
class Message:
    """One text message.

    Args:
        at: when, in seconds of `perf_counter`.
        ours: from the platform to the application, or the other way.
        text: as it was.

    """

    at: float
    ours: bool
    text: str


@dataclass
class LegTrace:
    """One leg's frames, messages and end.

    Args:
        rate: Hz.
        keeps: keep frames; otherwise only their number.
        sent: the frames sent, and `sent_at` when, in seconds of `perf_counter`.
        received: the binary messages, and `received_at` when they arrived.
        lags_ms: how much later than due each frame was sent: this program's own jitter.
        playback: what the caller heard of it.
        messages: the first text messages in both directions.
        texts: the first text messages from the application, and `text_count` of all.
        unknown_texts: how many of them the platform does not know.
        odd_sizes: how often each wrong message size came.
        ended_by: who ended the leg: the caller by hanging up, the application, the platform because
            a rule was broken, a fault on demand, a move on demand (as if the application had ended
            it), or a failure that left nothing else to do.
        frames_sent: how many, kept or not; `frames_received` likewise.
        seen: what went wrong on the leg; empty when nothing did.
        advice: what to try then.

    """

    rate: int
    keeps: bool = True
    sent: list[bytes] = field(default_factory=list)
    sent_at: list[float] = field(default_factory=list)
    received: list[bytes] = field(default_factory=list)
    received_at: list[float] = field(default_factory=list)
    lags_ms: list[float] = field(default_factory=list)
    playback: Playback = field(default_factory=Playback)
    messages: list[Message] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    text_count: int = 0
    unknown_texts: int = 0
    unknown_example: str = ""
    odd_sizes: dict[int, int] = field(default_factory=dict)
    close_code: int | None = None
    close_reason: str = ""
    ended_by: EndedBy = "caller"
    closed_cleanly: bool = True
    seen: str = ""
    advice: str = ""
    frames_sent: int = 0
    frames_received: int = 0

    @property
    def disconnected(self) -> bool:
        """Whether the platform counts the leg as ended by the application."""
        return self.ended_by in ("application", "move")

    def add_sent(self, frame: bytes, at: float, lag_ms: float) -> None:
        """Note a frame that left."""
        self.frames_sent += 1
        if self.keeps:
            self.sent.append(frame)
            self.sent_at.append(at)
            self.lags_ms.append(lag_ms)

    def add_received(self, message: bytes, at: float) -> None:
        """Note a binary message that arrived."""
        self.frames_received += 1
        if self.keeps:
            self.received.append(message)
            self.received_at.append(at)
