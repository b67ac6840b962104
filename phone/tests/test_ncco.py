"""The platform's rules for an NCCO."""

import copy
import json
from typing import Any

import pytest
from phone.platform.ncco.actions import Connect, WebSocket
from phone.platform.ncco.document import NccoError, parse, parse_actions, spoken_seconds
from phone.platform.ncco.unsimulated import unsimulated

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
        ([CONNECT | {"from": 447700900000}], "[0].from"),
        ([CONNECT | {"randomFromNumber": True}], "from or randomFromNumber"),
        ([CONNECT | {"limit": 7201}], "[0].limit"),
        ([CONNECT | {"timeout": "60 s"}], "[0].timeout"),
        ([CONNECT | {"timeout": "0"}], "[0].timeout"),
        ([CONNECT | {"randomFromNumber": "no"}], "[0].randomFromNumber"),
        ([CONNECT | {"randomFromNumber": "1"}], "from or randomFromNumber"),
        (endpoint(type="web"), "[0].endpoint[0]"),
        (endpoint(uri="https://example.com"), "[0].endpoint[0].uri: must be an absolute ws://"),
        (endpoint(uri="/socket"), "[0].endpoint[0].uri"),
        (endpoint(uri="ws://host:port/"), "[0].endpoint[0].uri"),
        (endpoint(uri="ws://host/#a"), "must have no fragment"),
        (endpoint(content_type="audio/l16"), "must be one of audio/l16;rate=8000"),
        (endpoint(content_type="audio/wav;rate=16000"), "must be one of audio/l16;rate=8000"),
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


@pytest.mark.parametrize(
    "action",
    [
        CONNECT | {"timeout": "45", "limit": "600", "randomFromNumber": "0"},
        CONNECT | {"randomFromNumber": "false", "advancedMachineDetection": {"mode": "detect"}},
        CONNECT | {"advanced_machine_detection": {"behavior": "hangup"}},
        endpoint(headers={})[0],
        endpoint(content_type="audio/l16; rate=16000")[0],
        endpoint(content_type="audio/l16;rate=8000;charset=utf-8")[0],
        TALK | {"loop": "2", "level": "0.4", "premium": "true", "style": "1", "provider": "x"},
        {"action": "record", "endOnSilence": "3", "transcription": {"sentimentAnalysis": True}},
        {"action": "input", "type": ["speech"], "speech": {"provider": {"name": "google"}}},
        {"action": "input", "type": ["dtmf"], "dtmf": {"maxDigits": "4", "timeOut": "10"}},
        TALK | {"loop": 2.0, "premium": 0, "language": None, "bargeIn": None},
        CONNECT | {"limit": None, "ringbackTone": None},
        {"action": "connect", "endpoint": [{"type": "phone", "number": "447700900001",
                                            "dtmfAnswer": "1p2"}]},
    ],
)  # fmt: skip
def test_what_sdks_send_is_fine(action: dict[str, Any]) -> None:
    """Numbers and booleans as strings, what is null, and fields of newer SDKs are taken."""
    assert parse(json.dumps([action]).encode()).warnings == ()


def test_a_barge_in_with_its_input_is_fine() -> None:
    """Behind talks with bargeIn, which may be several, stands an input."""
    keys = {"action": "input", "type": ["dtmf"]}
    document = [TALK | {"bargeIn": "true"}, TALK | {"bargeIn": True}, keys]
    assert parse(json.dumps(document).encode()).warnings == ()


@pytest.mark.parametrize(
    ("uri", "why"),
    [
        ("ws://$hostname/socket", "$hostname in its host and port: a placeholder"),
        ("wss://${host}/socket", "${host} in its host and port: a placeholder"),
        ("wss://{{ host }}/socket", "{{ host }} in its host and port: a placeholder"),
        ("wss://<your-host>/socket", "<your-host> in its host and port: a placeholder"),
        ("wss://[your host]/socket", "[your host] in its host and port: a placeholder"),
        ("wss://…/socket", "… in its host and port: a placeholder"),
        ("wss://%HOST%/socket", "%HOST% in its host and port: a placeholder"),
        ("wss://#{host}/socket", "#{host} in its host and port: a placeholder"),
        ("wss://$(hostname)/socket", "$(hostname) in its host and port: a placeholder"),
        ("wss://%s/socket", "%s in its host and port: a placeholder"),
        ("wss://YOUR_HOST/socket", "YOUR_HOST in its host and port: a placeholder"),
        ("wss://your-domain.example/", "your-domain in its host and port: a placeholder"),
        ("wss://xxxx.ngrok.app/socket", "xxxx in its host and port: a placeholder"),
        ("wss://undefined/socket", "undefined in its host and port: a placeholder"),
        ("{{socket_url}}", "{{socket_url}} in its host and port: a placeholder"),
        ("wss://example.com/socket\u200b", "has an invisible character behind"),
        ("ws://localhost:$PORT/", "$PORT in its host and port: a placeholder"),
        ("wss://example.com/socket\n", "has a line break at its end"),
        (" wss://example.com/socket", "has a blank at its beginning"),
        ('wss://example.com/socket"', "has a quotation mark behind"),
        ("wss://example.com/a socket", "has a blank behind 'wss://example.com/a'"),
        ("wss://https://example.com/socket", "has two schemes, wss:// and https://"),
        ("wss://exa*mple.com/", "'exa*mple.com' for its host, which is no name"),
        ("wss://[::1/", "has no valid host and port"),
    ],
)
def test_hosts_that_are_none(uri: str, why: str) -> None:
    """What is wrong with a URL is named exactly, in a socket's and in a webhook's."""
    assert why in refused(endpoint(uri=uri))
    web = uri.replace("wss://", "https://", 1).replace("ws://", "https://", 1)
    assert why.replace("wss:", "https:") in refused([CONNECT | {"eventUrl": [web]}])


