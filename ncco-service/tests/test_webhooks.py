"""The webhooks: valid requests are answered, others are explained and affect nothing else."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from ncco_service.app import service_of
from ncco_service.views.socket_ends import FAILED_STATUSES

MakeApp = Callable[..., Flask]
Events = Callable[[str], list[dict[str, Any]]]
Write = Callable[[Any], Path]

CALL = {
    "from": "447700900123",
    "to": "447700900456",
    "uuid": "aaaaaaaa-bbbb-cccc-dddd-0123456789ab",
    "conversation_uuid": "CON-aaaaaaaa-bbbb-cccc-dddd-0123456789ab",
}


def works(client: FlaskClient) -> None:
    """Check that a good request is answered."""
    answer = client.get("/webhooks/answer", query_string=CALL)
    assert answer.status_code == 200
    assert answer.get_json()[1]["endpoint"][0]["headers"]["uuid"] == CALL["uuid"]


@pytest.mark.parametrize("path", ["/webhooks/answer", "/ncco"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_call_is_answered(client: FlaskClient, path: str, method: str) -> None:
    """By query or by JSON, under both names, the NCCO is the same."""
    if method == "GET":
        answer = client.get(path, query_string=CALL)
    else:
        answer = client.post(path, json=CALL | {"region_url": "https://x", "unknown": {"a": [1]}})
    assert answer.status_code == 200
    assert answer.content_type == "application/json"
    talk, connect = answer.get_json()
    assert talk["action"] == "talk"
    assert connect == {
        "action": "connect",
        "eventType": "synchronous",
        "eventUrl": ["http://localhost/webhooks/events"],
        "endpoint": [
            {
                "type": "websocket",
                "uri": "wss://sock.example.org/s",
                "content-type": "audio/l16;rate=16000",
                "headers": CALL,
            }
        ],
    }


def test_missing_fields_are_empty(client: FlaskClient) -> None:
    """A person who tries the URL in a browser gets an NCCO, too."""
    for answer in (client.get("/ncco"), client.post("/ncco"), client.post("/ncco", json={})):
        assert answer.get_json()[1]["endpoint"][0]["headers"]["uuid"] == ""


def test_values_that_are_not_text_are_written_as_text(client: FlaskClient) -> None:
    """A number in JSON is written as its digits."""
    answer = client.post("/ncco", json={"from": 447700900123, "to": None, "uuid": True})
    headers = answer.get_json()[1]["endpoint"][0]["headers"]
    assert (headers["from"], headers["to"], headers["uuid"]) == ("447700900123", "", "true")


JSON_TYPE = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    ("body", "headers", "status", "slug", "message"),
    [
        (b"{", JSON_TYPE, 400, "bad_json", "not JSON at line 1, column 2"),
        (b"", JSON_TYPE, 400, "bad_json", "not JSON at line 1, column 1"),
        (b"hello", {}, 400, "bad_json", "not JSON at line 1, column 1"),
        (b"[]", JSON_TYPE, 400, "bad_json", "not an object: list"),
        (b'"text"', JSON_TYPE, 400, "bad_json", "not an object: str"),
        (b'{"uuid": NaN}', JSON_TYPE, 400, "bad_json", "NaN is not a JSON number"),
        (b'{"uuid": "\xff"}', JSON_TYPE, 400, "bad_json", "not UTF-8 at byte 10"),
        (b'{"a":' * 30000, JSON_TYPE, 413, "request_entity_too_large", "too long"),
        (b'{"a":' * 12000, JSON_TYPE, 400, "bad_json", "nested too deeply"),
        (b'{"uuid": ' + b"9" * 5000 + b"}", JSON_TYPE, 400, "bad_json", "not JSON"),
        (b'{"uuid": ["a"]}', JSON_TYPE, 400, "bad_field", "the field 'uuid' is a list"),
        (b'{"from": {"n": 1}}', JSON_TYPE, 400, "bad_field", "the field 'from' is an object"),
        (b'{"to": "\\ud800"}', JSON_TYPE, 400, "bad_field", "'to' holds half of a surrogate"),
        (b" " * 65537, JSON_TYPE, 413, "request_entity_too_large", "too long"),
        (b"a=b", {"Content-Type": "application/x-www-form-urlencoded"}, 415, "unsup", "urlencoded"),
        (b"<a/>", {"Content-Type": "text/xml"}, 415, "unsupported_media_type", "'text/xml'"),
    ],
)
def test_a_malformed_answer_request_is_explained(
    client: FlaskClient,
    body: bytes,
    headers: dict[str, str],
    status: int,
    slug: str,
    message: str,
) -> None:
    """One error shape, what was seen, what to do; the next good request is answered."""
    answer = client.post("/webhooks/answer", data=body, headers=headers)
    assert answer.status_code == status
    assert answer.content_type == "application/json"
    assert set(answer.get_json()) == {"error", "message", "hint"}
    assert answer.get_json()["error"].startswith(slug)
    assert message in answer.get_json()["message"]
    assert answer.get_json()["hint"]
    works(client)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/webhooks/answers", 404),
        ("DELETE", "/webhooks/answer", 405),
        ("PUT", "/webhooks/events", 405),
        ("POST", "/healthz", 405),
    ],
)
def test_unknown_paths_and_methods_get_the_same_shape(
    client: FlaskClient, method: str, path: str, status: int
) -> None:
    """Flask's own errors have the common shape, too."""
    answer = client.open(path, method=method)
    assert answer.status_code == status
    assert set(answer.get_json()) == {"error", "message", "hint"}
    assert ("Allow" in answer.headers) is (status == 405)
    works(client)


