"""The protocol: what is sent is valid to the official client's models; what comes is understood."""

from __future__ import annotations

import json
from typing import Any

import pytest
from assistant import protocol
from assistant.fake.judge import MODELS, judge

TOOL = {"type": "function", "name": "f", "description": "d", "parameters": {"type": "object"}}


@pytest.mark.parametrize(
    "message",
    [
        protocol.session_update(protocol.Session()),
        protocol.session_update(protocol.Session("pcmu", "semantic_vad", voice="marin")),
        protocol.session_update(protocol.Session("pcma", None, transcription_model="whisper-1")),
        protocol.session_update(protocol.Session(instructions="Be kind.", tools=[TOOL])),
        protocol.append(b"\x00\x01\xff"),
        protocol.commit(),
        protocol.clear_input(),
        protocol.create("create-1"),
        protocol.create("create-1", "Say hello."),
        protocol.cancel("r1", "cancel-1"),
        protocol.cancel(None, "cancel-1"),
        protocol.truncate("a1", 340),
        protocol.delete("a1"),
        protocol.user_text("5"),
        protocol.assistant_text("Hello."),
        protocol.function_output("c1", "{}"),
    ],
)
def test_messages_are_valid(message: str) -> None:
    """Each is accepted strictly, with no field that the models do not know."""
    assert len(MODELS) > 8, "the official client is not installed"
    assert judge(json.loads(message)) is None


@pytest.mark.parametrize(
    "message",
    [
        {"type": "session.update", "session": {"type": "realtime", "voice": "marin"}},
        {"type": "conversation.item.truncate", "item_id": "a", "audio_end_ms": 1},
        {"type": "response.create", "event": "x"},
        {"type": "input_audio_buffer.add", "audio": ""},
    ],
)
def test_the_judge_is_strict(message: dict[str, Any]) -> None:
    """It refuses the beta's shape, missing fields, unknown fields, and unknown types."""
    assert judge(message) is not None


def test_nothing_is_answered_by_the_server_itself() -> None:
    """Responses and interruptions are ours, in both shapes; PCM always has its rate."""
    ga = json.loads(protocol.session_update(protocol.Session()))["session"]
    beta = json.loads(protocol.session_update(protocol.Session(), "beta"))["session"]
    for detection in (ga["audio"]["input"]["turn_detection"], beta["turn_detection"]):
        assert (detection["create_response"], detection["interrupt_response"]) == (False, False)
    assert ga["audio"]["output"]["format"] == {"type": "audio/pcm", "rate": 24000}
    assert beta["input_audio_format"] == "pcm16"
    assert (
        json.loads(protocol.session_update(protocol.Session(turn_detection=None)))["session"][
            "audio"
        ]["input"]["turn_detection"]
        is None
    )


@pytest.mark.parametrize("name", ["response.audio", "response.output_audio"])
def test_both_names_of_audio_are_understood(name: str) -> None:
    """The beta's and today's."""
    common = {"response_id": "r", "item_id": "a", "output_index": 0, "content_index": 0}
    delta = {"type": f"{name}.delta", "delta": "AAE=", **common}
    assert protocol.parse(json.dumps(delta)) == protocol.Audio("r", "a", b"\x00\x01")
    assert protocol.parse(json.dumps({"type": f"{name}.done", **common})) == protocol.AudioDone(
        "r", "a"
    )
    words = {"type": f"{name}_transcript.done", "transcript": "Hi", **common}
    assert protocol.parse(json.dumps(words)) == protocol.Spoken("r", "a", "Hi")


def test_the_end_of_a_response_says_why() -> None:
    """Status, reason and tokens, where there are any."""
    body: dict[str, Any] = {
        "id": "r",
        "status": "failed",
        "status_details": {"error": {"code": "insufficient_quota"}},
    }
    parsed = protocol.parse(json.dumps({"type": "response.done", "response": body}))
    assert parsed == protocol.ResponseDone("r", "failed", "insufficient_quota", None)
    body = {"id": "r", "status": "completed", "status_details": None, "usage": {"total_tokens": 7}}
    parsed = protocol.parse(json.dumps({"type": "response.done", "response": body}))
    assert parsed == protocol.ResponseDone("r", "completed", "", 7)


@pytest.mark.parametrize(
    "text",
    [
        "no JSON",
        b"\xff",
        "[]",
        "5",
        "null",
        '{"no": "type"}',
        '{"type": 5}',
        '{"type": "response.output_audio.delta", "delta": 5}',
        '{"type": "response.output_audio.delta", "response_id": "r", "item_id": "a", "delta": "!"}',
        '{"type": "response.done", "response": null}',
        '{"type": "error", "error": "oh"}',
        "[" * 100_000,
    ],
)
def test_what_is_none_of_it_is_an_error_of_its_own(text: str | bytes) -> None:
    """Nothing else is raised, whatever comes."""
    with pytest.raises(protocol.ProtocolError):
        protocol.parse(text)


GOOD: dict[str, dict[str, Any]] = {
    "response.output_audio.delta": {"response_id": "r", "item_id": "i", "delta": "AAE="},
    "response.output_audio.done": {"response_id": "r", "item_id": "i"},
    "response.output_audio_transcript.done": {"response_id": "r", "item_id": "i"}
    | {"transcript": "t"},
    "input_audio_buffer.speech_started": {"audio_start_ms": 1, "item_id": "i"},
    "input_audio_buffer.speech_stopped": {"audio_end_ms": 1, "item_id": "i"},
    "input_audio_buffer.committed": {"item_id": "i"},
    "conversation.item.input_audio_transcription.completed": {"item_id": "i", "transcript": "t"},
    "response.created": {"response": {"id": "r"}},
    "response.done": {"response": {"id": "r", "status": "completed", "usage": {}}},
    "response.function_call_arguments.done": {"response_id": "r", "call_id": "c"}
    | {"name": "n", "arguments": "{}"},
    "conversation.item.truncated": {"item_id": "i", "audio_end_ms": 1},
    "error": {"error": {"code": "c", "message": "m", "event_id": "e"}},
}
HOSTILE: list[Any] = [
    None,
    True,
    -1,
    1e999,
    float("nan"),
    10**400,
    "x" * 5,
    [],
    [[]],
    {},
    {"id": []},
]


@pytest.mark.parametrize("kind", GOOD)
def test_no_field_has_another_type_than_promised(kind: str) -> None:
    """Whatever stands in a field: an error of its own, or an event of plain texts and numbers."""
    assert not isinstance(protocol.parse(json.dumps({"type": kind} | GOOD[kind])), protocol.Other)
    for name, value in GOOD[kind].items():
        inner: list[Any] = []
        if isinstance(value, dict):
            inner += [{**value, key: bad} for key in value for bad in HOSTILE]
            inner.append({**value, "usage": {"total_tokens": []}, "status_details": {"error": []}})
        for bad in [*HOSTILE, *inner]:
            try:
                event = protocol.parse(json.dumps({"type": kind} | GOOD[kind] | {name: bad}))
            except protocol.ProtocolError:
                continue
            for seen in vars(event).values():
                assert isinstance(seen, str | bytes | int | None), (name, bad)


def test_what_is_new_is_passed_over() -> None:
    """An event of a later version is no error."""
    assert protocol.parse('{"type": "of.the.future"}') == protocol.Other("of.the.future")
