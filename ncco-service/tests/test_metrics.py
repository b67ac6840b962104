"""Metrics: what is counted, and where it is served."""

import http.client
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

from flask import Flask
from ncco_service.app import service_of
from prometheus_client.parser import text_string_to_metric_families

CALL = "from=447700900123&to=447700900456&uuid=u&conversation_uuid=CON-1"


def figures(app: Flask) -> dict[tuple[str, str], float]:
    """Return the metrics: by name and, where there is one, the value of the label."""
    return {
        (sample.name, ",".join(sample.labels.values())): sample.value
        for metric in service_of(app).metrics.registry.collect()
        for sample in metric.samples
    }


def test_answers_are_counted_by_result(make_app: Callable[..., Flask], agent: Any) -> None:
    """Each answer once, with the time it took."""
    app = make_app()
    app.test_client().get(f"/webhooks/answer?{CALL}")
    unknown = make_app(SOCKET_URL="")
    unknown.test_client().get(f"/webhooks/answer?{CALL}", headers={"Host": "elsewhere.example"})
    seen, missing = figures(app), figures(unknown)
    assert seen["ncco_answer_seconds_count", "answered"] == 1
    assert 0 < seen["ncco_answer_seconds_sum", "answered"] < 5
    assert seen["ncco_answer_seconds_count", "busy"] == 0
    assert missing["ncco_answer_seconds_count", "not_ready"] == 1


def test_answers_into_a_meeting_are_counted(make_app: Callable[..., Flask]) -> None:
    """As all others are."""
    app = make_app(MEETINGS="447700900456=standup")
    app.test_client().get(f"/webhooks/answer?{CALL}")
    assert figures(app)["ncco_answer_seconds_count", "answered"] == 1


def test_ends_of_sockets_are_counted_by_reply(make_app: Callable[..., Flask]) -> None:
    """Moves are reconnections; the apology is counted, too."""
    app = make_app()
    client = app.test_client()
    event = {"to": "wss://h/s", "status": "disconnected", "headers": {"uuid": "u"}}
    for _ in range(2):
        client.post("/webhooks/events", json=event)
    client.post("/webhooks/events", json=event | {"status": "failed"})
    seen = figures(app)
    assert seen["ncco_socket_ends_total", "reconnect"] == 2
    assert seen["ncco_socket_ends_total", "fallback"] == 1
    assert seen["ncco_socket_ends_total", "after"] == 0


def test_refusals_are_counted_by_reason(make_app: Callable[..., Flask]) -> None:
    """Requests that are no webhooks, and webhooks that nobody signed."""
    app = make_app(VONAGE_SIGNATURE_SECRET="a-signature-secret")
    client = app.test_client()
    client.get("/nothing")
    client.get(f"/webhooks/answer?{CALL}")
    seen = figures(app)
    assert seen["ncco_requests_refused_total", "not_found"] == 1
    assert seen["ncco_signatures_refused_total", "authorization"] == 1


def test_the_age_of_the_public_address(make_app: Callable[..., Flask], agent: Any) -> None:
    """Known by the agent since it last answered, and before that since the start."""
    endpoint = {"url": "https://a.ngrok-free.app", "upstream": {"url": "http://gateway:8080"}}
    agent.pages["/api/endpoints"] = (200, {"endpoints": [endpoint]})
    app = make_app(SOCKET_URL="", NGROK_API_URL=agent.url)
    before = figures(app)
    assert before["ncco_public_url_known", ""] == 0
    assert 0 <= before["ncco_public_url_age_seconds", ""] < 60
    poller = service_of(app).discovery.agent
    assert poller is not None
    poller.poll()
    seen = figures(app)
    assert seen["ncco_public_url_known", ""] == 1
    assert 0 <= seen["ncco_public_url_age_seconds", ""] < 60


def test_they_are_served_on_a_port_of_their_own(start: Callable[..., Any]) -> None:
    """By the process, for Prometheus; the webhooks' port does not have them."""
    process = start()
    webhooks = process.listening()
    (line,) = [line for line in process.lines if " metrics_listening url=" in line]
    status, body = get(line.rpartition("url=")[2], "/metrics")
    assert status == 200
    names = {metric.name for metric in text_string_to_metric_families(body)}
    assert {"ncco_answer_seconds", "ncco_socket_ends", "process_open_fds"} <= names
    assert get(line.rpartition("url=")[2], "/healthz")[0] == 404
    assert get(webhooks, "/metrics")[0] == 404


def test_a_taken_port_is_said(start: Callable[..., Any]) -> None:
    """Calls are served all the same."""
    first = start()
    first.listening()
    (line,) = [line for line in first.lines if " metrics_listening url=" in line]
    second = start(METRICS_PORT=line.rpartition(":")[2])
    assert get(second.listening(), "/healthz")[0] == 200
    assert any(" no_metrics " in line and "set METRICS_PORT" in line for line in second.lines)


def get(url: str, path: str) -> tuple[int, str]:
    """Get a page; give its status and text."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        return response.status, response.read().decode()
    finally:
        connection.close()
