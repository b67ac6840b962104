"""What an audio handler sees of a call."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any

from .. import wire
from ..call import Call

__all__ = ["AudioCall", "Event"]

Event = bytes | wire.Message
"""Audio, as it came in one binary message, or a text message that was understood or not."""


class AudioCall:
    """A call, for a handler: iterate over what comes, send audio, hang up.

    Iterating gives pairs of seconds since the call began and an event: `bytes` are audio, 20 ms
    of it, linear PCM, 16 bit, little-endian, mono, at `rate` Hz; others are those of `wire`. The
    iteration ends when the call ends. A handler that is slower than the audio loses the oldest
    of what waits for it.

    Args:
        call: what is counted of it.
        waiting: how many events may wait for the handler.
        send: sends one binary message, waiting while the peer is slow.
        hang_up: closes the call.

    """

    def __init__(
        self,
        call: Call,
        waiting: int,
        send: Callable[[bytes], Awaitable[None]],
        hang_up: Callable[[], None],
    ) -> None:
        self._call = call
        self._events: deque[tuple[float, Event]] = deque()
        self._waiting = waiting
        self._send = send
        self._hang_up = hang_up
        self._more = asyncio.Event()
        self._ended = False

    @property
    def id(self) -> str:
        """The call's id: the `uuid` of its first message, untrusted text."""
        return self._call.id

    @property
    def metadata(self) -> Mapping[str, Any]:
        """The NCCO's headers, as the first message had them: untrusted."""
        return self._call.metadata

    @property
    def rate(self) -> int | None:
        """Samples a second, in Hz; None while the first message has not said."""
        return self._call.rate

    async def send(self, audio: bytes) -> None:
        """Send one binary message; the platform wants exactly 20 ms of audio in each.

        Waits while the peer reads too slowly. Once the call has ended it does nothing.
        """
        if not self._ended:
            await self._send(audio)
            self._call.frame_out(len(audio))

    def hang_up(self) -> None:
        """End the call."""
        self._hang_up()

    async def __aiter__(self) -> AsyncIterator[tuple[float, Event]]:
        while True:
            while self._events:
                yield self._events.popleft()
            if self._ended:
                return
            self._more.clear()
            await self._more.wait()

    def put(self, event: Event) -> None:
        """Let an event wait for the handler; the oldest gives way when too many wait."""
        if len(self._events) >= self._waiting:
            self._events.popleft()
            self._call.tally.dropped += 1
        self._events.append((self._call.seconds, event))
        self._more.set()

    def end(self) -> None:
        """Say that nothing more will come."""
        self._ended = True
        self._more.set()
