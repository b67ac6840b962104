"""The platform's rules for an NCCO."""

import copy
import json
from typing import Any

import pytest
from phone.platform.actions import Connect, WebSocket
from phone.platform.ncco import NccoError, parse, spoken_seconds

TALK = {"action": "talk", "text": "Hello."}
CONNECT: dict[str, Any] = {
    "action": "connect",
    "eventType": "synchronous",
    "eventUrl": ["https://example.com/events"],
    "from": "447700900000",
    "endpoint": [
        {
            "type": "websocket",
            "uri": "wss://example.com/socket",
            "content-type": "audio/l16;rate=16000",
            "headers": {"uuid": "x", "nested": {"list": [1, True, "a"]}},
        }
    ],
}


def refused(document: object) -> str:
    """Return why an NCCO is refused."""
    with pytest.raises(NccoError) as caught:
        parse(json.dumps(document).encode())
    return str(caught.value)


def endpoint(**changes: Any) -> list[dict[str, Any]]:
    """Return an NCCO whose websocket endpoint is changed; underscores stand for hyphens."""
    document = copy.deepcopy(CONNECT)
    for name, value in changes.items():
        key = name.replace("_", "-")
        if value is None:
            del document["endpoint"][0][key]
        else:
            document["endpoint"][0][key] = value
    return [document]


def test_a_good_one() -> None:
    """Talk, then connect, is taken without a warning."""
    ncco = parse(json.dumps([TALK, CONNECT]).encode())
    assert ncco.names == "talk, connect"
    assert ncco.warnings == ()
    connect = ncco.actions[1]
    assert isinstance(connect, Connect)
    assert isinstance(connect.endpoint[0], WebSocket)
    assert connect.endpoint[0].rate == 16000


@pytest.mark.parametrize(
    "action",
    [
        {"action": "stream", "streamUrl": ["https://example.com/a.mp3"], "level": -0.5},
        {"action": "record", "format": "wav", "endOnSilence": 3, "beepStart": True},
        {"action": "conversation", "name": "room"},
        {"action": "input", "type": ["dtmf"], "dtmf": {"maxDigits": 1}},
        {"action": "notify", "payload": {}, "eventUrl": ["https://example.com/"]},
        {"action": "wait", "timeout": 0.5},
        {"action": "wait", "timeout": 9999},
        {"action": "transfer", "conversationId": "CON-1"},
        {"action": "connect", "endpoint": [{"type": "phone", "number": "447700900001"}]},
        {"action": "connect", "endpoint": [{"type": "sip", "uri": "sip:a@example.com"}]},
        {"action": "talk", "text": "<speak>" + "a" * 1500 + "</speak>", "loop": 0},
    ],
)
def test_every_action(action: dict[str, Any]) -> None:
    """Each action of the reference is taken."""
    assert len(parse(json.dumps([action]).encode()).actions) == 1


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ({"action": "talk"}, "an NCCO is an array"),
        (["talk"], "[0]: an action is an object"),
        ([{}], "[0].action: must be one of talk"),
        ([{"action": "hangup"}], "[0].action: must be one of talk"),
        ([{"action": ["talk"]}], "[0].action: must be one of talk"),
        ([{"action": "talk"}], "[0].text: is required"),
        ([{"action": "talk", "text": ""}], "[0].text"),
        ([{"action": "talk", "text": "a" * 1501}], "[0].text: must be at most 1500 characters"),
        ([{"action": "talk", "text": 5}], "[0].text: input should be a valid string (seen: 5)"),
        ([{"action": "talk", "text": "a", "level": 2}], "[0].level"),
        ([TALK] * 101, "more than 100"),
        ([TALK, CONNECT | {"endpoint": []}], "[1].endpoint"),
        ([CONNECT | {"endpoint": CONNECT["endpoint"] * 2}], "[0].endpoint"),
        ([CONNECT | {"endpoint": CONNECT["endpoint"][0]}], "[0].endpoint"),
        ([CONNECT | {"eventUrl": "https://example.com"}], "[0].eventUrl"),
        ([CONNECT | {"eventUrl": ["/events"]}], "[0].eventUrl: must be an absolute"),
        ([CONNECT | {"eventMethod": "PUT"}], "[0].eventMethod"),
        ([CONNECT | {"eventType": "asynchronous"}], "[0].eventType"),
        ([CONNECT | {"from": "+447700900000"}], "[0].from"),
        ([CONNECT | {"randomFromNumber": True}], "from or randomFromNumber"),
        ([CONNECT | {"limit": 7201}], "[0].limit"),
        ([CONNECT | {"timeout": "60"}], "[0].timeout"),
        (endpoint(type="web"), "[0].endpoint[0]"),
        (endpoint(uri="https://example.com"), "[0].endpoint[0].uri: must be an absolute ws://"),
        (endpoint(uri="/socket"), "[0].endpoint[0].uri"),
        (endpoint(uri="ws://host:port/"), "[0].endpoint[0].uri"),
        (endpoint(uri="ws://host/#a"), "must have no fragment"),
        (endpoint(content_type=None), "[0].endpoint[0].content-type: is required"),
        (endpoint(content_type="audio/l16; rate=16000"), "must be one of audio/l16;rate=8000"),
        (endpoint(content_type="audio/l16;rate=44100"), "[0].endpoint[0].content-type"),
        (endpoint(headers={"a": "b" * 512}), "must be at most 512 bytes"),
        (endpoint(headers={"a": None}), "must not hold null"),
        (endpoint(headers={"a": [{"b": None}]}), "must not hold null"),
        (endpoint(headers={"event": "x"}), "must not hold 'event'"),
        (endpoint(headers=["a"]), "[0].endpoint[0].headers"),
        (endpoint(authorization={"type": "basic"}), "[0].endpoint[0].authorization.type"),
        (endpoint(authorization={"type": "custom"}), "needs a value"),
        (endpoint(authorization={"type": "custom", "value": "é"}), "printable ASCII"),
        (endpoint(authorization={"type": "custom", "value": "a" * 8192}), "shorter than 8192"),
        ([{"action": "stream", "streamUrl": ["file:///a"]}], "[0].streamUrl"),
        ([{"action": "notify", "payload": {}}], "[0].eventUrl: is required"),
        ([{"action": "input", "type": ["dtmf"], "dtmf": {"maxDigits": 21}}], "[0].dtmf.maxDigits"),
        ([{"action": "record", "endOnSilence": 2}], "[0].endOnSilence"),
    ],
)
def test_refused(document: object, why: str) -> None:
    """What breaks a rule is refused, and the field is named."""
    assert why in refused(document)


