"""Calls during which something breaks: the caller is told, and other calls are not affected."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from http.client import IncompleteRead

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect

from tests.attempts import ATTEMPTS
from tests.placing import during_a_call, place
from tests.waiting import until
from tools.stack import Stack

MALFORMED_ANSWER_REQUESTS = [
    ("POST", b"", "application/json"),
    ("POST", b"{", "application/json"),
    ("POST", b"[]", "application/json"),
    ("POST", b'"text"', "application/json"),
    ("POST", b"\xff\xfe\x00", "application/json"),
    ("POST", b'{"from": {"a": 1}}', "application/json"),
    ("POST", b'{"uuid": ["a"]}', "application/json"),
    ("POST", b"[" * 50_000, "application/json"),
    ("POST", b'{"from": "' + b"4" * 70_000 + b'"}', "application/json"),
    ("POST", b"from=44&to=45", "application/x-www-form-urlencoded"),
    ("PUT", b"{}", "application/json"),
]

MALFORMED_MESSAGES: list[str | bytes] = [
    "",
    "ok",
    "{",
    "[]",
    "null",
    '{"event": 1}',
    '{"event": "websocket:unheard-of"}',
    '{"event": "websocket:dtmf"}',
    '{"event": "websocket:dtmf", "digit": {"a": "\\u001b[31m\\n"}}',
    "[" * 4000,
    "\x1b[2J\r\nforged INFO line\x00",
    b"",
    b"\x00",
    b"odd",
]


@pytest.mark.parametrize(("method", "body", "kind"), MALFORMED_ANSWER_REQUESTS)
def test_malformed_answer_request(stack: Stack, method: str, body: bytes, kind: str) -> None:
    """A malformed answer request gets an error that explains it; the next call is answered."""
    request = urllib.request.Request(stack.answer_url, body, {"Content-Type": kind}, method=method)
    for attempt in range(ATTEMPTS):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(request, timeout=60)
        with refused.value as error:
            assert 400 <= error.code < 500
            # Who refuses a body before it is there hangs up soon, and then a slow reader is told
            # nothing more.
            try:
                told = json.loads(error.read())
                break
            except (IncompleteRead, ConnectionError):
                assert attempt < ATTEMPTS - 1, "the words never come"
    assert set(told) == {"error", "message", "hint"}
    assert all(told.values())
    with urllib.request.urlopen(stack.answer_url + "?from=1&to=2&uuid=u", timeout=60) as good:
        assert good.status == 200


def test_malformed_socket_messages(stack: Stack) -> None:
    """Malformed messages on one socket are logged as one line each and leave other calls alone."""
    lines = len(stack.logs("echo-service").splitlines())
    with during_a_call(stack, "--seconds", "3") as outcome:
        with open_socket(stack) as socket:
            for message in MALFORMED_MESSAGES:
                socket.send(message)
            echoed = [socket.recv(timeout=60) for m in MALFORMED_MESSAGES if isinstance(m, bytes)]
        assert echoed == [m for m in MALFORMED_MESSAGES if isinstance(m, bytes)]
        outcome().assert_worked()
    logged = stack.logs("echo-service").splitlines()[lines:]
    assert not any("\x1b" in line or line.startswith("forged") for line in logged)
    assert sum(" text " in line for line in logged) >= 10


def test_echo_service_killed_during_a_call(fragile_stack: Stack) -> None:
    """The caller hears the apology, and the report says that the socket was lost."""
    with during_a_call(fragile_stack, "--seconds", "12") as outcome:
        fragile_stack.kill("echo-service")
        ended = outcome()
    assert ended.status == 1
    assert "socket" in ended.steps_that_failed
    assert "disconnected" in [event["status"] for event in ended.report["events"]]
    assert len(ended.report["spoken"]) == 2  # the greeting, then the apology
    fragile_stack.start("echo-service")
    fragile_stack.wait_ready()
    place(fragile_stack, "--seconds", "1")[0].assert_worked()


def test_ncco_service_killed_during_a_call(fragile_stack: Stack) -> None:
    """The audio continues to the end, and the report says that no event was accepted."""
    with during_a_call(fragile_stack, "--seconds", "8") as outcome:
        fragile_stack.kill("ncco-service")
        ended = outcome()
    assert ended.status == 1
    assert ended.steps_that_failed == {"event"}
    assert ended.echo["whole"]
    fragile_stack.start("ncco-service")
    fragile_stack.wait_ready()
    place(fragile_stack, "--seconds", "1")[0].assert_worked()


def test_no_echo_service(fragile_stack: Stack) -> None:
    """A call whose socket cannot be opened reports it, and hears the apology."""
    fragile_stack.stop("echo-service")
    (ended,) = place(fragile_stack, "--seconds", "2")
    assert ended.status == 1
    assert "socket" in ended.steps_that_failed
    assert len(ended.report["spoken"]) == 2


def test_no_ncco_service(fragile_stack: Stack) -> None:
    """A call without an answer fails at the answer step, with advice."""
    fragile_stack.stop("ncco-service")
    (ended,) = place(fragile_stack, "--seconds", "2")
    assert ended.status == 1
    assert ended.steps_that_failed == {"answer"}
    (problem,) = [p for p in ended.report["problems"] if p["severity"] == "failure"]
    assert problem["advice"]


def test_drain(fragile_stack: Stack) -> None:
    """A stopping echo-service finishes its call, refuses new ones, and exits with 0."""
    with during_a_call(fragile_stack, "--seconds", "8") as outcome, ThreadPoolExecutor(1) as aside:
        stopped = aside.submit(fragile_stack.stop, "echo-service")
        until(lambda: refusal(fragile_stack.socket_url) == 503, "new calls to be refused with 503")
        outcome().assert_worked()
        assert stopped.result() == 0


def open_socket(stack: Stack) -> AbstractContextManager[ClientConnection]:
    """Open the socket of an answered call, with the ticket of its NCCO where there is one."""
    with urllib.request.urlopen(stack.answer_url + "?from=1&to=2&uuid=u", timeout=60) as answer:
        endpoint = json.load(answer)[-1]["endpoint"][0]
    ticket = endpoint.get("authorization", {}).get("value")
    headers = {"Authorization": ticket} if ticket else {}
    return connect(stack.socket_url, additional_headers=headers, compression=None)


def refusal(socket_url: str) -> int | None:
    """Return the status with which a handshake is refused, None when it is accepted."""
    try:
        with connect(socket_url, open_timeout=60):
            return None
    except InvalidStatus as error:
        return error.response.status_code