HOSTILE = [
    'x"}],"a":[{',
    "line\r\nbreak",
    "${socket_url}",
    "${secret}",
    '{"event": "x"}',
    "\x00\x1b[31m",
    "<speak>",
    "é😀",
]


@pytest.mark.parametrize("value", HOSTILE)
def test_a_callers_data_stay_data(client: FlaskClient, value: str) -> None:
    """Nothing a caller sends changes the document's shape or is expanded."""
    fields = dict.fromkeys(CALL, value)
    good = client.get("/ncco", query_string=CALL).get_json()
    good[1]["endpoint"][0]["headers"] = fields
    assert client.get("/ncco", query_string=fields).get_json() == good
    assert client.post("/ncco", json=fields).get_json() == good


def test_values_that_spoil_the_document_get_the_fallback(
    client: FlaskClient, events: Events
) -> None:
    """A caller's name that is too long gets the fallback, and the log has the reason."""
    answer = client.post("/ncco", json=CALL | {"from": "x" * 600})
    assert answer.status_code == 200
    assert [action["action"] for action in answer.get_json()] == ["talk"]
    (refused,) = events("answer_refused")
    assert "at most 512 bytes" in refused["problem"]
    works(client)


def test_an_answer_is_one_line_with_masked_numbers(client: FlaskClient, events: Events) -> None:
    """Call, conversation, where the socket is, and the source of its URL."""
    began = time.monotonic()
    works(client)
    (line,) = events("answer")
    assert 0 <= line.pop("ms") <= (time.monotonic() - began) * 1000 + 1
    assert {key: value for key, value in line.items() if value is not None} == {
        "log_level": "info",
        "call": CALL["uuid"],
        "conversation": CALL["conversation_uuid"],
        "from": "**********23",
        "to": "**********56",
        "socket": "wss://sock.example.org/s",
        "source": "setting",
    }


def test_numbers_are_shown_when_asked_for(make_app: MakeApp, events: Events) -> None:
    """LOG_NUMBERS=1 writes them out."""
    make_app(LOG_NUMBERS="1").test_client().get("/ncco", query_string=CALL)
    assert events("answer")[0]["from"] == CALL["from"]


