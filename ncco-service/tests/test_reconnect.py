"""Connecting a call again whose socket was closed or lost: when, how often, with what."""

import json
from collections.abc import Callable
from time import monotonic
from typing import Any
from urllib.parse import quote

import jwt
import pytest
from flask import Flask
from flask.testing import FlaskClient
from ncco_service.app import service_of
from ncco_service.discovery import call_status
from ncco_service.discovery.call_status import CallStatus
from ncco_service.ncco.reconnect import ROOM_BYTES, Reconnections

MakeApp = Callable[..., Flask]
Events = Callable[[str], list[dict[str, Any]]]
UUID = "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab"
SECRET = "a-secret-of-more-than-32-characters"
SILENT_SECONDS = 25.0
"""A little less than an agent that is silent stays so."""
HEADERS = {"uuid": UUID, "conversation_uuid": "CON-1", "from": "447700900123", "to": "44770090045"}


def event(status: str = "disconnected", **changes: Any) -> dict[str, Any]:
    """Return an event of the call's socket, as Vonage's WebSockets guide has it."""
    fields = {
        "from": "447700900123",
        "to": "wss://old.example.org/s?tenant=7",
        "uuid": "a-leg",
        "conversation_uuid": "CON-1",
        "status": status,
        "headers": HEADERS,
        "timestamp": "2026-01-31T12:00:00.000Z",
    }
    return fields | changes


def told(client: FlaskClient, fields: dict[str, Any]) -> Any:
    """Post an event; return the NCCO in the reply, None without one."""
    answer = client.post("/webhooks/events", json=fields)
    assert answer.status_code == (200 if answer.data else 204)
    return answer.get_json() if answer.data else None


def names(ncco: Any) -> list[str]:
    """Return the names of the actions."""
    return [action["action"] for action in ncco]


def test_a_lost_socket_is_dialled_again(client: FlaskClient, events: Events) -> None:
    """No greeting, the current address, the old query, the headers, and one to the count."""
    ncco = told(client, event())
    assert names(ncco) == ["connect"]
    assert ncco[0]["eventType"] == "synchronous"
    (endpoint,) = ncco[0]["endpoint"]
    assert endpoint["uri"] == "wss://sock.example.org/s?tenant=7"
    added = {key: endpoint["headers"].pop(key) for key in ("resumed", "resumed_at")}
    assert endpoint["headers"] == HEADERS
    assert added["resumed"] == 1
    assert [line["reply"] for line in events("event")] == ["reconnect"]


def test_each_dial_has_a_fresh_ticket(make_app: MakeApp) -> None:
    """Of the call of the headers, and good for one socket."""
    client = make_app(SOCKET_SECRET=SECRET).test_client()
    claims = []
    for _ in range(2):
        value = told(client, event())[0]["endpoint"][0]["authorization"]["value"]
        claims.append(jwt.decode(value.split()[1], SECRET, ["HS256"], audience="socket"))
    assert [each["sub"] for each in claims] == [UUID, UUID]
    assert claims[0]["jti"] != claims[1]["jti"]


def test_the_count_is_in_the_headers(make_app: MakeApp) -> None:
    """Any replica goes on counting; after RECONNECTS in a minute the caller hears the apology."""
    replicas = [make_app(RECONNECTS="3").test_client() for _ in range(2)]
    headers: dict[str, Any] = HEADERS
    for turn in range(3):
        ncco = told(replicas[turn % 2], event(headers=headers))
        headers = ncco[0]["endpoint"][0]["headers"]
        assert headers["resumed"] == turn + 1
    assert names(told(replicas[0], event(headers=headers))) == ["talk"]


def test_the_minute_passes() -> None:
    """Only what was in the last minute counts against the limit; all of it is in the number."""
    first = Reconnections.of(Reconnections().headers(1000.9))
    second = Reconnections.of(first.headers(1030))
    assert (second.count, second.times, second.lately(1031)) == (2, (1030, 1000), 2)
    assert second.lately(1060.5) == 1
    third = Reconnections.of(second.headers(1061))
    assert (third.count, third.times) == (3, (1061, 1030))