@pytest.mark.parametrize(
    "uri",
    [
        "ws://echo_service:8000/",
        "wss://münchen.example/",
        "ws://[::1]:80/",
        "ws://a.b./?{x}",
        "wss://yours.null.example/YOUR_CALL",
    ],
)
def test_unusual_hosts(uri: str) -> None:
    """Names of containers, of other alphabets, and addresses are hosts."""
    assert parse(json.dumps(endpoint(uri=uri)).encode()).warnings == ()


def test_headers_of_512_bytes() -> None:
    """The limit itself is allowed."""
    longest = {"a": "b" * (512 - len('{"a":""}'))}
    assert parse(json.dumps(endpoint(headers=longest)).encode()).actions


def test_the_rate_without_a_content_type() -> None:
    """An endpoint without content-type is taken, and 16 kHz is what comes."""
    connect = parse(json.dumps(endpoint(content_type=None)).encode()).actions[0]
    assert isinstance(connect, Connect)
    assert isinstance(connect.endpoint[0], WebSocket)
    assert connect.endpoint[0].rate == 16000


def test_misnamed_fields_are_explained() -> None:
    """A required field under a library's name is missing; the message knows that name."""
    seen = "'stream_url', which the platform does not know"
    assert seen in refused([{"action": "stream", "stream_url": ["https://example.com/a.mp3"]}])


@pytest.mark.parametrize(
    ("document", "warning"),
    [
        ([TALK | {"voiceName": "Amy"}], "[0].voiceName is not in the NCCO reference"),
        ([CONNECT | {"event_url": ["x"]}], "is eventUrl meant?"),
        ([CONNECT | {"timeOut": 5}], "is timeout meant?"),
        (endpoint(header={"a": 1}), "[0].endpoint[0].header is not in the NCCO reference"),
        ([CONNECT | {"from": "Vonage"}], "[0].from is 'Vonage' and no number"),
        ([CONNECT | {"from": "123456"}], "the callee sees an unknown number"),
        ([CONNECT | {"from": "+447700900000"}], "the callee sees an unknown number"),
        (endpoint(content_type=None), "no content-type: audio/l16;rate=16000 is what comes"),
        (
            endpoint(content_type=None, contentType="audio/l16;rate=8000"),
            "contentType is not in the NCCO reference and may be ignored; is content-type meant?",
        ),
        (endpoint(content_type="audio/116;rate=8000"), "audio/116; is audio/l16 meant?"),
        ([TALK | {"bargeIn": True}], "[0] has bargeIn, and no input behind it (nothing follows)"),
        ([TALK | {"bargeIn": True}, TALK, CONNECT], "no input behind it (connect follows)"),
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


@pytest.mark.parametrize(
    ("action", "names"),
    [
        ({"action": "talk", "text": "Hello."}, []),
        ({"action": "talk", "text": "Hello.", "style": 0, "level": 1}, []),
        ({"action": "talk", "text": "<s>Hello.</s>", "style": 2}, ["style", "SSML"]),
        ({"action": "input", "type": ["dtmf"]}, []),
        ({"action": "input", "type": ["speech", "dtmf"]}, ["speech"]),
        ({"action": "record", "channels": 2, "format": "wav"}, ["channels"]),
        (endpoint()[0], []),
        (
            {
                "action": "connect",
                "endpoint": endpoint()[0]["endpoint"],
                "ringbackTone": "http://localhost/tone.mp3",
                "randomFromNumber": True,
            },
            ["randomFromNumber", "ringbackTone"],
        ),
        (
            {
                "action": "connect",
                "endpoint": [{"type": "phone", "number": "447700900001", "shaken": "x"}],
                "ringbackTone": "http://localhost/tone.mp3",
            },
            ["shaken"],
        ),
    ],
)
def test_what_is_not_simulated_is_named(action: dict[str, Any], names: list[str]) -> None:
    """By the name that it has in the NCCO; a default is nothing to name."""
    (read,) = parse_actions([action]).actions
    assert unsimulated(read) == names
