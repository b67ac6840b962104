"""Polling the echo service: callers hear that lines are busy before the socket refuses them."""

import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask
from ncco_service.app import service_of
from ncco_service.discovery import echo_poller
from ncco_service.discovery.echo_poller import STARTING_SECONDS, EchoPoller
from ncco_service.http import fetch
from ncco_service.http.fetch import FetchError

MakeApp = Callable[..., Flask]
Events = Callable[[str], list[dict[str, Any]]]

FULL = {"status": "not ready", "reasons": ["full: 100 of 100 calls", "draining"], "calls": 100}


@pytest.fixture
def app(make_app: MakeApp, agent: Any) -> Flask:
    """Give an application that asks the test's HTTP server for the echo service's readiness."""
    return make_app(ECHO_READY_URL=f"{agent.url}/readyz")


@pytest.fixture
def poller(app: Flask) -> EchoPoller:
    """Give its poller."""
    found = service_of(app).discovery.echo
    assert found is not None
    return found


def answered(app: Flask) -> list[str]:
    """Ask for an answer; give the actions' names."""
    return [action["action"] for action in app.test_client().get("/ncco").get_json()]


def test_a_ready_service_is_connected_to(app: Flask, agent: Any, poller: EchoPoller) -> None:
    """A call is connected, and we are ready."""
    agent.pages["/readyz"] = (200, {"status": "ready", "calls": 1})
    assert poller.poll() == 2.0
    assert answered(app) == ["talk", "connect"]
    ready = app.test_client().get("/readyz")
    assert ready.status_code == 200
    assert ready.get_json()["echo"]["state"] == "ready"
    assert ready.get_json()["echo"]["age_seconds"] < 60


def test_callers_hear_that_the_service_is_full(
    app: Flask, agent: Any, poller: EchoPoller, events: Events
) -> None:
    """As soon as there is room, calls are connected again."""
    agent.pages["/readyz"] = (503, FULL)
    poller.poll()
    poller.poll()
    answer = app.test_client().get("/ncco?uuid=u1")
    assert [action["action"] for action in answer.get_json()] == ["talk"]
    assert "busy" in answer.get_json()[0]["text"]
    assert events("answer_busy")[0]["call"] == "u1"
    ready = app.test_client().get("/readyz")
    assert ready.status_code == 503
    assert ready.get_json()["reasons"] == [
        "the echo service is busy: full: 100 of 100 calls; draining"
    ]
    agent.pages["/readyz"] = (200, {"status": "ready"})
    poller.poll()
    assert answered(app) == ["talk", "connect"]
    assert [fields["state"] for fields in events("echo_service")] == ["busy", "ready"]


def test_a_service_that_is_still_starting_is_not_reported(agent: Any, events: Events) -> None:
    """An echo service that was never there is a warning only after a while."""
    clock = [0.0]
    poller = EchoPoller(f"{agent.url}/readyz", 2.0, lambda: clock[0])
    agent.close()
    poller.poll()
    assert events("echo_service") == []
    assert poller.readiness.state == "unreachable"
    clock[0] = STARTING_SECONDS
    poller.poll()
    poller.poll()
    (reported,) = events("echo_service")
    assert (reported["log_level"], reported["state"]) == ("warning", "unreachable")


def test_an_unreachable_service_is_not_ready(app: Flask, agent: Any, poller: EchoPoller) -> None:
    """Calls are still connected, since the platform may reach it; readiness has the reason."""
    agent.close()
    poller.poll()
    assert answered(app) == ["talk", "connect"]
    ready = app.test_client().get("/readyz")
    assert ready.status_code == 503
    (reason,) = ready.get_json()["reasons"]
    assert reason.startswith("the echo service is unreachable: http://127.0.0.1:")
    assert reason.endswith("cannot be reached: Connection refused")


@pytest.mark.parametrize(
    ("page", "state", "problem"),
    [
        ((404, {}), "unreachable", "answered 404; check ECHO_READY_URL"),
        ((503, b"<html>"), "busy", "it accepts no calls and does not say why"),
        ((503, []), "busy", "it accepts no calls and does not say why"),
        ((503, {"reasons": 7}), "busy", "it accepts no calls and does not say why"),
        ((503, {"reasons": ["x" * 9000]}), "busy", "xxx"),
    ],
)
def test_odd_answers_are_understood(
    agent: Any, poller: EchoPoller, page: tuple[int, Any], state: str, problem: str
) -> None:
    """The status decides."""
    agent.pages["/readyz"] = page
    poller.poll()
    assert poller.readiness.state == state
    assert problem in str(poller.readiness.problem)
    assert len(str(poller.readiness.problem)) <= 600


Page = tuple[int, dict[str, Any]]
READY: Page = (200, {"status": "ready"})
BUSY: Page = (503, FULL)
ODD: Page = (404, {})


@pytest.mark.parametrize(
    ("pages", "state"),
    [
        ([BUSY, READY], "ready"),
        ([BUSY, ODD], "busy"),
        ([ODD, BUSY], "busy"),
        ([ODD, ODD], "unreachable"),
        ([ODD, BUSY, READY], "ready"),
    ],
)
def test_one_replica_that_is_ready_is_enough(
    make_agent: Callable[[], Any],
    monkeypatch: pytest.MonkeyPatch,
    pages: list[tuple[int, Any]],
    state: str,
) -> None:
    """All behind the name are asked; the next time, the one that is ready alone."""
    agents = [make_agent() for _ in pages]
    for agent, page in zip(agents, pages, strict=True):
        agent.pages["/readyz"] = page
    hosts = [urlsplit(agent.url).netloc for agent in agents]
    monkeypatch.setattr(echo_poller, "addresses", lambda *_: hosts)
    poller = EchoPoller("http://echo-service:8001/readyz", 2.0)
    for _ in range(2):
        poller.poll()
        assert poller.readiness.state == state
    asked = [len(agent.asked) for agent in agents]
    assert asked == ([1] * (len(pages) - 1) + [2] if state == "ready" else [2] * len(pages))


def test_lost_replicas_are_asked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """None is waited for before the others are asked."""
    count = 20
    everybody = threading.Barrier(count, timeout=60)

    def lost(*_: Any, **__: Any) -> None:
        everybody.wait()
        raise FetchError("it did not answer in time")

    monkeypatch.setattr(echo_poller, "addresses", lambda *_: [f"10.0.0.{n}" for n in range(count)])
    monkeypatch.setattr(fetch, "send", lost)
    poller = EchoPoller("http://echo-service:8001/readyz", 2.0)
    poller.poll()
    assert poller.readiness.state == "unreachable"
    assert not everybody.broken


def test_a_name_that_leads_to_several_addresses(agent: Any) -> None:
    """At one of which nothing listens, such as localhost's other one."""
    poller = EchoPoller(f"http://localhost:{urlsplit(agent.url).port}/readyz", 2.0)
    agent.pages["/readyz"] = READY
    poller.poll()
    assert poller.readiness.state == "ready"


def test_before_the_first_answer_it_is_not_ready(app: Flask) -> None:
    """Calls are connected, but readiness says that nothing is known yet."""
    assert answered(app) == ["talk", "connect"]
    ready = app.test_client().get("/readyz")
    assert ready.get_json()["reasons"] == [
        "the echo service is unknown: the echo service has not been asked yet"
    ]


def test_without_the_setting_nobody_is_asked(make_app: MakeApp) -> None:
    """The service also runs alone."""
    app = make_app()
    assert service_of(app).discovery.echo is None
    assert "echo" not in app.test_client().get("/readyz").get_json()