def test_the_count_has_a_bound() -> None:
    """What it takes of the 512 bytes of headers, at the highest limit and in the worst case."""
    known = Reconnections(999_998, tuple(range(2_000_000_000, 1_999_999_941, -3)))
    added = json.dumps(known.headers(2_000_000_001), separators=(",", ":"))
    assert len(added) <= ROOM_BYTES
    assert len(Reconnections.of(json.loads(added)).times or ()) == 20


@pytest.mark.parametrize(
    "more",
    [{"resumed": 1}, {"resumed": "x", "resumed_at": "1"}, {"resumed": 1, "resumed_at": [1]}],
)
def test_a_count_that_is_not_ours_connects_nothing(client: FlaskClient, more: Any) -> None:
    """Without the times nobody could say when to stop."""
    assert names(told(client, event(headers=HEADERS | more))) == ["talk"]


@pytest.mark.parametrize("headers", [None, {}, {"uuid": ""}, {"uuid": 7}, "x", [1]])
def test_a_socket_without_a_call_gets_the_apology(client: FlaskClient, headers: Any) -> None:
    """Headers without the call's uuid are not of this service's NCCO."""
    assert names(told(client, event(headers=headers))) == ["talk"]


def test_headers_of_a_get_are_text(client: FlaskClient) -> None:
    """With eventMethod GET an object comes as JSON text."""
    fields = event(headers=json.dumps(HEADERS))
    query = "&".join(f"{name}={quote(value)}" for name, value in fields.items())
    assert names(client.get(f"/webhooks/events?{query}").get_json()) == ["connect"]


@pytest.mark.parametrize("status", ["failed", "unanswered"])
def test_a_socket_that_could_not_be_opened(client: FlaskClient, status: str) -> None:
    """At the first attempt the apology; later a second's wait, then another attempt."""
    assert names(told(client, event(status))) == ["talk"]
    headers = told(client, event())[0]["endpoint"][0]["headers"]
    ncco = told(client, event(status, headers=headers))
    assert names(ncco) == ["wait", "connect"]
    assert ncco[0]["timeout"] == 1
    assert ncco[1]["endpoint"][0]["headers"]["resumed"] == 2


def test_headers_without_room(make_app: MakeApp, events: Events) -> None:
    """Over 512 bytes with the count the platform would refuse them: the apology, and a line."""
    headers = HEADERS | {"more": "x" * (440 - len(json.dumps(HEADERS)))}
    assert names(told(make_app().test_client(), event(headers=headers))) == ["connect"]
    headers = HEADERS | {"more": "x" * (505 - len(json.dumps(HEADERS)))}
    assert names(told(make_app().test_client(), event(headers=headers))) == ["talk"]
    (line,) = events("reconnect_refused")
    assert "at most 512 bytes" in line["problem"]


def test_the_fallback_connects_again(client: FlaskClient) -> None:
    """When no event webhook was answered, the platform asks there, with the event's fields."""
    asked = event() | {"reason": "Socket timeout.", "original_request": {"type": "event"}}
    answer = client.post("/webhooks/fallback", json=asked)
    assert names(answer.get_json()) == ["connect"]
    assert answer.get_json()[0]["endpoint"][0]["headers"]["resumed"] == 1
    first = client.post("/webhooks/fallback", json=asked | {"status": "failed"})
    assert names(first.get_json()) == ["talk"]


def test_reconnects_0_is_the_apology(make_app: MakeApp) -> None:
    """Whoever does not want it gets what there was before."""
    assert names(told(make_app(RECONNECTS="0").test_client(), event())) == ["talk"]


@pytest.mark.parametrize("after", ["", '[{"action": "talk", "text": "Goodbye."}]'])
def test_a_call_that_was_meant_to_end(
    make_app: MakeApp, write: Callable[[Any], Any], agent: Any, after: str
) -> None:
    """The call ends, or gets NCCO_AFTER_FILE; never the apology."""
    page = {"call": UUID, "live": False, "done": True, "reason": "handler_done"}
    agent.pages[f"/calls/{UUID}"] = (200, page | {"seconds_ago": 0.1})
    settings = {"ECHO_STATUS_URL": f"{agent.url}/calls"}
    if after:
        settings["NCCO_AFTER_FILE"] = str(write(after))
    app = make_app(**settings)
    replicas = service_of(app).discovery.call_status.replicas
    assert replicas is not None
    replicas.poll()
    ncco = told(app.test_client(), event())
    assert ncco == (json.loads(after) if after else None)