def test_nothing_known_is_503(make_app: MakeApp) -> None:
    """The platform tries a 503 again; the message says what is missing."""
    client = make_app(SOCKET_URL="").test_client()
    answer = client.get("/ncco", headers={"Host": "voice.example.org"})
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "1"
    assert answer.get_json()["error"] == "not_ready"
    assert "'voice.example.org' is not a name of this machine" in answer.get_json()["message"]
    assert "SOCKET_URL" in answer.get_json()["hint"]


def test_a_local_caller_is_sent_to_its_own_host(make_app: MakeApp) -> None:
    """Offline, the socket is where the webhooks are."""
    client = make_app(SOCKET_URL="").test_client()
    answer = client.get("/ncco", headers={"Host": "localhost:8080"}).get_json()
    assert answer[1]["endpoint"][0]["uri"] == "ws://localhost:8080/socket"
    assert answer[1]["eventUrl"] == ["http://localhost:8080/webhooks/events"]


def test_a_trusted_proxy_tells_the_public_name(make_app: MakeApp) -> None:
    """The test client's peer is 127.0.0.1."""
    headers = {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "voice.example.org"}
    for trusted, url in (
        ("127.0.0.1", "https://voice.example.org/webhooks/events"),
        ("10.0.0.1", "http://localhost/webhooks/events"),
    ):
        client = make_app(TRUSTED_PROXIES=trusted).test_client()
        assert client.get("/ncco", headers=headers).get_json()[1]["eventUrl"] == [url]


def test_a_users_own_template_is_used(make_app: MakeApp, tmp_path: Path) -> None:
    """NCCO_FILE names it."""
    file = tmp_path / "mine.json"
    file.write_text('[{"action": "talk", "text": "Hello ${from}"}]')
    answer = make_app(NCCO_FILE=str(file)).test_client().get("/ncco", query_string=CALL)
    assert answer.get_json() == [{"action": "talk", "text": "Hello 447700900123"}]


STATUSES = (
    *("started", "ringing", "answered", "busy", "cancelled", "unanswered", "rejected", "failed"),
    *("timeout", "completed"),
)
EVENTS: list[dict[str, Any]] = [
    *({**CALL, "status": status, "direction": "outbound"} for status in STATUSES),
    {"call_uuid": "u", "status": "machine", "sub_state": "beep_start"},
    {"recording_url": "https://x", "recording_uuid": "r", "size": 12},
    {"type": "record", "status": "transcribed", "transcription_url": "https://x"},
    {"dtmf": {"digits": "42", "timed_out": True}, "uuid": "u"},
    {"speech": {"results": [{"text": "yes", "confidence": "0.9"}]}},
    {"conversation_uuid_from": "CON-1", "conversation_uuid_to": "CON-2", "uuid": "u"},
    {"reason": "Syntax error in NCCO", "conversation_uuid": "CON-1", "timestamp": "x"},
    {"headers": {}, "status": "answered", "rate": None},
    {"status": ["failed"], "to": {"x": 1}, "uuid": 17, "from": [[]], "detail": 1.5},
    {},
]


@pytest.mark.parametrize("event", EVENTS)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_every_event_is_logged_on_one_line(
    client: FlaskClient, events: Events, event: dict[str, Any], method: str
) -> None:
    """Also those without status, uuid or direction, and fields of unexpected kinds."""
    if method == "POST":
        answer = client.post("/webhooks/events", json=event)
    else:
        query = {
            key: value if isinstance(value, str) else json.dumps(value)
            for key, value in event.items()
        }
        answer = client.get("/webhooks/events", query_string=query)
    assert answer.status_code == 204
    assert answer.data == b""
    assert len(events("event")) == 1


