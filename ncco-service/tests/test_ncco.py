"""The NCCO's models: what this service sends is valid, anything else is explained."""

from typing import Any

import pytest
from ncco_service.ncco.validation import problems_of
from ncco_service.ncco.warnings import warnings_of

URL = "https://host.example/x"
TALK = {"action": "talk", "text": "hello"}
NO_TYPE = {"type": "websocket", "uri": "wss://host.example/socket"}
SOCKET = {
    "type": "websocket",
    "uri": "wss://host.example/socket",
    "content-type": "audio/l16;rate=16000",
}


def connect(**fields: Any) -> dict[str, Any]:
    """Make a connect to a websocket with further fields."""
    return {"action": "connect", "endpoint": [SOCKET], **fields}


def to(**fields: Any) -> dict[str, Any]:
    """Make a connect to a websocket with further endpoint fields."""
    return {"action": "connect", "endpoint": [SOCKET | fields]}


@pytest.mark.parametrize(
    "action",
    [
        {
            "action": "talk",
            "text": "<speak>Hello</speak>",
            "language": "en-GB",
            "style": 2,
            "premium": True,
            "bargeIn": False,
            "loop": 0,
            "level": -0.5,
        },
        {"action": "stream", "streamUrl": [URL], "level": 1, "bargeIn": True, "loop": 2},
        {
            "action": "record",
            "format": "wav",
            "split": "conversation",
            "channels": 32,
            "endOnSilence": 3,
            "endOnKey": "#",
            "timeOut": 7200,
            "beepStart": True,
            "eventUrl": [URL],
            "eventMethod": "GET",
            "transcription": {"language": "en-US", "eventUrl": [URL], "eventMethod": "POST"},
        },
        {
            "action": "conversation",
            "name": "room",
            "musicOnHoldUrl": [URL],
            "startOnEnter": False,
            "endOnExit": True,
            "record": True,
            "canSpeak": ["a"],
            "canHear": [],
            "mute": False,
        },
        connect(
            **{"from": "447700900000"},
            eventType="synchronous",
            eventUrl=[URL],
            eventMethod="POST",
            timeout=3,
            limit=7200,
            ringbackTone=URL,
        ),
        connect(randomFromNumber=True),
        to(headers={"uuid": "u", "n": 1, "deep": {"list": [True, 1.5]}}),
        to(uri="ws://localhost:8001/socket?x=y", **{"content-type": "audio/l16;rate=24000"}),
        to(authorization={"type": "vonage"}),
        to(authorization={"type": "custom", "value": "Bearer x"}),
        {
            "action": "input",
            "type": ["dtmf", "speech"],
            "dtmf": {"timeOut": 0, "maxDigits": 20, "submitOnHash": True},
            "speech": {
                "uuid": ["u"],
                "endOnSilence": 0.4,
                "language": "en-GB",
                "context": ["yes"],
                "startTimeout": 60,
                "maxDuration": 1,
                "saveAudio": True,
                "sensitivity": 90,
            },
            "mode": "asynchronous",
            "eventUrl": [URL],
        },
        {"action": "notify", "payload": {"a": None}, "eventUrl": [URL], "eventMethod": "POST"},
        {"action": "wait", "timeout": 0.1},
    ],
)
def test_documented_actions_pass(action: dict[str, Any]) -> None:
    """Every action that this service sends, with every field of the reference, is accepted."""
    assert problems_of([action]) == []


