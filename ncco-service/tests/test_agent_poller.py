"""The poller of the tunnel agent, over real HTTP: every way in which an agent can fail."""

import time
from collections.abc import Callable
from typing import Any, Protocol

import pytest
from ncco_service.discovery.agent_poller import REPORT_SECONDS, STARTING_SECONDS, AgentPoller
from ncco_service.http import fetch
from ncco_service.settings import Settings

Events = Callable[[str], list[dict[str, Any]]]


class Agent(Protocol):
    """What conftest's agent offers."""

    url: str
    pages: dict[str, tuple[int, Any]]
    asked: list[str]
    silent: Any
    dribbling: bool

    def close(self) -> None:
        """Stop listening."""


def endpoints(*pairs: tuple[str, str]) -> tuple[int, Any]:
    """Make the page /api/endpoints."""
    return 200, {"endpoints": [{"url": u, "upstream": {"url": f"http://{t}"}} for u, t in pairs]}


def tunnels(*pairs: tuple[str, str]) -> tuple[int, Any]:
    """Make the page /api/tunnels."""
    entries = [{"public_url": u, "config": {"addr": f"http://{t}"}} for u, t in pairs]
    return 200, {"tunnels": entries, "uri": "/api/tunnels"}


GATE = ("https://gate.example", "gateway:8080")
ECHO = ("https://echo.example", "echo-service:8001")
NCCO = ("https://ncco.example", "ncco-service:8000")


@pytest.fixture
def clock() -> list[float]:
    """Give a clock to set."""
    return [100.0]


@pytest.fixture
def poller(agent: Agent, clock: list[float]) -> AgentPoller:
    """Give a poller of the test's agent."""
    return AgentPoller(Settings.from_env({"NGROK_API_URL": agent.url}), lambda: clock[0])


def test_the_newer_list_is_enough(agent: Agent, poller: AgentPoller) -> None:
    """One tunnel to the gateway serves both; the older list is not asked for."""
    agent.pages["/api/endpoints"] = endpoints(GATE)
    assert poller.poll() == 5.0
    assert (poller.tunnel.socket, poller.tunnel.webhooks) == (GATE[0], GATE[0])
    assert poller.tunnel.error is None
    assert "/api/tunnels" not in agent.asked


def test_the_older_list_is_enough(agent: Agent, poller: AgentPoller) -> None:
    """An agent of before 3.30 knows only that one."""
    agent.pages["/api/tunnels"] = tunnels(NCCO, ECHO)
    poller.poll()
    assert (poller.tunnel.socket, poller.tunnel.webhooks) == (ECHO[0], NCCO[0])


def test_what_one_list_lacks_the_other_may_have(agent: Agent, poller: AgentPoller) -> None:
    """An endpoint that is in only one of the lists is found."""
    agent.pages["/api/endpoints"] = endpoints()
    agent.pages["/api/tunnels"] = tunnels(GATE)
    poller.poll()
    assert poller.tunnel.socket == GATE[0]


def test_an_empty_list_is_not_ready(agent: Agent, poller: AgentPoller) -> None:
    """Nothing is known, and the next poll comes soon."""
    agent.pages["/api/endpoints"] = endpoints()
    agent.pages["/api/tunnels"] = tunnels()
    assert poller.poll() == 1.0
    assert poller.tunnel.socket is None
    assert "no tunnel open" in str(poller.tunnel.error)


def test_an_empty_list_ends_what_was_known(agent: Agent, poller: AgentPoller) -> None:
    """The agent says that the tunnel is closed; then its URL is no longer used."""
    agent.pages["/api/endpoints"] = endpoints(GATE)
    poller.poll()
    agent.pages["/api/endpoints"] = endpoints()
    agent.pages["/api/tunnels"] = tunnels()
    poller.poll()
    assert poller.tunnel.socket is None


def test_two_upstreams_with_one_url_are_refused(agent: Agent, poller: AgentPoller) -> None:
    """The reason explains what to do."""
    one = "https://one.example"
    agent.pages["/api/endpoints"] = endpoints((one, NCCO[1]), (one, ECHO[1]))
    poller.poll()
    assert (poller.tunnel.socket, poller.tunnel.webhooks) == (None, None)
    assert "one endpoint only, for the gateway" in str(poller.tunnel.error)


def test_internal_urls_are_refused(agent: Agent, poller: AgentPoller) -> None:
    """Nobody outside could reach them."""
    agent.pages["/api/endpoints"] = endpoints(("https://echo.internal", ECHO[1]), GATE)
    poller.poll()
    assert poller.tunnel.socket == GATE[0]