def test_a_handler_that_failed_is_not_tried_again(make_app: MakeApp, agent: Any) -> None:
    """The caller hears the apology at once: the next socket would meet the same handler."""
    page = {"live": False, "done": False, "reason": "handler_failed", "seconds_ago": 0.1}
    agent.pages[f"/calls/{UUID}"] = (200, page)
    app = make_app(ECHO_STATUS_URL=f"{agent.url}/calls")
    replicas = service_of(app).discovery.call_status.replicas
    assert replicas is not None
    replicas.poll()
    assert names(told(app.test_client(), event())) == ["talk"]


def test_without_an_address_a_setting_decides(make_app: MakeApp) -> None:
    """DISCONNECTED_MEANS, for services on hosts without a network of their own."""
    assert told(make_app(DISCONNECTED_MEANS="done").test_client(), event()) is None


class Replica:
    """What one replica says of a call."""

    done = (200, {"live": False, "done": True, "reason": "handler_done", "seconds_ago": 0.2})
    moved = (200, {"live": False, "done": False, "reason": "moved", "seconds_ago": 0.1})
    moved_before = (200, {"live": False, "done": False, "reason": "moved", "seconds_ago": 60})
    live = (200, {"live": True, "done": False, "reason": None, "seconds_ago": 0.0})
    unknown = (404, {"error": "not_found"})
    broken = (200, b"not JSON")
    strange = (200, {"live": False})


@pytest.mark.parametrize(
    ("pages", "end"),
    [
        ([Replica.done], "done"),
        ([Replica.unknown, Replica.done, Replica.unknown], "done"),
        ([Replica.moved_before, Replica.done], "done"),
        ([Replica.live, Replica.done], "done"),
        ([Replica.moved, Replica.unknown], "accident"),
        ([Replica.unknown, Replica.unknown], "accident"),
        ([Replica.broken, Replica.strange, Replica.live], "accident"),
        ([], "accident"),
    ],
)
def test_all_replicas_are_asked(
    make_agent: Callable[[], Any], pages: list[tuple[int, Any]], end: str
) -> None:
    """Whichever has the latest end of the call is believed; silence is an accident."""
    agents = [make_agent() for _ in pages]
    for agent, page in zip(agents, pages, strict=True):
        agent.pages["/calls/a%20call"] = page
    status = CallStatus("http://127.0.0.1:1/calls", "done")
    assert status.replicas is not None
    status.replicas.urls = tuple(agent.url for agent in agents)
    assert status.end_of("a call") == end


def test_nobody_waits_for_the_silent(
    make_agent: Callable[[], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A silent replica costs 300 ms, and nothing once another has the answer."""
    silent, knowing = make_agent(), make_agent()
    silent.silent.set()
    status = CallStatus("http://127.0.0.1:1/calls", "done")
    assert status.replicas is not None
    status.replicas.urls = (silent.url,)
    began = monotonic()
    assert status.end_of("a") == "accident"
    assert 0.29 <= monotonic() - began < SILENT_SECONDS
    assert call_status.ASK_SECONDS == 0.3
    monkeypatch.setattr(call_status, "ASK_SECONDS", 2 * SILENT_SECONDS)
    knowing.pages["/calls/a"] = Replica.done
    status.replicas.urls = (silent.url, knowing.url)
    began = monotonic()
    assert status.end_of("a") == "done"
    assert monotonic() - began < SILENT_SECONDS


def test_a_replica_that_has_left_the_name_is_asked_while_it_answers(
    make_agent: Callable[[], Any],
) -> None:
    """A draining one is not in the name any more, but its calls may end on purpose."""
    agent = make_agent()
    agent.pages["/healthz"] = (200, {"status": "alive"})
    port = agent.url.rpartition(":")[2]
    status = CallStatus(f"http://localhost:{port}/calls", "done")
    replicas = status.replicas
    assert replicas is not None
    replicas.poll()
    assert agent.url in replicas.urls
    replicas._name = "no-such-name.invalid"
    replicas.poll()
    assert replicas.urls == (agent.url,)
    agent.pages.clear()
    replicas.poll()
    assert not replicas.urls
