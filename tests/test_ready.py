"""What the container `ready` says of the stack, with stand-ins for its services."""

from __future__ import annotations

import importlib.util
import socket
import urllib.error
import urllib.request
from pathlib import Path
from types import ModuleType

import pytest

PROGRAM = Path(__file__).resolve().parent.parent / "ready" / "ready.py"
GONE = "echo-service does not answer: docker compose logs echo-service"


@pytest.fixture
def ready(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Load the program; its gateway is up."""
    spec = importlib.util.spec_from_file_location("ready_program", PROGRAM)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    monkeypatch.setenv("ECHO_READY_URL", "echo")
    monkeypatch.setenv("NCCO_READY_URL", "ncco")
    monkeypatch.setattr(module, "gateway", list)
    return module


@pytest.mark.parametrize(
    ("echo", "ncco", "said"),
    [
        ([GONE], ["ncco-service: the echo service is unreachable: http://…: refused"], GONE),
        (
            [],
            ["ncco-service: the tunnel supplies no public URL: a wrong token"],
            "ncco-service: the tunnel supplies no public URL: a wrong token; "
            "docker compose logs ngrok",
        ),
    ],
)
def test_what_is_in_the_way_is_said_once_and_where_more_is_said(
    ready: ModuleType,
    monkeypatch: pytest.MonkeyPatch,
    echo: list[str],
    ncco: list[str],
    said: str,
) -> None:
    """ncco-service asks echo-service as well; the agent's reason is only in the agent's log."""
    monkeypatch.setattr(ready, "readiness", lambda _, url: (echo if url == "echo" else ncco, {}))
    assert ready.look() == (False, f"not ready: {said}")


@pytest.mark.parametrize("error", [socket.gaierror(-2, "unknown"), ConnectionRefusedError()])
def test_a_service_that_starts_again_and_again_is_one_line(
    ready: ModuleType, monkeypatch: pytest.MonkeyPatch, error: OSError
) -> None:
    """Whether its name is gone or its port, which changes every second."""

    def fail(*_: object, **__: object) -> None:
        raise urllib.error.URLError(error)

    monkeypatch.setattr(urllib.request, "urlopen", fail)
    assert ready.readiness("echo-service", "http://echo-service:8001/readyz") == ([GONE], {})
