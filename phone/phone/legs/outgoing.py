"""Messages to the application: frames, keys and the platform's texts, in order."""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Mapping
from time import perf_counter as now
from typing import Any

from websockets.exceptions import ConnectionClosed

from phone.constants import (
    FRAME_SECONDS,
    FRAMES_PER_SECOND,
    SEND_TIMEOUT,
    TEXTS_KEPT,
    UNSENT_MAX,
)
from phone.legs.faults import Faults
from phone.legs.incoming import EndLeg
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
    """Sends queued messages, and records in the trace what was sent and when.

    Args:
        trace: of the leg.
        send: takes one message to the socket.
        faults: what goes wrong on purpose.
        key_ms: how long a key is pressed.
        on_text: called with each text message, in either direction, while they are few.
        end: ends the leg.

    """

    def __init__(
        self,
        trace: LegTrace,
        send: Callable[[str | bytes], Awaitable[None]],
        *,
        faults: Faults,
        key_ms: int,
        on_text: Callable[[str, bool], None] | None,
        end: EndLeg,
    ) -> None:
        self.bytes = 0
        self.stall_at = FRAMES_PER_SECOND
        self.on_frame: Callable[[int], None] | None = None
        self._trace = trace
        self._socket_send = send
        self._faults = faults
        self._key_ms = key_ms
        self._on_text = on_text
        self._end = end
        self._queue: asyncio.Queue[str | tuple[bytes, float]] = asyncio.Queue()
        self._frames = 0

    def put_frame(self, frame: bytes, due: float) -> None:
        """Queue a frame; it is due at `due` seconds of `perf_counter`."""
        if self._queue.qsize() < UNSENT_MAX:
            self._queue.put_nowait((frame, due))

    def put_text(self, text: str) -> None:
        """Queue a text message of the platform."""
        if self._queue.qsize() < UNSENT_MAX:
            self._queue.put_nowait(text)

    def put_key(self, digit: str) -> None:
        """Queue the message about a key."""
        event = {"event": "websocket:dtmf", "digit": digit, "duration": self._key_ms}
        self.put_text(json.dumps(event))

    async def flushed(self) -> None:
        """Wait until the queue is empty."""
        await self._queue.join()

    async def say(self, text: str) -> None:
        """Send a text message of the platform at once."""
        self.note(text, ours=True)
        await self._send(text)

    def note(self, text: str, ours: bool) -> None:
        """Note a text message in either direction."""
        if len(self._trace.messages) < 2 * TEXTS_KEPT:
            self._trace.messages.append(Message(now(), ours, text))
            if self._on_text is not None:
                self._on_text(text, ours)

    async def send_frame(self, frame: bytes, due: float) -> None:
        """Send a frame at once that was due at `due` seconds of `perf_counter`."""
        leaving = now()
        await self._send(frame)
        self._trace.add_sent(frame, leaving, (leaving - due) * 1000)
        self.bytes += len(frame)

    async def run(self) -> None:
        """Send queued messages until the leg ends."""
        try:
            while True:
                item = await self._queue.get()
                if isinstance(item, str):
                    await self.say(item)
                elif not await self._frame(*item):
                    return
                self._queue.task_done()
        except TimeoutError:
            self._end(
                "failure",
                f"the application has read nothing for {SEND_TIMEOUT:g} s",
                "take messages off the socket while working on others",
            )
        except ConnectionClosed:
            return  # the receiver sees it too, and says who closed

    async def _frame(self, frame: bytes, due: float) -> bool:
        """Send a frame, with the faults of the line; return whether it still holds."""
        faults, index = self._faults, self._frames
        self._frames += 1
        if faults.stall and index == self.stall_at:
            await asyncio.sleep(faults.stall)
        if faults.drop and index * FRAME_SECONDS >= faults.drop:
            self._end("fault")
            return False
        if faults.move and index * FRAME_SECONDS >= faults.move:
            self._end("move")
            return False
        if faults.jitter:
            due += random.uniform(0, faults.jitter / 1000)  # noqa: S311 - no secret
            await asyncio.sleep(max(0.0, due - now()))
        every = round(faults.odd_frames)
        if every and index % every == every - 1:
            frame = frame[: len(frame) // 2]
        await self.send_frame(frame, due)
        if self.on_frame is not None:
            self.on_frame(index + 1)
        return True

    async def _send(self, message: str | bytes) -> None:
        async with asyncio.timeout(SEND_TIMEOUT):
            await self._socket_send(message)
