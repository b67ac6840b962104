"""Functions: described by their types, checked, and told to the model when they fail."""

from __future__ import annotations

import asyncio
import http.server
import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest
from assistant.fake.judge import judge
from assistant.protocol import Session, session_update
from assistant.settings import SettingsError
from assistant.settings import load as settings
from assistant.tools import load

PLACES = "talk.functions:add, talk.functions:fail"


def untyped(a) -> None:  # type: ignore[no-untyped-def]
    """Lack a type."""


async def slow() -> None:
    """Take too long."""
    await asyncio.sleep(60)


async def test_functions_are_described_and_called() -> None:
    """By docstring and hints, as the protocol has it; the result is JSON."""
    tools = load(settings(assistant_tools=PLACES))("a-call")
    described = tools.describe()
    assert [tool["name"] for tool in described] == ["hang_up", "add", "fail"]
    add = described[1]
    assert add["description"] == "Add two numbers."
    assert add["parameters"]["properties"]["a"]["type"] == "integer"
    assert add["parameters"]["required"] == ["a"]
    assert judge(json.loads(session_update(Session(tools=described)))) is None
    assert await tools.call("add", '{"a": 2, "b": 3}') == ("5", None)


@pytest.mark.parametrize(
    ("name", "arguments", "told"),
    [
        ("add", '{"a": "two"}', "wrong arguments: a: "),
        ("add", "{", "wrong arguments"),
        ("fail", "{}", "RuntimeError: as it should"),
        ("absent", "{}", "there is no function 'absent'"),
    ],
)
async def test_errors_go_back_to_the_model(name: str, arguments: str, told: str) -> None:
    """Whatever goes wrong is an answer, too."""
    tools = load(settings(assistant_tools=PLACES))("a-call")
    output, error = await tools.call(name, arguments)
    assert told in json.loads(output)["error"]
    assert error is not None


async def test_a_slow_function_is_given_up() -> None:
    """After a setting's seconds."""
    chosen = settings(assistant_tools="talk.test_tools:slow", assistant_tool_seconds=0.05)
    output, error = await load(chosen)("a-call").call("slow", "")
    assert json.loads(output)["error"] == "it took more than 0.05 s"
    assert error is not None


async def leave() -> None:
    """Leave."""
    raise SystemExit(3)


async def own_timeout() -> None:
    """Fail in a timeout that is not the assistant's."""
    raise TimeoutError("the shop's database")


@pytest.mark.parametrize(
    ("name", "told"),
    [("leave", "SystemExit: 3"), ("own_timeout", "TimeoutError: the shop's database")],
)
async def test_whatever_a_function_raises_is_told(name: str, told: str) -> None:
    """Nothing of it ends the service, or is taken for something else."""
    tools = load(settings(assistant_tools=f"talk.test_tools:{name}"))("a-call")
    output, error = await tools.call(name, "")
    assert json.loads(output)["error"] == told
    assert error is not None


@pytest.mark.parametrize(
    ("places", "told"),
    [
        ("talk.functions:absent", "'talk.functions:absent'"),
        ("absent:add", "ModuleNotFoundError"),
        ("add", "give module:name"),
        ("talk.functions:__all__", "is no function"),
        ("talk.functions:add,talk.functions:add", "there are two functions 'add'"),
        ("talk.test_tools:untyped", "the parameter 'a' has no type"),
    ],
)
def test_a_wrong_function_stops_the_start(places: str, told: str) -> None:
    """With its place."""
    with pytest.raises(SettingsError, match=told):
        load(settings(assistant_tools=places))


@pytest.fixture
def operator() -> Iterator[tuple[str, list[tuple[str, str | None, Any]]]]:
    """An operator interface: its URL, and what it was asked."""
    asked: list[tuple[str, str | None, Any]] = []

    class Operator(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append((self.path, self.headers["Authorization"], body))
            self.send_response(204 if body["digits"] != "x" else 422)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Say nothing."""

    with http.server.HTTPServer(("127.0.0.1", 0), Operator) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield f"http://127.0.0.1:{server.server_port}", asked
        server.shutdown()
        serving.join()


async def test_keys_are_pressed_by_ncco_service(operator: tuple[str, list[Any]]) -> None:
    """Where its interface is configured; with the token."""
    url, asked = operator
    assert "press_keys" not in [tool["name"] for tool in load(settings())("c").describe()]
    tools = load(settings(operator_url=url, operator_token="secret"))("a/call")
    assert await tools.call("press_keys", '{"digits": "12#"}') == ("pressed", None)
    assert asked == [("/calls/a%2Fcall/dtmf", "Bearer secret", {"digits": "12#"})]
    output, error = await tools.call("press_keys", '{"digits": "x"}')
    assert "ncco-service answers 422" in output
    assert error is not None
