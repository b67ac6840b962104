"""Session of the fake model: the protocol's messages in, the protocol's messages out.

It is strict where the real one is: what refers to nothing, comes at the wrong time or reaches
beyond an item's end is an error (the official client's docstrings, and errors that were reported).
"""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from typing import Any

from ..formats import Format, converters
from .hearing import Hearing, Started, Stopped
from .judge import judge
from .manners import Call, Manner, Speech, Turn
from .voice import RATE

__all__ = ["Broken", "Journal", "Session"]

DELTA_MS = 100
"""Audio in one message."""

FIRST_ITEM_MS = 1200
"""Length of the first of two items."""

Send = Callable[[str], Awaitable[None]]


class Broken(Exception):
    """The connection is to end now.

    Args:
        code: of the CLOSE frame; None drops the connection without one.
        reason: in it.

    """

    def __init__(self, code: int | None, reason: str = "") -> None:
        super().__init__(reason)
        self.code = code


@dataclass
class Response:
    """One response, as it went."""

    id: str
    status: str = "in_progress"
    sent: list[float] = field(default_factory=list)
    """When each message of audio was sent: seconds of the machine's monotonic clock."""


@dataclass
class Journal:
    """What happened in a session, for tests."""

    call: str = ""
    invalid: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    turns: list[int] = field(default_factory=list)
    """Milliseconds of audio of each turn that was committed."""
    deleted: list[str] = field(default_factory=list)
    truncated: list[dict[str, Any]] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    responses: list[Response] = field(default_factory=list)
    cancelled: list[float] = field(default_factory=list)

    def line(self) -> str:
        """Return it as a line of JSON."""
        return json.dumps(asdict(self))


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
        self._send = send
        self._numbers = itertools.count(1)
        self._format: Format = "pcm"
        self._detection: dict[str, Any] | None = {"type": "server_vad"}
        self._hearing = Hearing(RATE, 500)
        self._decode, _ = self._converters()
        self._items: dict[str, int] = {}
        self._turn_item = ""
        self._last = Turn(b"", "", "", 0)
        self._response: Response | None = None
        self._speaking: asyncio.Task[None] | None = None

    async def run(self, messages: Any) -> None:
        """Serve a client until it goes, or until the manner ends the session."""
        await self._event("session.created", session=self._session())
        if "full" in self._manner.faults:
            raise Broken(1008, "session_limit_reached")
        try:
            async for message in messages:
                await self.take(message)
                if self._speaking is not None and self._speaking.done():
                    await self._speaking
        finally:
            if self._speaking is not None:
                self._speaking.cancel()
                await asyncio.gather(self._speaking, return_exceptions=True)

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
                    await self._error(body, "input_audio_buffer_commit_empty")
                    return
                await self._commit(audio)
            case "input_audio_buffer.clear":
                self._hearing.all()
                await self._event("input_audio_buffer.cleared")
            case "response.create":
                given = body.get("response") or {}
                if given.get("instructions"):
                    self._last = Turn(b"", given["instructions"], "", 0)
                await self._create(body)
            case "response.cancel":
                await self._cancel(body)
            case "conversation.item.create":
                await self._add(body["item"])
            case "conversation.item.truncate":
                await self._truncate(body)
            case "conversation.item.delete":
                await self._delete(body)
            case kind:
                await self._error(body, "unknown_event", f"there is no {kind}")

    # The caller

    def _converters(self) -> Any:
        to_model, from_model = converters(self._format, RATE)
        return from_model, to_model

    async def _hear(self, data: bytes) -> None:
        if "deaf" in self._manner.faults:
            await asyncio.sleep(3600)
        if self._detection is None:
            self._hearing.keep(self._decode.feed(data))
            return
        for event in self._hearing.feed(self._decode.feed(data)):
            match event:
                case Started(ms=ms):
                    self._turn_item = self._new("item")
                    await self._event(
                        "input_audio_buffer.speech_started",
                        audio_start_ms=ms,
                        item_id=self._turn_item,
                    )
                    if self._detection.get("interrupt_response", True) and self._response:
                        await self._finish("cancelled", "turn_detected")
                    if "rude" in self._manner.faults and not self._response:
                        await self._create({})
                case Stopped(ms=ms, audio=audio):
                    await self._event(
                        "input_audio_buffer.speech_stopped",
                        audio_end_ms=ms,
                        item_id=self._turn_item,
                    )
                    await self._commit(audio)
                    auto = "auto" in self._manner.faults
                    if (
                        auto or self._detection.get("create_response", True)
                    ) and not self._response:
                        await self._create({})

    async def _commit(self, audio: bytes) -> None:
        item = self._turn_item or self._new("item")
        self._turn_item = ""
        self._items[item] = 0
        self._last = Turn(audio, "", "", 0)
        self.journal.turns.append(len(audio) * 1000 // (2 * RATE))
        await self._event("input_audio_buffer.committed", item_id=item, previous_item_id=None)
        await self._item_events(
            {"id": item, "type": "message", "role": "user", "content": [{"type": "input_audio"}]}
        )
        await self._event(
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
            self._format = kind.removeprefix("audio/")
        if "turn_detection" in given:
            self._detection = given["turn_detection"]
        silence = (self._detection or {}).get("silence_duration_ms") or 500
        self._hearing = Hearing(RATE, silence)
        self._decode, _ = self._converters()
        await self._event("session.updated", session={**self._session(), **session})

    async def _add(self, item: dict[str, Any]) -> None:
        item = {**item, "id": item.get("id") or self._new("item")}
        self._items[item["id"]] = 0
        if item["type"] == "function_call_output":
            self._last = Turn(b"", "", item["output"], 0)
            self.journal.texts.append(item["output"])
        else:
            text = " ".join(part.get("text", "") for part in item["content"])
            self._last = Turn(b"", text, "", 0)
            self.journal.texts.append(text)
        await self._item_events(item)

    async def _truncate(self, body: dict[str, Any]) -> None:
        item, ms = body["item_id"], body["audio_end_ms"]
        length = self._items.get(item)
        if length is None:
            await self._error(body, "item_truncate_invalid_item_id", f"there is no {item}")
            return
        if not length:
            await self._error(body, "unsupported_content_type", f"{item} has no audio")
            return
        self.journal.truncated.append({"item": item, "ms": ms, "length": length})
        if ms > length:
            # Observed: an error, and truncated anyway.
            await self._error(
                body, "invalid_value", f"Audio content of {length}ms is already shorter than {ms}ms"
            )
        self._items[item] = min(ms, length)
        await self._event(
            "conversation.item.truncated", item_id=item, content_index=0, audio_end_ms=ms
        )

    async def _delete(self, body: dict[str, Any]) -> None:
        if self._items.pop(body["item_id"], None) is None:
            await self._error(body, "item_delete_invalid_item_id", f"no {body['item_id']}")
            return
        self.journal.deleted.append(body["item_id"])
        await self._event("conversation.item.deleted", item_id=body["item_id"])

    # Responses

    async def _create(self, body: dict[str, Any]) -> None:
        if self._response is not None:
            await self._error(body, "conversation_already_has_active_response")
            return
        if self._speaking is not None:
            await self._speaking
        self._response = Response(self._new("resp"))
        self.journal.responses.append(self._response)
        await self._event("response.created", response=self._response_body(self._response))
        self._speaking = asyncio.create_task(self._respond(self._response))

    async def _cancel(self, body: dict[str, Any]) -> None:
        wanted = body.get("response_id")
        if self._response is None or (wanted and wanted != self._response.id):
            await self._error(body, "response_cancel_not_active", "Cancellation failed")
            return
        self.journal.cancelled.append(time.monotonic())
        await self._finish("cancelled", "client_cancelled")

    async def _respond(self, response: Response) -> None:
        faults = self._manner.faults
        await asyncio.sleep(self._manner.delay)
        if "garbage" in faults:
            await self._send("this is not JSON")
            await self._send(json.dumps({"type": "response.output_audio.delta", "delta": 5}))
            await self._send(json.dumps({"type": "of.the.future", "event_id": "x"}))
            await self._event("session.updated", session=self._session())
        if "fail" in faults:
            error = {"type": "insufficient_quota", "code": "insufficient_quota"}
            await self._finish("failed", error=error)
            return
        turn = Turn(
            self._last.audio, self._last.text, self._last.output, len(self.journal.responses)
        )
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
        if response is self._response:
            await self._finish("completed")
        if "expire" in faults:
            raise Broken(1001, "Your session hit the maximum duration of 60 minutes.")
        if "vanish" in faults:
            raise Broken(None)

    async def _call(self, response: Response, call: Call, number: int) -> None:
        item = self._new("item")
        common = {"response_id": response.id, "item_id": item, "output_index": number}
        call_id = self._new("call")
        body = {"id": item, "type": "function_call", "name": call.name, "call_id": call_id}
        await self._event(
            "response.output_item.added",
            response_id=response.id,
            output_index=number,
            item={**body, "arguments": ""},
        )
        await self._event(
            "response.function_call_arguments.done",
            **common,
            call_id=call_id,
            name=call.name,
            arguments=call.arguments,
        )
        await self._event(
            "response.output_item.done",
            response_id=response.id,
            output_index=number,
            item={**body, "arguments": call.arguments},
        )

    async def _speak(self, response: Response, speech: Speech, number: int) -> None:
        item = self._new("item")
        self._items[item] = 0
        body = {"id": item, "type": "message", "role": "assistant", "content": []}
        common = {"response_id": response.id, "item_id": item, "output_index": number}
        await self._event(
            "response.output_item.added", response_id=response.id, output_index=number, item=body
        )
        await self._event("conversation.item.added", item=body, previous_item_id=None)
        await self._event(
            "response.content_part.added", **common, content_index=0, part={"type": "audio"}
        )
        pcm = speech.pcm * (int(3600 * RATE * 2 / len(speech.pcm)) if self._hour else 1)
        _, encode = self._converters()
        step = RATE * DELTA_MS // 1000 * 2
        due = time.monotonic()
        for begin in range(0, len(pcm), step):
            piece = pcm[begin : begin + step]
            data = encode.feed(piece) + (encode.end() if begin + step >= len(pcm) else b"")
            cancelled = response is not self._response
            if cancelled and "late" not in self._manner.faults:
                return
            # Before it is sent: once the client has it, the client may truncate it.
            if item in self._items and not cancelled:
                self._items[item] += len(piece) * 1000 // (2 * RATE)
            response.sent.append(time.monotonic())
            await self._event(
                "response.output_audio.delta",
                **common,
                content_index=0,
                delta=base64.b64encode(data).decode(),
            )
            if cancelled:
                return
            due += 0 if self._hour else DELTA_MS / 1000 / self._manner.speed
            await asyncio.sleep(due - time.monotonic())
        if response is not self._response:
            return
        await self._event("response.output_audio.done", **common, content_index=0)
        await self._event(
            "response.output_audio_transcript.done",
            **common,
            content_index=0,
            transcript=speech.words,
        )
        await self._event(
            "response.content_part.done", **common, content_index=0, part={"type": "audio"}
        )
        await self._event(
            "response.output_item.done", response_id=response.id, output_index=number, item=body
        )
        await self._event("conversation.item.done", item=body, previous_item_id=None)

    async def _finish(self, status: str, reason: str = "", error: Any = None) -> None:
        response, self._response = self._response, None
        if response is None:
            return
        response.status = status
        body = self._response_body(response)
        if reason or error:
            body["status_details"] = {"type": status}
            body["status_details"] |= {"reason": reason} if reason else {"error": error}
        if status == "completed":
            body["usage"] = {"total_tokens": 10 * len(response.sent)}
        await self._event("response.done", response=body)

    # Words

    @property
    def _hour(self) -> bool:
        return "hour" in self._manner.faults

    def _new(self, kind: str) -> str:
        return f"{kind}_{next(self._numbers)}"

    def _session(self) -> dict[str, Any]:
        return {"type": "realtime", "id": "sess_1", "object": "realtime.session", "model": "fake"}

    def _response_body(self, response: Response) -> dict[str, Any]:
        return {"id": response.id, "object": "realtime.response", "status": response.status} | {
            "output": []
        }

    async def _item_events(self, item: dict[str, Any]) -> None:
        await self._event("conversation.item.added", item=item, previous_item_id=None)
        await self._event("conversation.item.done", item=item, previous_item_id=None)

    async def _error(self, cause: dict[str, Any], code: str, message: str = "") -> None:
        self.journal.errors.append(f"{code} after {cause.get('type')}: {message}")
        error = {"type": "invalid_request_error", "code": code, "message": message or code}
        await self._event("error", error={**error, "event_id": cause.get("event_id")})

    async def _event(self, kind: str, **fields: Any) -> None:
        await self._send(json.dumps({"type": kind, "event_id": self._new("event"), **fields}))
