"""Health: alive always; ready only if a call would work now, else with the reasons."""

from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from ncco_service.app import service_of
from ncco_service.discovery.agent_poller import Tunnel

MakeApp = Callable[..., Flask]
AGENT = "http://127.0.0.1:9"  # nobody asks it: no thread is started here


def test_alive(client: FlaskClient) -> None:
    """It answers as long as the process serves."""
    assert client.get("/healthz").get_json() == {"status": "alive"}


def test_ready_by_setting(make_app: MakeApp) -> None:
    """Both addresses with their sources; a query is not shown."""
    settings = {"SOCKET_URL": "wss://s/x?key=sesam", "PUBLIC_URL": "https://p"}
    answer = make_app(**settings).test_client().get("/readyz")
    assert answer.status_code == 200
    assert answer.get_json() == {
        "status": "ready",
        "socket": {"url": "wss://s/x", "source": "setting"},
        "events": {"url": "https://p/webhooks/events", "source": "setting"},
        "probe": {"url": None, "age_seconds": None, "error": None},
        "authentication": {"webhooks": {"auth": "none"}, "socket": {"auth": "none"}},
        "refused": {},
        "calls": "off: set VONAGE_APPLICATION_ID and VONAGE_PRIVATE_KEY_FILE to start calls "
        "(docs/outbound.md)",
        "warnings": [
            "anyone can send webhooks, since none is verified: set VONAGE_SIGNATURE_SECRET",
            "anyone can open the socket (SOCKET_AUTH=none): "
            "set SOCKET_SECRET here and for the echo service, and SOCKET_AUTH=ticket",
        ],
    }


def test_ready_offline_for_a_local_caller_only(make_app: MakeApp) -> None:
    """With nothing configured, calls work on this machine."""
    client = make_app(SOCKET_URL="").test_client()
    local = client.get("/readyz", headers={"Host": "127.0.0.1:8000"})
    assert local.status_code == 200
    assert local.get_json()["socket"] == {"url": "ws://127.0.0.1:8000/socket", "source": "request"}
    far = client.get("/readyz", headers={"Host": "voice.example.org"})
    assert far.status_code == 503
    assert far.get_json()["status"] == "not ready"
    assert "set SOCKET_URL" in far.get_json()["reasons"][0]


def test_not_ready_before_the_agent_answers(make_app: MakeApp) -> None:
    """Whoever names an agent expects calls from outside, so a local caller does not suffice."""
    client = make_app(SOCKET_URL="", NGROK_API_URL=AGENT, PROBE_SOCKET="0").test_client()
    answer = client.get("/readyz")
    assert answer.status_code == 503
    assert answer.get_json()["reasons"] == [
        "the tunnel supplies no public URL for the socket and the webhooks: "
        "the tunnel agent has not been asked yet"
    ]
    assert answer.get_json()["agent"]["age_seconds"] is None


def test_ready_by_the_agent(make_app: MakeApp, monkeypatch: pytest.MonkeyPatch) -> None:
    """URL, source, age, and an error that occurred since."""
    app = make_app(SOCKET_URL="", NGROK_API_URL=AGENT, PROBE_SOCKET="0")
    watch = service_of(app).discovery.agent
    assert watch is not None
    monkeypatch.setattr(watch, "_clock", lambda: 112.345)
    watch.tunnel = Tunnel("https://gate", "https://gate", 100.0, "it did not answer in time")
    answer = app.test_client().get("/readyz")
    assert answer.status_code == 200
    assert answer.get_json()["socket"] == {"url": "wss://gate/socket", "source": "agent"}
    assert answer.get_json()["agent"] == {
        "socket": "https://gate",
        "webhooks": "https://gate",
        "age_seconds": 12.3,
        "error": "it did not answer in time",
    }


@pytest.mark.parametrize(
    ("settings", "status"),
    [
        ({"SOCKET_URL": "wss://s/x", "PUBLIC_URL": "https://p"}, 200),
        ({"SOCKET_URL": "wss://s/x"}, 503),
        ({"SOCKET_URL": "", "PUBLIC_URL": "https://p"}, 503),
    ],
)
def test_the_agent_matters_only_for_what_no_setting_says(
    make_app: MakeApp, settings: dict[str, str], status: int
) -> None:
    """With both settings the agent may be away."""
    client = make_app(NGROK_API_URL=AGENT, PROBE_SOCKET="0", **settings).test_client()
    assert client.get("/readyz").status_code == status