@pytest.mark.parametrize(
    ("action", "problem"),
    [
        ({"text": "hi"}, "action 1: action: saw nothing; allowed: talk, stream"),
        ({"action": "hangup"}, 'action 1: action: saw "hangup"; allowed: talk, stream'),
        ({"action": "talk"}, "action 1 (talk): text: saw nothing; allowed: this field is required"),
        ("talk", 'action 1: saw "talk"; allowed: an object'),
        (
            {"action": "talk", "text": "x" * 1501},
            "allowed: 1 to 1500 characters outside SSML tags; there are 1501",
        ),
        ({"action": "talk", "text": "<speak></speak>"}, "there are 0"),
        ({"action": "talk", "text": "hi", "bargein": True}, 'did you mean "bargeIn"?'),
        ({"action": "talk", "text": "hi", "langauge": "de"}, 'did you mean "language"?'),
        ({"action": "talk", "text": "hi", "loop": "x"}, 'loop: saw "x"; allowed: a valid integer'),
        ({"action": "talk", "text": "hi", "loop": "-1"}, "loop: saw"),
        ({"action": "talk", "text": "hi", "loop": True}, "loop: saw true; allowed: a valid int"),
        ({"action": "talk", "text": "hi", "level": 2}, "level: saw 2; allowed: less than or equal"),
        ({"action": "talk", "text": "hi", "language": "english!"}, "a language tag such as en-GB"),
        ({"action": "stream", "streamUrl": URL}, "streamUrl: saw"),
        ({"action": "stream", "streamUrl": []}, "streamUrl: saw []; allowed: a list of at least 1"),
        ({"action": "record", "channels": 33}, "channels: saw 33; allowed: less than or equal to"),
        ({"action": "record", "endOnKey": "12"}, 'endOnKey: saw "12"'),
        ({"action": "wait", "timeout": "long"}, 'timeout: saw "long"; allowed: a valid number'),
        ({"action": "input", "type": ["fax"]}, 'type[0]: saw "fax"; allowed: "dtmf" or "speech"'),
        (
            {"action": "input", "type": ["dtmf"], "dtmf": {"maxDigits": 21}},
            "maxDigits: saw 21",
        ),
        (
            {"action": "input", "type": ["dtmf"], "dtmf": {"maxDigit": 2}},
            'dtmf.maxDigit: saw this name, which Vonage does not know; did you mean "maxDigits"?',
        ),
        ({"action": "notify", "payload": {}}, "eventUrl: saw nothing"),
        (connect(eventUrl=URL), f'eventUrl: saw "{URL}"; allowed: a valid list'),
        (connect(eventUrl=[URL, URL]), "allowed: a list of at most 1"),
        (connect(eventUrl=["host/x"]), 'eventUrl[0]: saw "host/x"; allowed: an absolute URL'),
        (connect(eventType="async"), 'eventType: saw "async"; allowed: "synchronous"'),
        (connect(limit=7201), "limit: saw 7201; allowed: less than or equal to 7200"),
        (connect(**{"from": 447700900000}), "from: saw"),
        (
            connect(evenUrl=[URL]),
            "evenUrl: saw this name, which Vonage does not know; did you mean",
        ),
        (connect(event_url=[URL]), 'did you mean "eventUrl"?'),
        (connect(timeOut=5), 'did you mean "timeout"?'),
        (connect(form="447700900000"), 'did you mean "from"?'),
        (connect(**{"from": "447700900000"}, randomFromNumber=True), 'either "from" or'),
        ({"action": "connect", "endpoint": []}, "endpoint: saw []; allowed: a list of at least 1"),
        ({"action": "connect", "endpoint": [SOCKET, SOCKET]}, "allowed: a list of at most 1"),
        (to(type="websockets"), 'endpoint[0].type: saw "websockets"; allowed: "websocket"'),
        ({"action": "pay"}, 'action: saw "pay"; allowed: talk, stream'),
        (to(uri="https://host/socket"), "endpoint[0].uri: saw"),
        (to(uri="https://host/socket"), "beginning with ws:// or wss://"),
        (to(uri="wss://host/socket#x"), "without a # part"),
        (to(uri="wss:///socket"), "beginning with ws:// or wss://"),
        (
            to(**{"content-type": "audio/l16;rate=44100"}),
            'endpoint[0].content-type: saw "audio/l16;rate=44100"; allowed: "audio/l16;rate=8000", '
            '"audio/l16;rate=16000", "audio/l16;rate=24000"',
        ),
        (
            connect(endpoint=[NO_TYPE | {"contentType": "x"}]),
            "endpoint[0].contentType: saw this name, which Vonage does not know; "
            'did you mean "content-type"?',
        ),
        (to(headers={"k": "x" * 505}), "at most 512 bytes as JSON; these are 513"),
        (to(headers={"event": "x"}), "keys other than 'event', which the platform uses itself"),
        (to(headers={"content-type": "x"}), "keys other than 'content-type'"),
        (to(headers={"a": [{"b": None}]}), "but no null"),
        (to(authorization={"type": "basic"}), "endpoint[0].authorization.type: saw (a value"),
        (to(authorization={"type": "custom"}), 'a "value" beside the type "custom"'),
        (to(authorization={"type": "custom", "value": "ä-secret"}), "printable ASCII"),
    ],
)
def test_what_the_platform_refuses_is_explained(action: Any, problem: str) -> None:
    """The line has the action, the field, what was seen, what is allowed."""
    lines = problems_of([action])
    assert len(lines) == 1
    assert problem in lines[0]
    assert lines[0].startswith("action 1")


def test_headers_of_exactly_512_bytes_pass() -> None:
    """The limit counts bytes of compact JSON, not characters."""
    assert problems_of([to(headers={"k": "x" * 504})]) == []
    assert problems_of([to(headers={"k": "é" * 252})]) == []
    assert "these are 514" in problems_of([to(headers={"k": "é" * 253})])[0]


def test_secrets_are_not_shown() -> None:
    """A wrong authorization is named without its value."""
    lines = problems_of([to(authorization={"type": "custom", "value": "sesam\n"})])
    assert "sesam" not in "".join(lines)


def test_all_problems_are_listed() -> None:
    """Every problem is listed, not only the first."""
    lines = problems_of(
        [
            {"action": "talk", "text": "", "loop": -1},
            to(uri="x", headers={"event": 1}),
        ]
    )
    assert [line.partition(": saw")[0] for line in lines] == [
        "action 1 (talk): text",
        "action 1 (talk): loop",
        "action 2 (connect): endpoint[0].uri",
        "action 2 (connect): endpoint[0].headers",
    ]


