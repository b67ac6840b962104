"""What an audio handler sees of a call, and what it can do with it."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar

from .. import wire
from ..call import Call
from ..playback import Audio, AudioError, CallEnded, Playback, Playing

if TYPE_CHECKING:
    from ..recording import Recording

__all__ = ["AudioCall", "Event", "Line"]

P = ParamSpec("P")
T = TypeVar("T")

Event = bytes | wire.Message
"""Audio, as it came in one binary message, or a text message that was understood or not."""


class Line(Protocol):
    """The way to the platform."""

    async def send(self, message: bytes | str) -> None:
        """Send one message; raises `CallEnded` when the call is over."""

    def hang_up(self) -> None:
        """End the call."""

    def failed(self, error: Exception) -> None:
        """Say that a sound ended with an error."""


class AudioCall:
    """A call, for a handler: iterate over what comes, play audio, hang up.

        async def handler(call: AudioCall) -> None:
            await call.play("greeting.wav")
            async for at, event in call:
                if isinstance(event, Dtmf) and event.digit == "#":
                    await call.clear()

    Iterating gives pairs of seconds since the call began and an event: `bytes` are audio, 20 ms
    of it, linear PCM, 16 bit, little-endian, mono, at `rate` Hz; others are those of `wire`:
    `Connected`, `Dtmf`, `Cleared`, `Notify`, `Other`. The iteration ends when the call ends. A
    handler that is slower than the audio loses the oldest of what waits for it.

    What sends raises `CallEnded` once the call is over; a handler may let it pass.

    Args:
        call: what is counted of it.
        line: the way to the platform.
        waiting: how many events may wait for the handler.
        buffer: messages that the platform keeps.
        recording: where the call is recorded, if it is.

    """

    def __init__(
        self, call: Call, line: Line, waiting: int, buffer: int, recording: Recording | None = None
    ) -> None:
        self._call = call
        self._line = line
        self._waiting = waiting
        self._buffer = buffer
        self._recording = recording
        self._events: deque[tuple[float, Event]] = deque()
        self._more = asyncio.Event()
        self._ended = False
        self._playback: Playback | None = None

    # What is known of it

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

    @property
    def seconds(self) -> float:
        """How long the call has lasted: the clock of the events."""
        return self._call.seconds

    # What comes

    async def __aiter__(self) -> AsyncIterator[tuple[float, Event]]:
        while True:
            while self._events:
                yield self._events.popleft()
            if self._ended:
                return
            self._more.clear()
            await self._more.wait()

    # What can be done

    async def play(
        self, audio: Audio, *, rate: int | None = None, replace: bool = False
    ) -> Playing:
        """Play a sound behind those that play already, and go on while it plays.

        It is sent in frames of 20 ms, ahead of real time, and never more than the platform keeps.

        Args:
            audio: bytes (PCM as on the wire, any length), an array of samples (int16, or float
                from -1 to 1), the path of a WAV file, or an async iterator of bytes or arrays.
            rate: Hz of what is no file; None for the call's. Another rate than the call's needs
                the extra `echo-service[audio]`.
            replace: cut off all that plays or waits, and start at once.

        Returns:
            The sound: `await playing.wait()` waits until it has been played, or was cut off.

        Raises:
            AudioError: it cannot be played; what plays goes on.
            CallEnded: the call is over.

        """
        return await self._player().play(audio, rate=rate, replace=replace)

    @property
    def ahead(self) -> float:
        """Seconds of sound that were sent and not played yet."""
        return self._playback.ahead if self._playback is not None else 0.0

    async def clear(self) -> None:
        """Stop all that plays or waits, here and at the platform, which answers `Cleared`."""
        if self._playback is not None:
            await self._playback.clear()
        else:
            await self._clear_there()

    async def notify(self, payload: Mapping[str, Any]) -> None:
        """Have the platform answer `Notify` with this payload when it has played all sent so far.

        Args:
            payload: a JSON object.

        """
        await self._send(json.dumps({"action": "notify", "payload": dict(payload)}))

    async def send(self, audio: bytes) -> None:
        """Send one binary message as it is; the platform wants exactly 20 ms of audio in each.

        For audio that comes in real time, such as that of an echo. Do not mix it with `play`.
        """
        await self._send(audio)
        self._call.frame_out(len(audio))
        if self._recording is not None:
            self._recording.said(audio)

    async def hang_up(self) -> None:
        """End the call. The platform asks ncco-service what comes next."""
        self._line.hang_up()

    def note(self, **facts: str | float | bool | None) -> None:
        """Show facts with the live calls, and in the call's summary; None takes one back.

        At most 16 facts are kept, and 200 characters of each.
        """
        self._call.note(facts)

    async def in_thread(self, work: Callable[P, T], *args: P.args, **named: P.kwargs) -> T:
        """Run in a thread what takes its time, and wait for it without holding up other calls.

        Frames that come meanwhile wait, up to AUDIO_QUEUE_FRAMES; for longer work, iterate in a
        task of its own.
        """
        return await asyncio.to_thread(work, *args, **named)

    # What the service calls

    def put(self, event: Event) -> None:
        """Let an event wait for the handler; the oldest gives way when too many wait."""
        if self._recording is not None and isinstance(event, bytes):
            self._recording.heard(event)
        if len(self._events) >= self._waiting:
            self._events.popleft()
            self._call.tally.dropped += 1
        self._events.append((self._call.seconds, event))
        self._more.set()

    def end(self) -> None:
        """Say that the call is over."""
        self._ended = True
        self._more.set()
        if self._playback is not None:
            self._playback.end()

    async def close(self) -> None:
        """Wait, for a moment, until the sources of sounds are closed."""
        if self._playback is not None:
            await self._playback.close()

    async def _send(self, message: bytes | str) -> None:
        if self._ended:
            raise CallEnded
        await self._line.send(message)

    async def _clear_there(self) -> None:
        if self._recording is not None:
            self._recording.cleared()
        await self._send(json.dumps({"action": "clear"}))

    def _player(self) -> Playback:
        if self._playback is None:
            if self.rate is None:
                raise AudioError(
                    f"the call's sample rate is not known: its content type is "
                    f"{self._call.content_type!r}, not audio/l16;rate=N; see the NCCO"
                )
            self._playback = Playback(
                self.rate, self.send, self._clear_there, self._buffer, self._line.failed
            )
        return self._playback
