"""Failures of the model: what is survived, tried again, or ends the session."""

from __future__ import annotations

import pytest
from assistant.connection import ModelError
from assistant.failures import FATAL, STRANGE_MESSAGES, Failures
from assistant.protocol import ProtocolError, ResponseDone, ServerError


def ended(status: str, reason: str = "") -> ResponseDone:
    """End a response."""
    return ResponseDone("r", status, reason, None)


def test_a_failed_response_is_asked_for_once_more() -> None:
    """Once: the second failure in a row ends the session; a success in between forgives."""
    failures = Failures()
    assert failures.response(ended("failed", "server_error"), awaited=True)
    assert not failures.response(ended("completed"), awaited=True)
    assert failures.response(ended("failed", "server_error"), awaited=True)
    with pytest.raises(ModelError, match="failed to respond: server_error") as raised:
        failures.response(ended("failed", "server_error"), awaited=True)
    assert raised.value.cause == "refused"


def test_what_the_caller_has_interrupted_is_not_asked_for_again() -> None:
    """Nor what was cancelled, or was cut for its length."""
    failures = Failures()
    assert not failures.response(ended("failed", "server_error"), awaited=False)
    assert not failures.response(ended("cancelled", "turn_detected"), awaited=True)
    assert not failures.response(ended("incomplete", "max_output_tokens"), awaited=True)


@pytest.mark.parametrize("code", FATAL)
def test_what_no_second_attempt_helps_ends_the_session(code: str) -> None:
    """With its cause, be it an error or the end of a response."""
    with pytest.raises(ModelError) as raised:
        Failures().error(ServerError(code, "so it is"))
    assert (raised.value.cause, str(raised.value)) == (FATAL[code], "so it is")
    with pytest.raises(ModelError) as raised:
        Failures().response(ended("failed", code), awaited=True)
    assert raised.value.cause == FATAL[code]


def test_other_errors_are_survived() -> None:
    """Most of them are."""
    Failures().error(ServerError("invalid_value", "no"))


def test_a_server_of_another_protocol_is_given_up() -> None:
    """After some messages, not at the first."""
    failures = Failures()
    for _ in range(STRANGE_MESSAGES - 1):
        failures.message(ProtocolError("hello"))
    with pytest.raises(ModelError, match="another protocol: hello"):
        failures.message(ProtocolError("hello"))
