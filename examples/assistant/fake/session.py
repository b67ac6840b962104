"""Session of the fake model: the protocol's messages in, the protocol's messages out.

It is strict where the real one is: what refers to nothing, comes at the wrong time or reaches
beyond an item's end is an error (the official client's docstrings, and errors that were reported).
"""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

from ..formats import Converter, converters
from .events import Events, Send
from .hearing import Hearing, Started, Stopped
from .journal import Journal
from .judge import judge
from .manners import Manner, Turn
from .responses import Broken, Responses
from .voice import RATE

__all__ = ["Session"]


class Session:
    """One session.

    Args:
        manner: how it behaves.
        send: sends a message; waits while the client does not read.
        call: the client's `X-Call-Id`.

    """

    def __init__(self, manner: Manner, send: Send, call: str = "") -> None:
        self.journal = Journal(call)
        self._manner = manner
        self._events = Events(send, self.journal)
        self._detection: dict[str, Any] | None = {"type": "server_vad"}
        self._hearing = Hearing(RATE, 500)
        self._items: dict[str, int] = {}
        self._turn_item = ""
        self._responses = Responses(manner, self._events, self.journal, self._items)
        self._decode = self._decoder()

    async def run(self, messages: Any) -> None:
        """Serve a client until it goes, or until the manner ends the session."""
        await self._events.session("session.created")
        if "full" in self._manner.faults:
            raise Broken(1008, "session_limit_reached")
        try:
            async for message in messages:
                await self.take(message)
                await self._responses.check()
        finally:
            await self._responses.stop()

    async def take(self, message: str | bytes) -> None:
        """Take a message of the client."""
        body = json.loads(message)
        wrong = judge(body)
        if wrong:
            self.journal.invalid.append(wrong)
        match body["type"]:
            case "input_audio_buffer.append":
                await self._hear(base64.b64decode(body["audio"]))
            case "session.update":
                await self._update(body["session"])
            case "input_audio_buffer.commit":
                audio = self._hearing.all()
                if not audio:
                    await self._events.error(body, "input_audio_buffer_commit_empty")
                    return
                await self._commit(audio)
            case "input_audio_buffer.clear":
                self._hearing.all()
                await self._events.event("input_audio_buffer.cleared")
            case "response.create":
                given = body.get("response") or {}
                if given.get("instructions"):
                    self._responses.turn = Turn(b"", given["instructions"], "", 0)
                await self._responses.create(body)
            case "response.cancel":
                await self._responses.cancel(body)
            case "conversation.item.create":
                await self._add(body["item"])
            case "conversation.item.truncate":
                await self._truncate(body)
            case "conversation.item.delete":
                await self._delete(body)
            case kind:
                await self._events.error(body, "unknown_event", f"there is no {kind}")

    # The caller

    def _decoder(self) -> Converter:
        _, from_client = converters(self._responses.format, RATE)
        return from_client

    async def _hear(self, data: bytes) -> None:
        if "deaf" in self._manner.faults:
            await asyncio.sleep(3600)
        if self._detection is None:
            self._hearing.keep(self._decode.feed(data))
            return
        for event in self._hearing.feed(self._decode.feed(data)):
            match event:
                case Started(ms=ms):
                    self._turn_item = self._events.new("item")
                    await self._events.event(
                        "input_audio_buffer.speech_started",
                        audio_start_ms=ms,
                        item_id=self._turn_item,
                    )
                    if self._detection.get("interrupt_response", True) and self._responses.active:
                        await self._responses.finish("cancelled", "turn_detected")
                    if "rude" in self._manner.faults and not self._responses.active:
                        await self._responses.create({})
                case Stopped(ms=ms, audio=audio):
                    await self._events.event(
                        "input_audio_buffer.speech_stopped",
                        audio_end_ms=ms,
                        item_id=self._turn_item,
                    )
                    await self._commit(audio)
                    auto = "auto" in self._manner.faults
                    if (
                        auto or self._detection.get("create_response", True)
                    ) and not self._responses.active:
                        await self._responses.create({})

    async def _commit(self, audio: bytes) -> None:
        item = self._turn_item or self._events.new("item")
        self._turn_item = ""
        self._items[item] = 0
        self._responses.turn = Turn(audio, "", "", 0)
        self.journal.turns.append(len(audio) * 1000 // (2 * RATE))
        await self._events.event(
            "input_audio_buffer.committed", item_id=item, previous_item_id=None
        )
        await self._events.item(
            {"id": item, "type": "message", "role": "user", "content": [{"type": "input_audio"}]}
        )
        await self._events.event(
            "conversation.item.input_audio_transcription.completed",
            item_id=item,
            content_index=0,
            transcript="something was said",
            usage={"type": "duration", "seconds": len(audio) / 2 / RATE},
        )

    # The conversation

    async def _update(self, session: dict[str, Any]) -> None:
        audio = session.get("audio") or {}
        given = audio.get("input") or {}
        kind = (given.get("format") or {}).get("type", "")
        if kind:
            self._responses.format = kind.removeprefix("audio/")
        if "turn_detection" in given:
            self._detection = given["turn_detection"]
        silence = (self._detection or {}).get("silence_duration_ms") or 500
        self._hearing = Hearing(RATE, silence)
        self._decode = self._decoder()
        await self._events.session("session.updated", **session)

    async def _add(self, item: dict[str, Any]) -> None:
        item = {**item, "id": item.get("id") or self._events.new("item")}
        self._items[item["id"]] = 0
        if item["type"] == "function_call_output":
            self._responses.turn = Turn(b"", "", item["output"], 0)
            self.journal.texts.append(item["output"])
        else:
            text = " ".join(part.get("text", "") for part in item["content"])
            self._responses.turn = Turn(b"", text, "", 0)
            self.journal.texts.append(text)
        await self._events.item(item)

    async def _truncate(self, body: dict[str, Any]) -> None:
        item, ms = body["item_id"], body["audio_end_ms"]
        length = self._items.get(item)
        if length is None:
            await self._events.error(body, "item_truncate_invalid_item_id", f"there is no {item}")
            return
        if not length:
            await self._events.error(body, "unsupported_content_type", f"{item} has no audio")
            return
        self.journal.truncated.append({"item": item, "ms": ms, "length": length})
        if ms > length:
            # Observed: an error, and truncated anyway.
            await self._events.error(
                body, "invalid_value", f"Audio content of {length}ms is already shorter than {ms}ms"
            )
        self._items[item] = min(ms, length)
        await self._events.event(
            "conversation.item.truncated", item_id=item, content_index=0, audio_end_ms=ms
        )

    async def _delete(self, body: dict[str, Any]) -> None:
        if self._items.pop(body["item_id"], None) is None:
            await self._events.error(body, "item_delete_invalid_item_id", f"no {body['item_id']}")
            return
        self.journal.deleted.append(body["item_id"])
        await self._events.event("conversation.item.deleted", item_id=body["item_id"])