@pytest.mark.parametrize("status", sorted(FAILED_STATUSES))
@pytest.mark.parametrize(
    "to", ["ws://localhost:8001/socket", "wss://h/socket?ticket=sesam", "WSS://h"]
)
def test_a_failed_socket_gets_the_fallback(
    client: FlaskClient, events: Events, status: str, to: str
) -> None:
    """The caller hears an apology instead of nothing; the URL's query stays out of the log."""
    event = {"status": status, "to": to, "from": CALL["from"], "uuid": "leg", "headers": {}}
    answer = client.post("/webhooks/events", json=event)
    assert answer.status_code == 200
    assert answer.content_type == "application/json"
    assert [action["action"] for action in answer.get_json()] == ["talk"]
    (line,) = events("event")
    assert (line["leg"], line["reply"], line["call"]) == ("socket", "fallback", "leg")
    assert "sesam" not in str(line)


@pytest.mark.parametrize("status", ["answered", "completed", "started", "", "Unknown"])
def test_a_socket_that_did_not_fail_gets_no_fallback(client: FlaskClient, status: str) -> None:
    """The call simply ends."""
    answer = client.post("/webhooks/events", json={"status": status, "to": "wss://h/socket"})
    assert answer.status_code == 204


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        (b"{", JSON_TYPE, 400),
        (b"[]", JSON_TYPE, 400),
        (b"a=b", {"Content-Type": "application/x-www-form-urlencoded"}, 415),
        (b" " * 65537, JSON_TYPE, 413),
    ],
)
def test_a_malformed_event_is_explained(
    client: FlaskClient, body: bytes, headers: dict[str, str], status: int
) -> None:
    """An event is a JSON object."""
    answer = client.post("/webhooks/events", data=body, headers=headers)
    assert answer.status_code == status
    assert set(answer.get_json()) == {"error", "message", "hint"}


FALLBACK = {
    **CALL,
    "reason": "Socket timeout.",
    "original_request": {"url": "https://voice.example.org/webhooks/answer", "type": "answer"},
}


@pytest.mark.parametrize(
    "sent",
    [
        {"json": FALLBACK},
        {"json": []},
        {"data": b"\xff", "headers": JSON_TYPE},
        {"data": b"a=b", "headers": {"Content-Type": "application/x-www-form-urlencoded"}},
        {"data": b" " * 100_000, "headers": JSON_TYPE},
        {},
    ],
)
def test_the_fallback_always_answers(client: FlaskClient, sent: dict[str, Any]) -> None:
    """Whatever is sent, the caller hears something."""
    for answer in (client.post("/webhooks/fallback", **sent), client.get("/webhooks/fallback")):
        assert answer.status_code == 200
        assert [action["action"] for action in answer.get_json()] == ["talk"]


def test_the_fallback_logs_the_reason(client: FlaskClient, events: Events) -> None:
    """The platform says what failed before."""
    client.post("/webhooks/fallback", json=FALLBACK)
    (line,) = events("fallback")
    assert line["reason"] == "Socket timeout."
    assert line["requested"] == "https://voice.example.org/webhooks/answer"


def test_an_internal_error_shows_no_traceback(
    make_app: MakeApp, monkeypatch: pytest.MonkeyPatch, events: Events
) -> None:
    """The client gets the common error shape; the log says where it happened."""
    app = make_app()

    def broken(*_: object) -> None:
        raise RuntimeError("secret of ours")

    monkeypatch.setattr("ncco_service.ncco.template.Template.fill", broken)
    answer = app.test_client().get("/ncco")
    assert answer.status_code == 500
    assert set(answer.get_json()) == {"error", "message", "hint"}
    assert "secret" not in answer.text
    (line,) = events("unexpected_error")
    assert isinstance(line["exc_info"], RuntimeError)
    monkeypatch.undo()
    works(app.test_client())


