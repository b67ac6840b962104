"""Responses of the fake model: words, functions, and all that may go wrong with them."""

from __future__ import annotations

import asyncio
import base64
import json
import time
from typing import Any

from ..formats import Format, converters
from .events import Events
from .journal import Journal, Response
from .manners import Call, Manner, Speech, Turn
from .voice import RATE

__all__ = ["FIRST_ITEM_MS", "Broken", "Responses"]

DELTA_MS = 100
"""Audio in one message."""

FIRST_ITEM_MS = 1200
"""Length of the first of two items."""


class Broken(Exception):
    """The connection is to end now.

    Args:
        code: of the CLOSE frame; None drops the connection without one.
        reason: in it.

    """

    def __init__(self, code: int | None, reason: str = "") -> None:
        super().__init__(reason)
        self.code = code


class Responses:
    """Responses of one session, one at a time.

    Args:
        manner: how it behaves.
        events: sends.
        journal: in which they are noted.
        items: of the conversation, and how many ms of audio each has.

    Attributes:
        active: the response that is going on.
        format: of the audio.
        turn: what is responded to.

    """

    def __init__(
        self, manner: Manner, events: Events, journal: Journal, items: dict[str, int]
    ) -> None:
        self.active: Response | None = None
        self.format: Format = "pcm"
        self.turn = Turn(b"", "", "", 0)
        self._manner = manner
        self._events = events
        self._journal = journal
        self._items = items
        self._speaking: asyncio.Task[None] | None = None

    async def check(self) -> None:
        """Raise what ended a response, if that ends the session."""
        if self._speaking is not None and self._speaking.done():
            await self._speaking

    async def stop(self) -> None:
        """End all of it."""
        if self._speaking is not None:
            self._speaking.cancel()
            await asyncio.gather(self._speaking, return_exceptions=True)

    async def create(self, body: dict[str, Any]) -> None:
        """Begin one, as a message of the client asks, unless one is going on."""
        if self.active is not None:
            await self._events.error(body, "conversation_already_has_active_response")
            return
        if self._speaking is not None:
            await self._speaking
        self.active = Response(self._events.new("resp"))
        self._journal.responses.append(self.active)
        await self._events.response("response.created", self.active)
        self._speaking = asyncio.create_task(self._respond(self.active))

    async def cancel(self, body: dict[str, Any]) -> None:
        """End the one that is going on, as a message of the client asks."""
        wanted = body.get("response_id")
        if self.active is None or (wanted and wanted != self.active.id):
            await self._events.error(body, "response_cancel_not_active", "Cancellation failed")
            return
        self._journal.cancelled.append(time.monotonic())
        await self.finish("cancelled", "client_cancelled")

    async def _respond(self, response: Response) -> None:
        faults = self._manner.faults
        await asyncio.sleep(self._manner.delay)
        if "garbage" in faults:
            await self._events.raw("this is not JSON")
            await self._events.raw(json.dumps({"type": "response.output_audio.delta", "delta": 5}))
            await self._events.raw(json.dumps({"type": "of.the.future", "event_id": "x"}))
            await self._events.session("session.updated")
        if "fail" in faults:
            error = {"type": "insufficient_quota", "code": "insufficient_quota"}
            await self.finish("failed", error=error)
            return
        turn = Turn(self.turn.audio, self.turn.text, self.turn.output, len(self._journal.responses))
        said = await asyncio.to_thread(self._manner.answer, turn)
        for number, part in enumerate(said):
            if isinstance(part, Call):
                await self._call(response, part, number)
            elif "items" in faults:
                middle = FIRST_ITEM_MS * RATE // 1000 * 2
                await self._speak(response, Speech(part.pcm[:middle], part.words), number)
                await self._speak(response, Speech(part.pcm[middle:], ""), number + 1)
            else:
                await self._speak(response, part, number)
        if response is self.active:
            await self.finish("completed")
        if "expire" in faults:
            raise Broken(1001, "Your session hit the maximum duration of 60 minutes.")
        if "vanish" in faults:
            raise Broken(None)

    async def _call(self, response: Response, call: Call, number: int) -> None:
        item = self._events.new("item")
        common = {"response_id": response.id, "item_id": item, "output_index": number}
        call_id = self._events.new("call")
        body = {"id": item, "type": "function_call", "name": call.name, "call_id": call_id}
        await self._events.event(
            "response.output_item.added",
            response_id=response.id,
            output_index=number,
            item={**body, "arguments": ""},
        )
        await self._events.event(
            "response.function_call_arguments.done",
            **common,
            call_id=call_id,
            name=call.name,
            arguments=call.arguments,
        )
        await self._events.event(
            "response.output_item.done",
            response_id=response.id,
            output_index=number,
            item={**body, "arguments": call.arguments},
        )

    async def _speak(self, response: Response, speech: Speech, number: int) -> None:
        item = self._events.new("item")
        self._items[item] = 0
        body = {"id": item, "type": "message", "role": "assistant", "content": []}
        common = {"response_id": response.id, "item_id": item, "output_index": number}
        await self._events.event(
            "response.output_item.added", response_id=response.id, output_index=number, item=body
        )
        await self._events.event("conversation.item.added", item=body, previous_item_id=None)
        await self._events.event(
            "response.content_part.added", **common, content_index=0, part={"type": "audio"}
        )
        hour = "hour" in self._manner.faults
        pcm = speech.pcm * (int(3600 * RATE * 2 / len(speech.pcm)) if hour else 1)
        encode, _ = converters(self.format, RATE)
        step = RATE * DELTA_MS // 1000 * 2
        due = time.monotonic()
        for begin in range(0, len(pcm), step):
            piece = pcm[begin : begin + step]
            data = encode.feed(piece) + (encode.end() if begin + step >= len(pcm) else b"")
            cancelled = response is not self.active
            if cancelled and "late" not in self._manner.faults:
                return
            # Before it is sent: once the client has it, the client may truncate it.
            if item in self._items and not cancelled:
                self._items[item] += len(piece) * 1000 // (2 * RATE)
            response.sent.append(time.monotonic())
            await self._events.event(
                "response.output_audio.delta",
                **common,
                content_index=0,
                delta=base64.b64encode(data).decode(),
            )
            if cancelled:
                return
            due += 0 if hour else DELTA_MS / 1000 / self._manner.speed
            await asyncio.sleep(due - time.monotonic())
        if response is not self.active:
            return
        await self._events.event("response.output_audio.done", **common, content_index=0)
        await self._events.event(
            "response.output_audio_transcript.done",
            **common,
            content_index=0,
            transcript=speech.words,
        )
        await self._events.event(
            "response.content_part.done", **common, content_index=0, part={"type": "audio"}
        )
        await self._events.event(
            "response.output_item.done", response_id=response.id, output_index=number, item=body
        )
        await self._events.event("conversation.item.done", item=body, previous_item_id=None)

    async def finish(self, status: str, reason: str = "", error: Any = None) -> None:
        """End the one that is going on, if there is one."""
        response, self.active = self.active, None
        if response is None:
            return
        response.status = status
        fields: dict[str, Any] = {}
        if reason or error:
            more = {"reason": reason} if reason else {"error": error}
            fields["status_details"] = {"type": status, **more}
        if status == "completed":
            fields["usage"] = {"total_tokens": 10 * len(response.sent)}
        await self._events.response("response.done", response, **fields)
