"""Messages from the application over the socket, checked against the platform's rules. No I/O."""

import json
from typing import Protocol

from phone.constants import (
    FLOOD_FACTOR,
    FRAMES_PER_SECOND,
    PLAY_BUFFER_MESSAGES,
    TEXTS_KEPT,
    TEXTS_MAX,
    frame_bytes,
)
from phone.legs.playback import PlayBuffer
from phone.legs.trace import EndedBy, LegTrace
from phone.words import counted, printable

__all__ = ["EndLeg", "Incoming"]


class EndLeg(Protocol):
    """Function that ends the leg."""

    def __call__(self, by: EndedBy, seen: str = "", advice: str = "") -> None:
        """End the leg: by whom, what was seen, what to try."""


class Incoming:
    """Receives messages, records them in the trace, plays audio, obeys `clear` and `notify`.

    Args:
        trace: of the leg.
        buffer: what the caller hears.
        strict: end the leg where the platform has been seen to.
        end: ends the leg.

    """

    def __init__(self, trace: LegTrace, buffer: PlayBuffer, strict: bool, end: EndLeg) -> None:
        self.bytes = 0
        self.last_at = 0.0
        self._trace = trace
        self._buffer = buffer
        self._strict = strict
        self._end = end
        self._size = frame_bytes(trace.rate)
        self._started_at = 0.0

    def start(self, at: float) -> None:
        """Start the platform's clock."""
        self._started_at = at
        self._buffer.start(at)

    def take_audio(self, message: bytes, arrival: float) -> None:
        """Take a binary message."""
        self.bytes += len(message)
        self.last_at = arrival
        if len(message) != self._size:
            self._odd(len(message))
        seconds = arrival - self._started_at
        allowed = FLOOD_FACTOR * (seconds * FRAMES_PER_SECOND + PLAY_BUFFER_MESSAGES)
        count = self._trace.frames_received
        if count > allowed or self.bytes > allowed * self._size:
            self._end(
                "failure",
                f"{counted(count, 'audio message')} in {seconds:.1f} s, more than the platform can "
                "buffer",
                f"send at most {PLAY_BUFFER_MESSAGES:,} messages ahead of real time",
            )
            return
        self._trace.add_received(message, arrival)
        if not self._buffer.push(message, arrival) and self._strict:
            self._end(
                "platform",
                f"more than {PLAY_BUFFER_MESSAGES:,} messages waited to be played",
                "send audio at most a minute ahead of real time",
            )

    def take_text(self, message: str, arrival: float) -> str | None:
        """Take a text message; return the platform's answer, if there is one at once."""
        trace = self._trace
        trace.text_count += 1
        if trace.text_count <= TEXTS_KEPT:
            trace.texts.append(printable(message))
        if trace.text_count > TEXTS_MAX:
            self._end(
                "failure",
                f"more than {TEXTS_MAX:,} text messages",
                'send audio as binary messages, text only for {"action": …}',
            )
            return None
        match _parsed(message):
            case {"action": "clear"}:
                return self._buffer.clear(arrival)
            case {"action": "notify", **rest} if self._buffer.notify(rest.get("payload"), arrival):
                return None
            case _:
                trace.unknown_texts += 1
                trace.unknown_example = trace.unknown_example or printable(message, 60)
                return None

    def _odd(self, size: int) -> None:
        sizes = self._trace.odd_sizes
        if size in sizes or len(sizes) < TEXTS_KEPT:
            sizes[size] = sizes.get(size, 0) + 1
        if self._strict:
            self._end(
                "platform",
                f"a message of {size} bytes, {self._size} are one frame",
                f"send exactly {self._size} bytes a message, the last one filled up with zeros",
            )


def _parsed(message: str) -> object:
    try:
        return json.loads(message)
    except (ValueError, RecursionError):
        return None
