"""Fake call: tests of audio handlers without a server, a telephone, or waiting.

    def test_the_bot_tells_the_hours() -> None:
        call = FakeCall()
        call.wait(1)
        call.press("1")
        call.wait(5)
        call.run(bot)
        assert call.heard == ...

The caller and the platform are simulated in virtual time: minutes pass in a moment, and the same
way each time. What a handler runs in threads is run at once.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import protocol
from ..call import Call
from ..handlers import MOVED, AudioCall, CallEnded, Event, Handler
from ..playback import wav
from ..protocol import Answered, Cleared, Connected, Dtmf, Machine, Notify, frame_bytes
from . import virtual_time

__all__ = ["FakeCall", "Played"]

QUEUE_EVENTS = 10_000
FINISH_SECONDS = 5.0


@dataclass(frozen=True)
class _Move:
    """The end of a stretch of the call; `gap` seconds later it continues in another process."""

    gap: float


@dataclass(frozen=True)
class Played:
    """A frame that the caller heard: `audio`, and `at`, the second of the call when it began."""

    at: float
    audio: bytes


class FakeCall:
    """A call that follows a script.

    First write the script (`say`, `press`, `wait`, `answer`, `machine`, `text`, `move`), then
    `run` a handler, then check `played`, `heard`, `sent`, `hung_up`, `notes`.

    Args:
        rate: Hz.
        metadata: the NCCO's headers, as in the first message.
        buffer: messages that the platform buffers; a handler that sends more fails the test.

    """

    def __init__(
        self, rate: int = 16000, metadata: Mapping[str, Any] | None = None, buffer: int = 1024
    ) -> None:
        self.rate = rate
        self.metadata = {"uuid": "a-fake-call", **(metadata or {})}
        self.played: list[Played] = []
        """Frames that the caller heard."""
        self.sent: list[tuple[float, dict[str, Any]]] = []
        """Text messages from the handler, each with the second of the call when it came."""
        self.hung_up: float | None = None
        """The second of the call when the handler ended it; None if the caller did."""
        self.errors: list[Exception] = []
        """What sources of audio raised."""
        self.notes: dict[str, str | float | bool] = {}
        """Facts that the handler noted."""
        self._script: list[Event | _Move] = []
        self._buffer = buffer
        self._loop: asyncio.AbstractEventLoop
        self._audio_call: AudioCall
        self._began = self._played_until = 0.0
        self._size = frame_bytes(rate)
        self._over = False

    # The script

    def say(self, audio: bytes | Path) -> None:
        """Have the caller say this: PCM at the call's rate, or a WAV file."""
        if isinstance(audio, Path):
            file = wav.read(audio)
            if file.rate != self.rate:
                raise ValueError(f"{audio} has {file.rate} Hz; give a file of {self.rate} Hz")
            audio = file.pcm
        audio += bytes(-len(audio) % self._size)
        self._script += [audio[at : at + self._size] for at in range(0, len(audio), self._size)]

    def wait(self, seconds: float) -> None:
        """Have the caller be silent for so many seconds."""
        self._script += [bytes(self._size)] * round(seconds * 1000 / protocol.FRAME_MS)

    def press(self, digit: str) -> None:
        """Have the caller press a key."""
        self._script.append(Dtmf(digit, 260))

    def answer(self) -> None:
        """Have the person answer, in a call whose socket was there first."""
        self._script.append(Answered())

    def machine(self, beep: bool = False) -> None:
        """Have the platform tell that a machine has answered, or that it beeped."""
        self._script.append(Machine(beep))

    def text(self, text: str) -> None:
        """Have the platform send any text message."""
        self._script.append(protocol.parse(text))

    def move(self, gap: float = 0.2) -> None:
        """Have the call move to another process, as when this one is stopped or crashes.

        The handler's call ends here; after `gap` seconds the handler is called again, with a call
        of the same `id` whose `resumed` is one higher. What it keeps in the process's memory
        would be lost then: keep no state there that it needs.
        """
        self._script.append(_Move(gap))

    # The run

    def run(self, handler: Handler) -> None:
        """Run a handler on the call, from its first message to its end.

        Raises:
            Exception: whatever the handler raises.
            AssertionError: it does what the platform would refuse, or does not end.

        """
        virtual_time.run(self._run(handler))

    async def _run(self, handler: Handler) -> None:
        self._loop = asyncio.get_running_loop()
        self._began = self._played_until = self._loop.time()
        stretch: list[Event] = []
        resumed = 0
        for event in self._script:
            if not isinstance(event, _Move):
                stretch.append(event)
                continue
            await self._stretch(handler, stretch, resumed, moves=True)
            if self.hung_up is not None:
                return
            await asyncio.sleep(event.gap)
            stretch = []
            resumed += 1
        await self._stretch(handler, stretch, resumed, moves=False)

    async def _stretch(
        self, handler: Handler, script: list[Event], resumed: int, moves: bool
    ) -> None:
        """Run the handler on what one process has of the call."""
        self._over = False
        call = Call(1, clock=self._loop.time)
        metadata = self.metadata | ({"resumed": resumed} if resumed else {})
        connected = Connected(f"audio/l16;rate={self.rate}", metadata)
        call.connected(connected)
        self.notes = call.notes
        audio_call = self._audio_call = AudioCall(call, self, QUEUE_EVENTS, self._buffer)
        audio_call.put(connected)
        handling = asyncio.ensure_future(handler(audio_call))
        handling.add_done_callback(lambda _: self.hang_up())
        due = self._loop.time()
        for event in script:
            if self._over:
                break
            audio_call.put(call.signals.read(event) if isinstance(event, Dtmf) else event)
            due += protocol.FRAME_MS / 1000 if isinstance(event, bytes) else 0
            await asyncio.sleep(due - self._loop.time())
        if moves and not self._over:
            call.close_reason = MOVED
        self._over = True
        audio_call.end()
        try:
            async with asyncio.timeout(FINISH_SECONDS):
                await handling
        except TimeoutError:
            raise AssertionError(
                f"the handler continued for {FINISH_SECONDS:g} s after the call: end it sooner"
            ) from None
        except CallEnded:
            pass
        finally:
            await audio_call.close()
            self._drop_after(self._loop.time())

    # Results

    @property
    def heard(self) -> bytes:
        """PCM of all that the caller heard, from the first second on, silence included."""
        pcm = bytearray()
        for frame in self.played:
            start = round(frame.at * self.rate) * 2
            pcm += bytes(max(0, start - len(pcm)))
            pcm[start : start + len(frame.audio)] = frame.audio
        return bytes(pcm)

    # What `AudioCall` needs

    def send_now(self, audio: bytes) -> bool:
        """Write nothing: `send` takes all."""
        return False

    async def send(self, message: bytes | str) -> None:
        """Take what the handler sends, as the platform does; raises `CallEnded`."""
        if self._over:
            raise CallEnded
        now = self._loop.time()
        if isinstance(message, str):
            body = json.loads(message)
            self.sent.append((now - self._began, body))
            self._obey(body, now)
            return
        if len(message) != self._size:
            raise AssertionError(
                f"{len(message)} bytes were sent: the platform takes exactly {self._size}"
            )
        at = max(self._played_until, now)
        ahead = round((at - now) * 1000 / protocol.FRAME_MS)
        if ahead >= self._buffer:
            raise AssertionError(f"{ahead} messages ahead: the platform keeps {self._buffer}")
        self.played.append(Played(at - self._began, message))
        self._played_until = at + protocol.FRAME_MS / 1000

    def hang_up(self) -> None:
        """End the call, for the handler."""
        if not self._over:
            self._over = True
            self.hung_up = self._loop.time() - self._began
            self._drop_after(self._loop.time())
            self._audio_call.end()

    def failed(self, error: Exception) -> None:
        """Keep the error of a sound."""
        self.errors.append(error)

    def _obey(self, body: dict[str, Any], now: float) -> None:
        match body:
            case {"action": "clear"}:
                self._drop_after(now)
                self._audio_call.put(Cleared())
            case {"action": "notify", "payload": dict(payload)}:
                self._loop.call_at(self._played_until, self._audio_call.put, Notify(payload))
            case _:
                raise AssertionError(f"{body} was sent: the platform knows no such action")

    def _drop_after(self, now: float) -> None:
        self.played = [frame for frame in self.played if frame.at < now - self._began]
        self._played_until = min(self._played_until, now)
