"""What goes to the application: frames on an absolute clock, keys, the platform's texts."""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from time import perf_counter as now
from typing import Any

from websockets.exceptions import ConnectionClosed

from phone.constants import (
    CLOSE_TIMEOUT,
    ECHO_QUIET,
    FRAME_SECONDS,
    FRAMES_PER_SECOND,
    SEND_TIMEOUT,
    TEXTS_KEPT,
)
from phone.legs.callers import Speech
from phone.legs.faults import Faults
from phone.legs.incoming import EndLeg, Incoming
from phone.legs.playback import PlayBuffer
from phone.legs.trace import LegTrace, Message

__all__ = ["Outgoing", "first_message"]


def first_message(
    content_type: str, headers: Mapping[str, Any], faults: Faults | None = None
) -> str:
    """Return the first message: the announcement, and the headers beside it (WebSockets guide)."""
    faults = faults or Faults()
    message: dict[str, Any] = {"event": "websocket:connected", "content-type": content_type}
    message |= headers
    if faults.key_order:
        message = dict(reversed(message.items()))
    return (" " if faults.leading_space else "") + json.dumps(message)


class Outgoing:
    """Sends, and notes in the trace what left and when.

    Args:
        trace: of the leg.
        send: takes one message to the socket.
        incoming: what came back.
        buffer: what of it waits to be played.
        faults: what goes wrong on purpose.
        key_ms: how long a key is pressed.
        on_text: told about each text message, in either direction, while they are few.
        end: ends the leg.
    """

    def __init__(
        self,
        trace: LegTrace,
        send: Callable[[str | bytes], Awaitable[None]],
        incoming: Incoming,
        buffer: PlayBuffer,
        *,
        faults: Faults,
        key_ms: int,
        on_text: Callable[[str, bool], None] | None,
        end: EndLeg,
    ) -> None:
        self._trace = trace
        self._socket_send = send
        self._incoming = incoming
        self._buffer = buffer
        self._faults = faults
        self._key_ms = key_ms
        self._on_text = on_text
        self._end = end
        self._bytes = 0

    async def say(self, text: str) -> None:
        """Send a text message of the platform."""
        self.note(text, ours=True)
        await self._send(text)

    def note(self, text: str, ours: bool) -> None:
        """Note a text message in either direction."""
        if len(self._trace.messages) < 2 * TEXTS_KEPT:
            self._trace.messages.append(Message(now(), ours, text))
            if self._on_text is not None:
                self._on_text(text, ours)

    async def send_frame(self, frame: bytes, due: float) -> None:
        """Send a frame that was due at `due` seconds of `perf_counter`."""
        leaving = now()
        await self._send(frame)
        self._trace.sent.append(frame)
        self._trace.sent_at.append(leaving)
        self._trace.lags_ms.append((leaving - due) * 1000)
        self._bytes += len(frame)

    async def talk(self, speech: Speech, on_frame: Callable[[int], None] | None) -> None:
        """Send what the caller says in real time; see `SocketLeg.converse`."""
        frames = speech.frames
        pending = sorted(speech.keys, key=lambda key: key.at)
        stall_at = len(frames) // 2 if isinstance(frames, Sequence) else FRAMES_PER_SECOND
        start = now()
        try:
            for index, frame in enumerate(frames):
                elapsed = index * FRAME_SECONDS
                if not await self._line_holds(index, elapsed, stall_at):
                    return
                # Late frames leave at once, so that the clock stays absolute.
                due = start + elapsed + random.uniform(0, self._faults.jitter / 1000)  # noqa: S311 - no secret
                await asyncio.sleep(max(0.0, due - now()))
                while pending and pending[0].at <= elapsed:
                    await self._press(pending.pop(0).digit)
                for digit in speech.live.keys() if speech.live else ():
                    await self._press(digit)
                await self.send_frame(self._spoilt(index, frame), due)
                await self._answer_notifies()
                if on_frame is not None:
                    on_frame(index + 1)
            for key in pending:
                await self._press(key.digit)
            await self._rest(speech.wait)
        except TimeoutError:
            self._end(
                "failure",
                f"the application has read nothing for {SEND_TIMEOUT:g} s",
                "take messages off the socket while working on others",
            )
        except ConnectionClosed:
            # The receiver sees it too, and says who closed.
            await asyncio.sleep(speech.wait + CLOSE_TIMEOUT)

    async def _line_holds(self, index: int, elapsed: float, stall_at: int) -> bool:
        """Act out the faults that stop the line for a while, or for good."""
        faults = self._faults
        if faults.stall and index == stall_at:
            await asyncio.sleep(faults.stall)
        if faults.drop and elapsed >= faults.drop:
            self._end("fault")
            return False
        return True

    def _spoilt(self, index: int, frame: bytes) -> bytes:
        every = round(self._faults.odd_frames)
        return frame[: len(frame) // 2] if every and index % every == every - 1 else frame

    async def _press(self, digit: str) -> None:
        event = {"event": "websocket:dtmf", "digit": digit, "duration": self._key_ms}
        await self.say(json.dumps(event))

    async def _answer_notifies(self) -> None:
        for answer in self._buffer.answers(now()):
            await self.say(answer)

    async def _rest(self, wait: float) -> None:
        last_sent = now()
        while now() < last_sent + wait:
            await self._answer_notifies()
            if self._incoming.bytes >= self._bytes and not self._buffer.waiting:
                # Anything beyond an echo would follow on its heels.
                await asyncio.sleep(2 * FRAME_SECONDS)
                await self._answer_notifies()
                return
            last = self._trace.received_at[-1] if self._trace.received_at else last_sent
            if now() > max(last, last_sent) + ECHO_QUIET:
                return
            await asyncio.sleep(FRAME_SECONDS)

    async def _send(self, message: str | bytes) -> None:
        async with asyncio.timeout(SEND_TIMEOUT):
            await self._socket_send(message)