@pytest.mark.parametrize(
    "action",
    [
        connect(timeout="45", limit="600", randomFromNumber="0", advancedMachineDetection={"a": 1}),
        connect(randomFromNumber="false", advanced_machine_detection={}, machineDetection="hangup"),
        to(headers={}),
        to(**{"content-type": "audio/l16; rate=16000"}),
        to(**{"content-type": "audio/l16;rate=8000;charset=utf-8"}),
        {"action": "talk", "text": "hi", "loop": "2", "level": "0.4", "provider": "x"},
        {"action": "record", "endOnSilence": "3", "transcription": {"sentimentAnalysis": True}},
        {"action": "input", "type": ["speech"], "speech": {"provider": {"name": "google"}}},
        {"action": "wait", "timeout": 9999},
        {"action": "talk", "text": "hi", "loop": 2.0, "premium": 0, "bargeIn": None},
        to(headers=None, authorization=None),
    ],
)
def test_what_sdks_send_is_fine(action: dict[str, Any]) -> None:
    """Numbers and booleans as strings, what is null, and fields of newer SDKs are accepted."""
    action = action | ({"eventType": "synchronous"} if action["action"] == "connect" else {})
    assert problems_of([action]) == []
    assert warnings_of([action]) == []


@pytest.mark.parametrize(
    ("document", "warning"),
    [
        ([connect(**{"from": "Vonage"})], "the person called sees an unknown number"),
        ([connect(**{"from": "123456"})], "the person called sees an unknown number"),
        ([connect(**{"from": "+447700900000"})], "the person called sees an unknown number"),
        ([connect(endpoint=[NO_TYPE])], "no content-type: the platform sends audio/l16;rate=16000"),
        ([TALK | {"voiceName": "Amy"}], "action 1 (talk): voiceName is not in Vonage's NCCO refer"),
        (
            [to(number="447700900000")],
            "endpoint[0].number is not in Vonage's NCCO reference; it is",
        ),
        (
            [TALK | {"bargeIn": True}],
            "bargeIn needs an input as the next action that is not spoken",
        ),
        ([TALK | {"bargeIn": "true"}, TALK, connect()], "and connect follows"),
        ([connect(), TALK], "1 more after a websocket: the platform plays what follows while the"),
        ([connect()], 'without "eventType": "synchronous" no answer to an event counts'),
    ],
)
def test_what_is_accepted_but_hardly_meant_is_a_warning(document: Any, warning: str) -> None:
    """The document is used as it is, and the line says what becomes of it."""
    assert problems_of(document) == []
    assert any(warning in line for line in warnings_of(document)), warnings_of(document)


def test_a_barge_in_with_its_input_is_fine() -> None:
    """Behind talks with bargeIn, which may be several, stands an input."""
    barge_in = TALK | {"bargeIn": True}
    assert warnings_of([barge_in, barge_in, {"action": "input", "type": ["dtmf"]}]) == []


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        (
            "ws://$hostname/socket",
            "instead of $hostname, which looks like a placeholder; did you mean",
        ),
        ("wss://{{ host }}/socket", 'did you mean "${socket_url}"?'),
        ("wss://<your-host>/socket", "<your-host>, which looks like a placeholder"),
        ("wss://%HOST%/socket", "%HOST%, which looks like a placeholder"),
        ("wss://#{host}/socket", "#{host}, which looks like a placeholder"),
        ("wss://$(hostname)/socket", "$(hostname), which looks like a placeholder"),
        ("wss://%s/socket", "%s, which looks like a placeholder"),
        ("wss://YOUR_HOST/socket", "YOUR_HOST, which looks like a placeholder"),
        ("wss://your-domain.example/", "your-domain, which looks like a placeholder"),
        ("wss://xxxx.ngrok.app/socket", "xxxx, which looks like a placeholder"),
        ("wss://undefined/socket", "undefined, which looks like a placeholder"),
        ("{{socket_url}}", "{{socket_url}}, which looks like a placeholder"),
        ("wss://host.example/\u200b", "without the invisible character at place 20"),
        ("wss://host.example/socket\n", "without the line break at its end"),
        ("wss://host.example/a socket", "without the blank at place 21"),
        ("wss://https://host.example/socket", "there are two, wss:// and https://"),
        ("wss://ho*st.example/", "with the name or address of a host"),
    ],
)
def test_what_is_wrong_with_a_url_is_named(uri: str, why: str) -> None:
    """An invalid host, a blank, a line break and two schemes have messages of their own."""
    (line,) = problems_of([to(uri=uri)])
    assert line.startswith("action 1 (connect): endpoint[0].uri: saw")
    assert why in line


@pytest.mark.parametrize(
    "uri",
    [
        "ws://echo_service:8001/",
        "wss://münchen.example/",
        "ws://[::1]/",
        "wss://yours.null.example",
    ],
)
def test_unusual_hosts_pass(uri: str) -> None:
    """Names of containers, of other alphabets, and addresses are hosts."""
    assert problems_of([to(uri=uri)]) == []


@pytest.mark.parametrize("document", [{}, "talk", None, 3, []])
def test_only_a_list_of_actions_is_a_document(document: object) -> None:
    """Anything else is refused with one line."""
    (line,) = problems_of(document)
    assert "allowed: " in line
