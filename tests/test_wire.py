"""The examples of docs/wire.md agree with the running stack."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from tools.stack import Stack

WIRE = Path(__file__).resolve().parent.parent / "docs" / "wire.md"
EXAMPLES: dict[str, Any] = {
    name: json.loads(body)
    for name, body in re.findall(
        r"<!-- example: ([a-z-]+) -->\n```json\n(.*?)```", WIRE.read_text(), re.DOTALL
    )
}


def ask(url: str, body: object | None = None) -> tuple[int, Any]:
    """Return the status and the parsed JSON (None where there is none) of a GET or a JSON POST."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            text = response.read()
            return response.status, json.loads(text) if text else None
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read() or b"null")


def shape(value: object) -> object:
    """Return `value` with everything that varies from call to call reduced to its type."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items()}
    if isinstance(value, list):
        return [shape(item) for item in value]
    return type(value).__name__


def test_page_has_the_examples() -> None:
    """The page has every example that the tests below use."""
    assert set(EXAMPLES) == {
        *("answer-request", "ncco", "event", "headers-again", "connected", "error")
    }


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_answer(stack: Stack, method: str) -> None:
    """The answer to the example request has the actions of the example NCCO, for this call."""
    asked = EXAMPLES["answer-request"]
    if method == "GET":
        status, ncco = ask(f"{stack.answer_url}?{urllib.parse.urlencode(asked)}")
    else:
        status, ncco = ask(stack.answer_url, asked)
    assert status == 200
    talk, connect_ = EXAMPLES["ncco"]
    assert [action["action"] for action in ncco] == [talk["action"], connect_["action"]]
    assert set(connect_) <= set(ncco[1])
    endpoint = ncco[1]["endpoint"][0]
    assert set(connect_["endpoint"][0]) <= set(endpoint)
    assert endpoint["content-type"] == connect_["endpoint"][0]["content-type"]
    assert endpoint["headers"]["uuid"] == asked["uuid"]
    assert endpoint["headers"]["conversation_uuid"] == asked["conversation_uuid"]
    assert ncco[1]["eventType"] == "synchronous"
    assert ncco[1]["eventUrl"][0].endswith("/webhooks/events")


def test_event_of_a_lost_socket(stack: Stack) -> None:
    """The example event, a lost socket, has the platform connect it again, and count that."""
    events_url = stack.answer_url.replace("/answer", "/events")
    status, ncco = ask(events_url, EXAMPLES["event"])
    assert status == 200
    assert [action["action"] for action in ncco] == ["connect"]
    headers = ncco[0]["endpoint"][0]["headers"]
    assert headers["resumed"] == 1
    example = shape(EXAMPLES["headers-again"])
    assert isinstance(example, dict)
    assert shape(headers) == {name: example[name] for name in headers}


def test_event_of_the_callers_leg(stack: Stack) -> None:
    """The same event of the caller's own leg gets an empty reply."""
    events_url = stack.answer_url.replace("/answer", "/events")
    status, reply = ask(events_url, EXAMPLES["event"] | {"to": "447700900456"})
    assert (status, reply) == (204, None)


def test_error_shape(stack: Stack) -> None:
    """An unknown path of the webhooks gets the common error format."""
    status, error = ask(stack.answer_url + "/nothing")
    assert status == 404
    assert shape(error) == shape(EXAMPLES["error"])
