"""Authentication: signed webhooks, and each way to authenticate a socket."""

from __future__ import annotations

from typing import Any

import pytest

from tests.placing import place
from tools.processes import ProcessStack
from tools.stack import Service

SIGNATURE = "the-account's-signature-secret-of-a-test"
SOCKET = "a-secret-that-only-the-two-services-share"
OTHER = "another-secret-of-which-nobody-ever-heard"

MODES: dict[str, dict[Service, dict[str, str]]] = {
    "none": {
        "ncco-service": {"SOCKET_AUTH": "none"},
        "echo-service": {"SOCKET_AUTH": "none"},
    },
    "ticket": {
        "ncco-service": {"SOCKET_SECRET": SOCKET, "VONAGE_SIGNATURE_SECRET": SIGNATURE},
        "echo-service": {"SOCKET_SECRET": SOCKET},
    },
    "ticket, during a change of the secret": {
        "ncco-service": {"SOCKET_SECRET": SOCKET},
        "echo-service": {"SOCKET_SECRET": OTHER, "SOCKET_SECRET_PREVIOUS": SOCKET},
    },
    "vonage": {
        "ncco-service": {"SOCKET_AUTH": "vonage", "VONAGE_SIGNATURE_SECRET": SIGNATURE},
        "echo-service": {"SOCKET_AUTH": "vonage", "VONAGE_SIGNATURE_SECRET": SIGNATURE},
    },
}


def failure(settings: dict[Service, dict[str, str]], *arguments: str) -> dict[str, Any]:
    """Return the only failure of a call on a stack with these settings."""
    with ProcessStack(settings) as stack:
        stack.wait_ready()
        (outcome,) = place(stack, "--seconds", "1", *arguments)
    assert outcome.status == 1
    (problem,) = [p for p in outcome.report["problems"] if p["severity"] == "failure"]
    return dict(problem)


@pytest.mark.parametrize("mode", MODES)
def test_call_in_each_mode(mode: str) -> None:
    """A call works in every mode when both sides have the right secrets."""
    with ProcessStack(MODES[mode]) as stack:
        stack.wait_ready()
        (outcome,) = place(stack, "--seconds", "1", "--signature-secret", SIGNATURE)
    outcome.assert_worked()


def test_open_socket_is_announced() -> None:
    """Both services log that the socket accepts anyone."""
    with ProcessStack(MODES["none"]) as stack:
        stack.wait_ready()
        for service in ("ncco-service", "echo-service"):
            assert "WARNING open_to_anybody" in stack.logs(service)


def test_wrong_signature_secret() -> None:
    """A platform that signs with another secret is refused at the answer step, with the reason."""
    problem = failure(MODES["ticket"], "--signature-secret", OTHER)
    assert problem["step"] == "answer"
    assert "signed with another secret" in problem["seen"] + problem["advice"]
    assert SIGNATURE not in str(problem)


def test_unsigned_webhook() -> None:
    """A platform that does not sign is refused for lack of a token."""
    problem = failure(MODES["ticket"])
    assert problem["step"] == "answer"
    assert "401" in problem["seen"]
    assert "Authorization" in problem["seen"] + problem["advice"]


def test_wrong_socket_secret() -> None:
    """Services with different socket secrets refuse the handshake, naming the setting.

    ncco-service's own probe would find that first, and say that it is not ready.
    """
    unprobed = MODES["ticket"]["ncco-service"] | {"PROBE_SOCKET": "0"}
    settings: dict[Service, dict[str, str]] = {
        "ncco-service": unprobed,
        "echo-service": {"SOCKET_SECRET": OTHER},
    }
    problem = failure(settings, "--signature-secret", SIGNATURE)
    assert problem["step"] == "socket"
    assert "401" in problem["seen"]
    assert "SOCKET_SECRET" in problem["seen"] + problem["advice"]
    assert SOCKET not in str(problem)


def test_wrong_signature_secret_on_the_socket() -> None:
    """An echo service with another signature secret refuses the handshake, naming the setting."""
    settings = MODES["vonage"] | {
        "echo-service": {"SOCKET_AUTH": "vonage", "VONAGE_SIGNATURE_SECRET": OTHER}
    }
    problem = failure(settings, "--signature-secret", SIGNATURE)
    assert problem["step"] == "socket"
    assert "VONAGE_SIGNATURE_SECRET" in problem["seen"] + problem["advice"]