def test_a_document_that_is_hardly_meant_is_logged(
    make_app: MakeApp, write: Write, events: Events
) -> None:
    """Vonage's tutorial, with a name as the number, starts and is sent, with a warning each."""
    endpoint = {"type": "websocket", "uri": "${socket_url}", "content-type": "audio/l16;rate=16000"}
    file = write([{"action": "connect", "from": "Vonage", "endpoint": [endpoint]}])
    app = make_app(NCCO_FILE=str(file))
    service = service_of(app)
    service.start()
    service.stop()
    said = [fields["message"] for fields in events("document_warning")]
    assert [line.startswith(f"{file}: action 1 (connect): ") for line in said] == [True, True]
    assert "the person called sees an unknown number" in said[0]
    assert app.test_client().get("/webhooks/answer").get_json()[0]["from"] == "Vonage"


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_any_value_of_the_webhook_can_be_named(
    make_app: MakeApp, write: Write, method: str
) -> None:
    """SIP headers, custom data and the URL's own query are filled in, empty when absent."""
    headers = {
        "user": "${query.SipHeader_X-UserId}",
        "data": "${query.custom_data}",
        "tenant": "${query.tenant}",
        "none": "${query.from_user}",
    }
    endpoint = {
        "type": "websocket",
        "uri": "${socket_url}?user=${query.SipHeader_X-UserId}",
        "content-type": "audio/l16;rate=16000",
        "headers": headers,
    }
    file = write([{"action": "connect", "endpoint": [endpoint]}])
    client = make_app(NCCO_FILE=str(file)).test_client()
    sent = CALL | {"SipHeader_X-UserId": "a&b=${to}"}
    if method == "GET":
        sent |= {"custom_data": '{"a":1}', "tenant": "5"}
        answer = client.get("/webhooks/answer", query_string=sent)
    else:
        answer = client.post("/webhooks/answer?tenant=5", json=sent | {"custom_data": {"a": 1}})
    filled = answer.get_json()[0]["endpoint"][0]
    assert filled["headers"] == {
        "user": "a&b=${to}",
        "data": '{"a":1}',
        "tenant": "5",
        "none": "",
    }
    assert filled["uri"] == "wss://sock.example.org/s?user=a%26b%3D%24%7Bto%7D"


def test_named_values_are_checked_like_the_others(
    make_app: MakeApp, write: Write, events: Events
) -> None:
    """Headers that a value makes too long are refused: the caller hears the fallback."""
    endpoint = {
        "type": "websocket",
        "uri": "${socket_url}",
        "content-type": "audio/l16;rate=16000",
        "headers": {"user": "${query.SipHeader_X-UserId}"},
    }
    file = write([{"action": "connect", "endpoint": [endpoint]}])
    client = make_app(NCCO_FILE=str(file)).test_client()
    answer = client.get("/webhooks/answer", query_string=CALL | {"SipHeader_X-UserId": "x" * 600})
    assert answer.get_json()[0]["action"] == "talk"
    (refused,) = events("answer_refused")
    assert "at most 512 bytes" in refused["problem"]
    broken = client.post(
        "/webhooks/answer",
        data='{"SipHeader_X-UserId": "\\ud800"}',
        content_type="application/json",
    )
    assert broken.status_code == 400


@pytest.mark.parametrize(
    ("headers", "said"),
    [
        ({"X-Forwarded-Proto": "https"}, "set TRUSTED_PROXIES=127.0.0.1, or PUBLIC_URL=https://sh"),
        ({"X-Forwarded-Host": "voice.example.org"}, "sent to http://voice.example.org, and is not"),
        ({}, "set PUBLIC_URL=https://shop.example.org"),
    ],
)
def test_plain_events_behind_a_proxy_are_warned_of_once(
    make_app: MakeApp, events: Events, headers: dict[str, str], said: str
) -> None:
    """Where the platform would be told http:// or an inner host, the warning names the setting."""
    client = make_app().test_client()
    for _ in range(3):
        answer = client.get("/webhooks/answer", headers={"Host": "shop.example.org"} | headers)
        assert answer.get_json()[1]["eventUrl"] == ["http://shop.example.org/webhooks/events"]
    (warning,) = events("events_url_is_doubtful")
    assert warning["log_level"] == "warning"
    assert said in warning["message"]


