"""Successful calls on the whole stack."""

from __future__ import annotations

import re

from tests.placing import place
from tests.waiting import until
from tools.stack import Stack


def summary_of(stack: Stack, uuid: str) -> dict[str, str]:
    """Return the fields of the echo service's summary line of the call `uuid`."""
    line = re.compile(rf"call_ended\b.*\bcall={re.escape(uuid)}\b.*")
    until(lambda: line.search(stack.logs("echo-service")) is not None, f"the summary of {uuid}")
    found = line.search(stack.logs("echo-service"))
    assert found
    return dict(re.findall(r"(\w+)=(\S+)", found[0]))


def test_speech_comes_back(stack: Stack) -> None:
    """The speech sample comes back whole, and both ends counted the same frames."""
    (outcome,) = place(stack, "--seconds", "2")
    outcome.assert_worked()
    (socket,) = outcome.report["sockets"]
    assert socket["frames_sent"] == socket["frames_received"] == 100
    summary = summary_of(stack, outcome.report["uuid"])
    assert (summary["frames_in"], summary["frames_out"]) == ("100", "100")
    assert (summary["bytes_in"], summary["odd_frames"]) == ("64000", "0")
    assert (summary["closed_by"], summary["close_code"]) == ("peer", "1000")


def test_keys_reach_the_service(stack: Stack) -> None:
    """Each key that the caller presses is logged, without the digit: it may be part of a PIN."""
    before = stack.logs("echo-service")
    (outcome,) = place(stack, "--seconds", "2", "--dtmf", "1#")
    outcome.assert_worked()
    logged = stack.logs("echo-service")[len(before) :]
    assert re.findall(r"\bdtmf\b.*\bdigit=(\S+)", logged) == ["masked", "masked"]


def test_events_reach_the_service(stack: Stack) -> None:
    """Both legs' events arrive, up to the end of the call, and are logged once each."""
    (outcome,) = place(stack, "--seconds", "1")
    outcome.assert_worked()
    conversation = outcome.report["conversation_uuid"]
    lines = [x for x in stack.logs("ncco-service").splitlines() if conversation in x]
    statuses = re.findall(r"\bstatus=(\w+)", "\n".join(lines))
    assert statuses.count("completed") == 2
    assert statuses.count("answered") == 2
    assert len(outcome.report["events"]) == len(statuses)


def test_numbers_are_masked(stack: Stack) -> None:
    """No log contains a caller's whole number."""
    place(stack, "--seconds", "1", "--from", "447700900987", "--to", "447700900654")
    for log in (stack.logs("echo-service"), stack.logs("ncco-service")):
        assert "447700900987" not in log
        assert "447700900654" not in log
    assert re.search(r"\bfrom=\S*87\b", stack.logs("ncco-service"))


def test_twenty_calls_at_once(stack: Stack) -> None:
    """Each of twenty concurrent callers gets all of its own audio back."""
    for outcome in place(stack, "--seconds", "3", count=20):
        outcome.assert_worked()
