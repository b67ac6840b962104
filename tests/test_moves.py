"""Calls that outlive the process that carries them, and calls that were meant to end."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from phone.commands.exit_status import INTERRUPTED

from tests.compose import ComposeStack
from tests.placing import Outcome, during_a_call, place
from tests.waiting import pass_time, until
from tools.processes import ProcessStack
from tools.stack import Service, Stack

AT_ONCE: dict[Service, dict[str, str]] = {"echo-service": {"DRAIN_SECONDS": "0"}}
HANGS_UP = """
async def handler(call):
    async for at, event in call:
        if at > 1:
            return
"""
"""An audio handler that ends its call on purpose."""


@pytest.fixture(scope="module", params=["processes", "compose"])
def moving_stack(request: pytest.FixtureRequest) -> Iterator[Stack]:
    """Yield a stack with one echo-service, which moves its calls as soon as it is stopped."""
    if request.param == "compose":
        request.getfixturevalue("engine")
        with ComposeStack(AT_ONCE) as compose:
            yield compose
    else:
        with ProcessStack(AT_ONCE) as processes:
            yield processes


def restart(stack: Stack) -> None:
    """Stop echo-service and start it again."""
    if isinstance(stack, ComposeStack):
        stack.compose("restart", "echo-service")
    else:
        assert stack.stop("echo-service") == 0
        stack.start("echo-service")


def crash(stack: Stack) -> None:
    """Kill echo-service and start it again."""
    stack.kill("echo-service")
    stack.start("echo-service")


def replace(stack: Stack) -> None:
    """Build echo-service, and put the new container in the old one's place."""
    assert isinstance(stack, ComposeStack)
    stack.compose("up", "--detach", "--build", "--force-recreate", "--no-deps", "echo-service")


@pytest.mark.parametrize(("disturb", "code"), [(restart, 1012), (crash, 1006), (replace, 1012)])
def test_a_call_outlives_its_echo_service(
    moving_stack: Stack, disturb: Callable[[Stack], None], code: int
) -> None:
    """The caller hears nothing for some seconds, then herself again; and never the apology."""
    if disturb is replace and not isinstance(moving_stack, ComposeStack):
        pytest.skip("there is no container to replace")
    with during_a_call(moving_stack, "--seconds", "60") as outcome:
        calls = moving_stack.logs("echo-service").count("call_started")
        pass_time(1.5)  # so that there is something to be heard before the gap
        disturb(moving_stack)
        anew = 0 if disturb is replace else calls  # another container has another log
        until(lambda: moving_stack.logs("echo-service").count("call_started") > anew, "the move")
        pass_time(1.5)
        ended = outcome(hang_up=True)
    assert_moved(ended, code)
    print(f"{moving_stack.kind} {disturb.__name__}: {ended.report['moves']}")
    place(moving_stack, "--seconds", "1")[0].assert_worked()


def assert_moved(ended: Outcome, code: int) -> None:
    """Fail unless the call went on with a second socket, and every other frame came back."""
    shown = ended.words + json.dumps(ended.report.get("problems"), indent=1)
    assert (ended.status, ended.report["ok"]) == (INTERRUPTED, True), shown
    assert len(ended.report["spoken"]) == 1, "only the greeting"
    (move,) = ended.report["moves"]
    assert move["close_code"] == code
    assert move["same_call"]
    assert 0 < move["gap_ms"] < 20_000
    opened = [socket for socket in ended.report["sockets"] if socket["handshake_ms"] is not None]
    assert len(opened) == 2
    for socket in opened:
        assert socket["echo"]["lost"] == socket["echo"]["changed"] == 0, socket["echo"]


def test_a_call_that_was_meant_to_end(moving_stack: Stack, tmp_path: Path) -> None:
    """The handler hangs up: no apology, and no second socket."""
    with own_handler(moving_stack.kind, tmp_path) as stack:
        (ended,) = place(stack, "--seconds", "5", "--expect", "any")
    assert ended.status == 0, ended.words + json.dumps(ended.report["problems"], indent=1)
    assert len(ended.report["spoken"]) == 1, "only the greeting"
    assert [socket["close_code"] for socket in ended.report["sockets"]] == [1000]
    assert ended.report["moves"] == []


def own_handler(kind: str, folder: Path) -> Any:
    """Return a stack of that kind whose calls are ended by a handler."""
    (folder / "hanging.py").write_text(HANGS_UP)
    settings: dict[Service, dict[str, str]] = {
        "echo-service": {"AUDIO_HANDLER": "hanging:handler", "PYTHONPATH": str(folder)}
    }
    if kind == "processes":
        return ProcessStack(settings)
    folder.chmod(0o755)
    mounted = folder / "mounted.json"
    volume = {"type": "bind", "source": str(folder), "target": "/handlers", "read_only": True}
    mounted.write_text(json.dumps({"services": {"echo-service": {"volumes": [volume]}}}))
    settings["echo-service"]["PYTHONPATH"] = "/handlers"
    return ComposeStack(settings, files=[mounted])
