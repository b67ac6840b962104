"""The official client talks to the fake model, which is then not only our idea of the protocol."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import pytest
from assistant.fake.manners import ANSWERS, Manner
from assistant.fake.server import serving, url_of
from assistant.fake.voice import say
from openai import AsyncOpenAI
from openai.types.realtime import RealtimeServerEvent
from pydantic import TypeAdapter

EVENTS: TypeAdapter[Any] = TypeAdapter(RealtimeServerEvent)


async def exchange(manner: Manner, detection: dict[str, Any] | None) -> list[Any]:
    """Say something, interrupt the answer, ask again, and return all events, each valid."""
    events: list[Any] = []
    async with (
        serving(manner) as server,
        AsyncOpenAI(
            api_key="x", websocket_base_url=url_of(server).removesuffix("/realtime")
        ) as client,
        client.realtime.connect(model="fake") as connection,
    ):
        pcm = {"type": "audio/pcm", "rate": 24000}
        audio = {"input": {"format": pcm, "turn_detection": detection}, "output": {"format": pcm}}
        session: Any = {"type": "realtime", "audio": audio}
        await connection.session.update(session=session)
        sound = bytes(24000) + say("Hello. What is the time?") + bytes(96000)
        for begin in range(0, len(sound), 4800):
            piece = base64.b64encode(sound[begin : begin + 4800]).decode()
            await connection.input_audio_buffer.append(audio=piece)
        if detection is None:
            await connection.input_audio_buffer.commit()
            await connection.response.create()
        truncated = False
        async with asyncio.timeout(60):
            async for event in connection:
                EVENTS.validate_python(event.model_dump(exclude_unset=True))
                events.append(event)
                if event.type == "response.output_audio.delta" and not truncated:
                    truncated = True
                    await connection.response.cancel()
                    await connection.conversation.item.truncate(
                        item_id=event.item_id, content_index=0, audio_end_ms=60
                    )
                    await connection.conversation.item.create(
                        item={
                            "type": "message",
                            "role": "user",
                            "content": [{"type": "input_text", "text": "And in writing?"}],
                        }
                    )
                    await connection.response.create()
                if event.type == "response.done" and event.response.status == "completed":
                    return events
    return events


@pytest.mark.parametrize(
    "detection",
    [{"type": "server_vad", "silence_duration_ms": 900}, None],
    ids=["server", "client"],
)
async def test_the_official_client_is_satisfied(detection: dict[str, Any] | None) -> None:
    """It hears a turn, an answer, a cancelled one, a truncated item and another answer."""
    events = await exchange(Manner(ANSWERS["polite"]), detection)
    kinds = [event.type for event in events]
    expected = [
        "session.created",
        "session.updated",
        "input_audio_buffer.committed",
        "conversation.item.added",
        "conversation.item.done",
        "response.created",
        "response.output_item.added",
        "response.content_part.added",
        "response.output_audio.delta",
        "response.done",
        "conversation.item.truncated",
        "response.created",
        "response.output_audio.done",
        "response.output_audio_transcript.done",
        "response.output_item.done",
        "response.done",
    ]
    rest = iter(kinds)
    assert all(kind in rest for kind in expected), kinds
    assert "error" not in kinds
    assert ("input_audio_buffer.speech_started" in kinds) == (detection is not None)
    statuses = [event.response.status for event in events if event.type == "response.done"]
    assert statuses == ["cancelled", "completed"]


async def test_functions_are_called_as_the_client_knows_them() -> None:
    """Two calls in one response, with names, ids and arguments."""
    events = []
    async with (
        serving(Manner(ANSWERS["functions"])) as server,
        AsyncOpenAI(
            api_key="x", websocket_base_url=url_of(server).removesuffix("/realtime")
        ) as client,
        client.realtime.connect(model="fake") as connection,
    ):
        await connection.response.create()
        async with asyncio.timeout(60):
            async for event in connection:
                EVENTS.validate_python(event.model_dump(exclude_unset=True))
                events.append(event)
                if event.type == "response.done":
                    break
    calls = [e for e in events if e.type == "response.function_call_arguments.done"]
    assert [(call.name, call.arguments) for call in calls] == [
        ("add", '{"a": 2, "b": 3}'),
        ("fail", "{}"),
    ]
