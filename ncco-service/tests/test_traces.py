"""The header that carries a call's trace to its socket: where it stands, and where it does not."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from ncco_service.app import service_of
from ncco_service.calls.bodies import Addresses, Bodies, Signals
from ncco_service.calls.requests import NewCall
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

MakeApp = Callable[..., Flask]
CALL = {"from": "447700900123", "to": "447700900456", "uuid": "a-b", "conversation_uuid": "CON-1"}
W3C = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")
OWN = "00-11111111111111111111111111111111-2222222222222222-01"


@pytest.fixture
def traced(make_app: MakeApp) -> MakeApp:
    """Give a maker of applications that have a collector; it is never asked."""
    return lambda **more: make_app(OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9/", **more)


def headers_in(ncco: Any) -> dict[str, Any]:
    """Return the headers of the socket that an NCCO ends with."""
    headers: dict[str, Any] = ncco[-1]["endpoint"][0]["headers"]
    return headers


def answer(client: FlaskClient) -> dict[str, Any]:
    """Return the headers of the socket in an answer."""
    return headers_in(client.post("/webhooks/answer", json=CALL).get_json())


def ids(traceparent: str) -> tuple[str, str]:
    """Return the trace's id and the span's."""
    found = W3C.fullmatch(traceparent)
    assert found
    return found[1], found[2]


def test_without_a_collector_there_is_none(client: FlaskClient) -> None:
    """Nothing is added."""
    assert "traceparent" not in answer(client)


def test_each_call_has_a_trace_that_its_next_socket_continues(traced: MakeApp) -> None:
    """The same trace, another span."""
    client = traced().test_client()
    headers = answer(client)
    trace, span = ids(headers["traceparent"])
    assert ids(answer(client)["traceparent"])[0] != trace
    event = {"status": "disconnected", "to": "wss://sock.example.org/s", "headers": headers}
    again = headers_in(client.post("/webhooks/events", json=event).get_json())
    assert again["resumed"] == 1
    assert ids(again["traceparent"])[0] == trace
    assert ids(again["traceparent"])[1] != span


def test_an_answer_into_a_meeting_is_traced(traced: MakeApp) -> None:
    """Its socket has a call, and a trace, of its own."""
    app = traced(MEETINGS="447700900456=standup")
    traces, kept = service_of(app).traces, InMemorySpanExporter()
    assert traces is not None
    traces._provider.add_span_processor(SimpleSpanProcessor(kept))
    app.test_client().post("/webhooks/answer", json=CALL)
    (span,) = kept.get_finished_spans()
    facts = {"call": "a-b", "conversation": "CON-1", "result": "answered", "meeting": "standup"}
    assert (span.name, span.attributes) == ("answer", facts)


def test_a_library_that_is_switched_off_stops_no_call(
    traced: MakeApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """OpenTelemetry's own variable leaves the answer, and what follows, without a trace."""
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    client = traced().test_client()
    headers = answer(client)
    assert "traceparent" not in headers
    event = {"status": "disconnected", "to": "wss://sock.example.org/s", "headers": headers}
    again = headers_in(client.post("/webhooks/events", json=event).get_json())
    assert again["resumed"] == 1


@pytest.mark.parametrize("traceparent", [7, None, "", "00-zz", OWN + "x" * 600])
def test_what_is_no_trace_begins_one(traced: MakeApp, traceparent: Any) -> None:
    """Events repeat what a peer was sent, perhaps by somebody else."""
    headers = {"uuid": "a-b", "traceparent": traceparent}
    event = {"status": "disconnected", "to": "wss://sock.example.org/s", "headers": headers}
    again = headers_in(traced().test_client().post("/webhooks/events", json=event).get_json())
    ids(again["traceparent"])


def with_headers(**more: str) -> list[Any]:
    """Return a template whose socket has headers of its own."""
    socket = {"type": "websocket", "uri": "${socket_url}", "headers": {"uuid": "${uuid}", **more}}
    return [{"action": "connect", "endpoint": [socket], "eventType": "synchronous"}]


def test_a_header_of_the_template_stays(traced: MakeApp, write: Callable[[Any], Path]) -> None:
    """Whoever has a trace already goes on with it."""
    client = traced(NCCO_FILE=str(write(with_headers(traceparent=OWN)))).test_client()
    assert answer(client)["traceparent"] == OWN


def test_without_room_it_is_left_out(
    traced: MakeApp, write: Callable[[Any], Path], events: Callable[[str], list[dict[str, Any]]]
) -> None:
    """512 bytes are all there are; the call matters more, and one warning says so."""
    client = traced(NCCO_FILE=str(write(with_headers(text="x" * 450)))).test_client()
    for _ in range(2):
        assert set(answer(client)) == {"uuid", "text"}
    (warning,) = events("no_traceparent")
    assert "shorten the headers" in warning["message"]


@pytest.mark.parametrize("order", ["person-first", "socket-first"])
def test_a_call_that_we_start_has_one(traced: MakeApp, order: Any) -> None:
    """It is among the headers of its socket, in either order."""
    documents = service_of(traced()).documents
    bodies = Bodies(documents, None, Signals("8", "9"))
    wanted = NewCall(to="447700900456", order=order)
    body = bodies.call(
        wanted, "ours", Addresses("wss://s.example.org", "https://e.example.org"), OWN
    )
    endpoint = body["to"][0] if order == "socket-first" else body["ncco"][-1]["endpoint"][0]
    assert endpoint["headers"]["traceparent"] == OWN
