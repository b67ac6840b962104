"""Audio call: what a handler sees of a call, and can do with it."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, ParamSpec, Protocol, TypeVar

from .. import protocol
from ..call import Call
from ..playback import Audio, AudioError, CallEnded, Playback, PlaybackHandle
from ..recording import Recording

__all__ = ["MOVED", "AudioCall", "CallControl", "Event"]

MOVED = "moved"  # why a call is closed whose socket the platform is to dial again elsewhere
P = ParamSpec("P")
T = TypeVar("T")

Event = bytes | protocol.Message
"""Audio of one binary message, or a text message, understood or not."""


class CallControl(Protocol):
    """What an `AudioCall` needs of its connection: to send messages, and to end the call."""

    def send_now(self, audio: bytes) -> bool:
        """Write one binary message if that needs no waiting; return whether it was written."""

    async def send(self, message: bytes | str) -> None:
        """Send one message; raises `CallEnded` when the call is over."""

    def hang_up(self) -> None:
        """End the call."""

    def failed(self, error: Exception) -> None:
        """Report that a sound ended with an error."""


class AudioCall:
    """A call, for a handler: iterate over its events, play audio, hang up.

        async def handler(call: AudioCall) -> None:
            await call.play("greeting.wav")
            async for at, event in call:
                if isinstance(event, Dtmf) and event.digit == "#":
                    await call.clear()

    Iterating gives pairs of seconds since the call began and an event: `bytes` are audio, 20 ms
    of it, linear PCM, 16 bit, little-endian, mono, at `rate` Hz; others are `Connected`, `Dtmf`,
    `Answered`, `Machine`, `Cleared`, `Notify`, `Other`. The iteration ends when the call ends. For
    a handler that is slower than the audio, the oldest waiting events are dropped.

    Methods that send raise `CallEnded` once the call is over; a handler need not catch it.

    Args:
        call: its state.
        control: sends its messages and ends it.
        queue_events: how many events may wait for the handler.
        buffer_messages: messages that the platform buffers.
        recording: of the call, if it is recorded.

    """

    def __init__(
        self,
        call: Call,
        control: CallControl,
        queue_events: int,
        buffer_messages: int,
        recording: Recording | None = None,
    ) -> None:
        self._call = call
        self._clock, self._opened_at = call.clock, call.opened_at
        self._control = control
        self._queue_events = queue_events
        self._buffer_messages = buffer_messages
        self._recording = recording
        self._events: deque[tuple[float, Event]] = deque()
        self._loop = asyncio.get_running_loop()
        self._waiters: set[asyncio.Future[None]] = set()
        self._ended = False
        self._playback: Playback | None = None

    # State

    @property
    def id(self) -> str:
        """The call's id: the `uuid` of its first message, untrusted text."""
        return self._call.id

    @property
    def metadata(self) -> Mapping[str, Any]:
        """The NCCO's headers, from the first message: untrusted."""
        return self._call.metadata

    @property
    def resumed(self) -> int:
        """How often the call was connected again: 0 for a new one, 1 after its first move, …

        The platform connects a call again when this service moves it or crashes. `id` stays;
        what a handler knew of the call is in another process, unless it kept it elsewhere.
        """
        return self._call.resumed

    @property
    def moved(self) -> bool:
        """Whether the call continues in another process, where its handler starts again.

        Known when the iteration ends; a crash cannot be detected here.
        """
        return self._call.close_reason == MOVED

    @property
    def rate(self) -> int | None:
        """Sample rate in Hz; None before the first message."""
        return self._call.rate

    @property
    def seconds(self) -> float:
        """Seconds since the call began: the clock of the events."""
        return self._call.seconds

    # Events

    async def __aiter__(self) -> AsyncIterator[tuple[float, Event]]:
        while True:
            while self._events:
                yield self._events.popleft()
            if self._ended:
                return
            # Cheaper than `asyncio.Event`, whose `wait` is a coroutine of its own for each frame.
            waiter = self._loop.create_future()
            self._waiters.add(waiter)
            try:
                await waiter
            finally:
                self._waiters.discard(waiter)

    # Actions

    async def play(
        self, audio: Audio, *, rate: int | None = None, replace: bool = False
    ) -> PlaybackHandle:
        """Play a sound after those already queued; returns at once, while it plays.

        It is sent in frames of 20 ms, ahead of real time, never more than the platform buffers.

        Args:
            audio: bytes (PCM as on the wire, any length), an array of samples (int16, or float
                from -1 to 1), the path of a WAV file, or an async iterator of bytes or arrays.
            rate: Hz of audio that is not a file; None for the call's rate. Any other rate needs
                the extra `echo-service[audio]`.
            replace: cut off everything that plays or is queued, and start at once.

        Returns:
            A handle: `await handle.wait()` waits until the sound has been played, or was cut off.

        Raises:
            AudioError: it cannot be played; other sounds continue.
            CallEnded: the call is over.

        """
        return await self._started_playback().play(audio, rate=rate, replace=replace)

    @property
    def ahead(self) -> float:
        """Seconds of audio that were sent and have not been played yet."""
        return self._playback.ahead if self._playback is not None else 0.0

    async def clear(self) -> None:
        """Stop everything that plays or is queued; the platform answers `Cleared`."""
        if self._playback is not None:
            await self._playback.clear()
        else:
            await self._clear_platform()

    async def notify(self, payload: Mapping[str, Any]) -> None:
        """Have the platform answer `Notify` when it has played everything sent so far.

        Args:
            payload: a JSON object, returned in the answer.

        """
        await self._send(json.dumps({"action": "notify", "payload": dict(payload)}))

    async def send(self, audio: bytes) -> None:
        """Send one binary message as it is; the platform requires exactly 20 ms of audio in each.

        For audio that comes in real time, such as an echo. Do not mix it with `play`.
        """
        if self._ended:
            raise CallEnded
        if not self._control.send_now(audio):
            await self._control.send(audio)
        self._call.stats.sent(1, len(audio))
        if self._recording is not None:
            self._recording.sent(audio)

    async def hang_up(self) -> None:
        """End the call. The platform then asks ncco-service what to do next."""
        self._control.hang_up()

    def note(self, **facts: str | float | bool | None) -> None:
        """Note facts, shown with the live calls and in the call's summary; None removes one.

        At most 16 facts are kept, and 200 characters of each.
        """
        self._call.note(facts)

    async def in_thread(self, work: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
        """Run slow work in a thread, and wait for it without blocking other calls.

        Frames that arrive in the meantime are queued, up to AUDIO_QUEUE_FRAMES; for longer work,
        iterate in a task of its own.
        """
        return await asyncio.to_thread(work, *args, **named)

    # For the service

    @property
    def unplayed(self) -> float:
        """Seconds of audio not yet played: 0 once the call has ended, infinite if not known."""
        return self._playback.unplayed if self._playback is not None and not self._ended else 0.0

    def put(self, event: Event) -> None:
        """Queue an event for the handler; if the queue is full, the oldest is dropped."""
        if self._recording is not None and isinstance(event, bytes):
            self._recording.received(event)
        if len(self._events) >= self._queue_events:
            self._events.popleft()
            self._call.stats.dropped_frames += 1
        self._events.append((self._clock() - self._opened_at, event))
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)

    def end(self) -> None:
        """Tell the handler that the call is over."""
        self._ended = True
        for waiter in self._waiters:
            if not waiter.done():
                waiter.set_result(None)
        if self._playback is not None:
            self._playback.end()

    async def close(self) -> None:
        """Close the sources of sounds; waits for a bounded time."""
        if self._playback is not None:
            await self._playback.close()

    async def _send(self, message: str) -> None:
        if self._ended:
            raise CallEnded
        await self._control.send(message)

    async def _clear_platform(self) -> None:
        if self._recording is not None:
            self._recording.cleared()
        await self._send(json.dumps({"action": "clear"}))

    def _started_playback(self) -> Playback:
        if self._playback is None:
            if self.rate is None:
                raise AudioError(
                    f"the call's sample rate is not known: its content type is "
                    f"{self._call.content_type!r}; set audio/l16;rate=N in the NCCO"
                )
            self._playback = Playback(
                self.rate,
                self.send,
                self._clear_platform,
                self._buffer_messages,
                self._control.failed,
            )
        return self._playback