def test_local_events_of_an_outer_socket_are_warned_of_once(
    make_app: MakeApp, events: Events
) -> None:
    """As nginx sends requests on by default: to the address of its upstream, without a word."""
    client = make_app().test_client()
    for _ in range(3):
        client.get("/webhooks/answer", headers={"Host": "127.0.0.1:8000"})
    (warning,) = events("events_url_is_doubtful")
    assert "set PUBLIC_URL, such as to https://sock.example.org" in warning["message"]


@pytest.mark.parametrize(
    ("settings", "headers"),
    [
        ({"SOCKET_URL": "ws://localhost:8001/socket"}, {"Host": "localhost:8000"}),
        ({"SOCKET_URL": ""}, {"Host": "localhost:8000"}),
        ({}, {"Host": "ncco-service:8000"}),
        ({}, {"Host": "10.0.0.7"}),
        ({"PUBLIC_URL": "https://a.example"}, {"X-Forwarded-Proto": "https"}),
        (
            {"TRUSTED_PROXIES": "127.0.0.1"},
            {"Host": "shop.example.org", "X-Forwarded-Proto": "https"},
        ),
    ],
)
def test_right_events_are_not_warned_of(
    make_app: MakeApp, events: Events, settings: dict[str, str], headers: dict[str, str]
) -> None:
    """On this machine, with the settings, or through a trusted proxy, nothing is wrong."""
    make_app(**settings).test_client().get("/webhooks/answer", headers=headers)
    assert events("events_url_is_doubtful") == []


@pytest.mark.parametrize(
    ("method", "path", "sent", "status", "error"),
    [
        ("GET", "/webhooks/anwser", {}, 404, "not_found"),
        ("DELETE", "/webhooks/answer", {}, 405, "method_not_allowed"),
        ("POST", "/webhooks/events", {"data": {"a": "b"}}, 415, "unsupported_media_type"),
        ("POST", "/webhooks/events", {"data": "{", "content_type": "application/json"}, 400,
         "bad_json"),
        ("POST", "/webhooks/events", {"data": b"x" * 70000}, 413, "request_entity_too_large"),
        ("GET", "/webhooks/answer", {"headers": {"Host": "far.example"}}, 503, "not_ready"),
    ],
)  # fmt: skip
def test_what_is_refused_is_in_the_log(
    make_app: MakeApp,
    events: Events,
    method: str,
    path: str,
    sent: dict[str, Any],
    status: int,
    error: str,
) -> None:
    """Each refusal is a warning with method, path, status and reason, and is counted."""
    client = make_app(SOCKET_URL="").test_client()
    answer = client.open(f"{path}?from=447700900123", method=method, **sent)
    assert answer.status_code == status
    (line,) = events("request_refused")
    assert line["log_level"] == "warning"
    assert (line["method"], line["path"], line["status"]) == (method, path, status)
    assert line["error"] == error
    assert line["message"] == answer.get_json()["message"]
    assert "447700900123" not in str(line)
    assert client.get("/readyz").get_json()["refused"] == {error: 1}


def test_refusals_are_logged_at_a_bounded_rate(make_app: MakeApp, events: Events) -> None:
    """A flood leaves a few lines, and how many were left out; each 503 to a call is logged."""
    began = time.monotonic()
    client = make_app(SOCKET_URL="").test_client()
    for _ in range(100):
        client.get("/nowhere")
    logged = len(events("request_refused"))
    assert 10 <= logged <= 11 + time.monotonic() - began
    for _ in range(5):
        client.get("/webhooks/answer", headers={"Host": "far.example"})
    lines = events("request_refused")
    assert [line["status"] for line in lines[logged:]] == [503] * 5
    assert sum(line.get("unlogged") or 0 for line in lines) == 100 - logged


def test_the_platforms_error_event_is_a_warning(client: FlaskClient, events: Events) -> None:
    """What the platform says of a document is in the log, whole."""
    reason = "Syntax error in NCCO. Invalid value type or action." + " x" * 200
    client.post("/webhooks/events", json={"reason": reason, "conversation_uuid": "CON-1"})
    (event,) = events("event")
    assert (event["log_level"], event["kind"], event["reason"]) == ("warning", "error", reason)