def test_a_changed_url_is_used_and_logged_once(
    agent: Agent, poller: AgentPoller, events: Events
) -> None:
    """The log names the URLs to paste, when they are found and when they change."""
    agent.pages["/api/endpoints"] = endpoints(GATE)
    poller.poll()
    poller.poll()
    agent.pages["/api/endpoints"] = endpoints(("https://new.example", GATE[1]))
    poller.poll()
    assert poller.tunnel.socket == "https://new.example"
    pasted = [fields["answer_url"] for fields in events("dashboard") if "answer_url" in fields]
    assert pasted == [
        "https://gate.example/webhooks/answer",
        "https://new.example/webhooks/answer",
    ]
    urls = [fields["event_url"] for fields in events("dashboard") if "event_url" in fields]
    assert urls[-1] == "https://new.example/webhooks/events"
    assert len(events("tunnel")) == 2
    (changed,) = (fields for fields in events("dashboard") if fields["log_level"] == "warning")
    assert "still has https://gate.example, which is no longer ours" in changed["message"]


def test_a_lost_session_is_a_doubt(agent: Agent, poller: AgentPoller, events: Events) -> None:
    """The list stays as it was; only the agent's status shows that nothing comes through."""
    agent.pages["/api/endpoints"] = endpoints(GATE)
    lost = (200, {"status": "reconnecting"})
    online = (200, {"status": "online"})
    seen = []
    for page in (online, lost, lost, (404, {}), lost, (200, b"<html>"), lost, online):
        agent.pages["/api/status"] = page
        poller.poll()
        seen.append(poller.tunnel.doubt)
    doubt = "the agent says that it is 'reconnecting'"
    assert seen == [None, doubt, doubt, None, doubt, None, doubt, None]
    assert poller.tunnel.socket == GATE[0]
    assert events("tunnel_problem")[0]["message"] == doubt


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ((404, {"msg": "Not Found"}), "answered 404"),
        ((502, b"<html>"), "answered 502"),
        ((200, b"<html>"), "sent something that is not JSON"),
        ((200, {"msg": "hello"}), 'without a list "endpoints" or "tunnels"'),
        ((200, b" " * (fetch.MAX_BYTES + 1)), "sent more than 1048576 bytes"),
    ],
)
def test_an_invalid_answer_keeps_what_was_known(
    agent: Agent, poller: AgentPoller, clock: list[float], page: tuple[int, Any], said: str
) -> None:
    """The last valid answer stays, gets older, and the error is reported."""
    agent.pages["/api/endpoints"] = endpoints(GATE)
    poller.poll()
    agent.pages["/api/endpoints"] = agent.pages["/api/tunnels"] = page
    clock[0] += 30
    poller.poll()
    assert poller.tunnel.socket == GATE[0]
    assert poller.age == 30
    assert said in str(poller.tunnel.error)


def test_an_agent_that_is_gone_keeps_what_was_known(
    agent: Agent, poller: AgentPoller, clock: list[float], events: Events
) -> None:
    """The error is logged once, not at every poll."""
    agent.pages["/api/endpoints"] = endpoints(GATE)
    poller.poll()
    agent.close()
    clock[0] += 7
    for _ in range(3):
        poller.poll()
    assert poller.tunnel.socket == GATE[0]
    assert poller.age == 7
    assert "cannot be reached: Connection refused" in str(poller.tunnel.error)
    assert [fields["kept"] for fields in events("tunnel_problem")] == [GATE[0]]


def test_a_silent_agent_times_out(
    agent: Agent, poller: AgentPoller, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A poll ends, and a later one may succeed."""
    agent.pages["/api/endpoints"] = endpoints(GATE)
    agent.silent.set()
    began = time.monotonic()
    with monkeypatch.context() as impatient:
        impatient.setattr(fetch, "TOTAL_SECONDS", 0.2)
        poller.poll()
    # It would be silent for 30 s.
    assert time.monotonic() - began < 10
    assert "did not answer in time" in str(poller.tunnel.error)
    agent.silent.clear()
    poller.poll()
    assert poller.tunnel.socket == GATE[0]
    assert poller.tunnel.error is None


def test_an_agent_that_fails_otherwise_each_time_is_reported_once_a_minute(
    agent: Agent, poller: AgentPoller, clock: list[float], events: Events
) -> None:
    """With a wrong token it is there, gone and back; at its start nothing is reported."""
    agent.pages["/api/endpoints"] = agent.pages["/api/tunnels"] = (200, {})
    poller.poll()
    assert events("tunnel_problem") == []
    for second in range(int(STARTING_SECONDS), int(STARTING_SECONDS + REPORT_SECONDS) + 2):
        clock[0] = 100.0 + second
        agent.pages["/api/endpoints"] = agent.pages["/api/tunnels"] = (500 + second, {})
        poller.poll()
    assert len(events("tunnel_problem")) == 2