def test_headers_of_512_bytes() -> None:
    """The limit itself is allowed."""
    longest = {"a": "b" * (512 - len('{"a":""}'))}
    assert parse(json.dumps(endpoint(headers=longest)).encode()).actions


def test_misnamed_fields_are_explained() -> None:
    """A field under a library's name is not the field; the message knows that name."""
    document = endpoint(content_type=None, contentType="audio/l16;rate=8000")
    document[0]["endpoint"][0]["contentType"] = document[0]["endpoint"][0].pop("contentType", "x")
    assert "'contentType', which the platform does not know" in refused(document)


@pytest.mark.parametrize(
    ("document", "warning"),
    [
        ([TALK | {"voiceName": "Amy"}], "[0].voiceName is not in the NCCO reference"),
        ([CONNECT | {"event_url": ["x"]}], "is eventUrl meant?"),
        ([CONNECT | {"timeOut": 5}], "is timeout meant?"),
        (endpoint(header={"a": 1}), "[0].endpoint[0].header is not in the NCCO reference"),
        ([CONNECT, TALK], "[1] stands behind a connect to a WebSocket"),
        ([{k: v for k, v in CONNECT.items() if k != "eventType"}], "no eventType synchronous"),
    ],
)
def test_warnings(document: object, warning: str) -> None:
    """What is allowed but unwise, or unknown, is said."""
    warnings = parse(json.dumps(document).encode()).warnings
    assert any(warning in text for text in warnings), warnings


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xff\xfe",
        b"[" * 200_000,
        b"[1e999]",
        b"null",
        b'[{"action":"talk","text":"\\ud800"}]',
    ],
)
def test_garbage(body: bytes) -> None:
    """Garbage is refused as an NCCO, never with another exception."""
    with pytest.raises(NccoError):
        parse(body)


def test_deep_headers_are_refused() -> None:
    """Headers nested a thousand deep are refused, not crashed on."""
    deep: Any = "x"
    for _ in range(200):
        deep = [deep]
    assert parse(json.dumps(endpoint(headers={"a": deep})).encode()).actions
    for _ in range(700):
        deep = [deep]
    assert refused(endpoint(headers={"a": deep}))


def test_speaking_takes_its_time() -> None:
    """A sentence takes seconds."""
    assert 1 < spoken_seconds("Hello, this is a test of time.") < 4
