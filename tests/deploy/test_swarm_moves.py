"""Calls that outlive their replica on a real swarm: updates of both services, and a kill."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.deploy.swarm import SIGNATURE_SECRET, SwarmStack
from tests.engine import docker
from tests.placing import place
from tests.waiting import until

CALLS = int(os.environ.get("SWARM_CALLS", "40"))
"""Calls that are up; 200 need two cores for themselves."""
SECONDS = 85
REPLICAS = 2
HANGS_UP = """
async def handler(call):
    async for at, event in call:
        if at > 1:
            return
"""
"""An audio handler that ends its call on purpose."""


@pytest.fixture(scope="module")
def swarm(images: dict[str, str]) -> Iterator[SwarmStack]:
    """Yield a stack whose echo-service moves its calls as soon as it is stopped."""
    registry = images["echo-service"].partition("/")[0]
    settings = {"ECHO_REPLICAS": str(REPLICAS), "UPDATE_MONITOR": "2s", "DRAIN_SECONDS": "0"}
    settings["UPDATE_DELAY"] = "6s"  # Swarm's 2, MOVE_SECONDS and the close
    with pytest.MonkeyPatch.context() as patch, SwarmStack(registry, "1", settings) as stack:
        patch.setenv("VONAGE_SIGNATURE_SECRET", SIGNATURE_SECRET)
        yield stack


def test_calls_outlive_updates_and_a_kill(swarm: SwarmStack) -> None:
    """No call ends, every one moves, and nothing is lost but what was said in the gaps."""
    load = subprocess.Popen(
        [sys.executable, "-m", "phone", "load", swarm.answer_url, "--calls", str(CALLS),
         "--ramp", "5", "--seconds", str(SECONDS), "--processes", "2", "--json",
         "--fallback-url", swarm.answer_url.replace("answer", "fallback")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    try:
        began = time.monotonic()
        until(lambda: started(swarm) >= CALLS, "every call to be up", 40)
        updated = update(swarm, "echo-service"), update(swarm, "ncco-service")
        killed = time.monotonic()
        docker("kill", "--signal", "KILL", swarm.containers("echo-service")[0]["Id"])
        print(f"updates over after {killed - began:.0f} s: {updated}")
        out, err = load.communicate(timeout=SECONDS + 60)
    finally:
        load.kill()
        load.wait()
    result = json.loads(out)
    moves = result["moves"]["each"]
    by_update = [ms for at, ms in moves if at < killed]
    by_kill = [ms for at, ms in moves if at >= killed]
    shown = {
        "update": figures(by_update),
        "kill": figures(by_kill),
        **{name: result[name] for name in ("calls", "worked", "frames", "failures", "machine")},
    }
    print(json.dumps(shown))
    assert load.returncode == 0, err + json.dumps(shown)
    assert result["worked"] == result["calls"] == CALLS
    assert result["frames"]["lost"] == result["frames"]["strange"] == 0
    assert len(by_update) >= CALLS, "every call moved"
    assert by_kill, "a replica with calls was killed"
    # The caller waits for one webhook and one handshake, and on a machine with other work for a
    # processor (docs/deploy.md has figures); never as long as an apology takes.
    assert max(by_update) < 5000
    assert max(by_kill) < 10_000


def test_a_call_that_was_meant_to_end(swarm: SwarmStack, tmp_path: Path) -> None:
    """A handler hangs up: whichever replica had the call says so, and nobody apologises."""
    (tmp_path / "hanging.py").write_text(HANGS_UP)
    config = f"{swarm.name}_handler"
    namespace = f"com.docker.stack.namespace={swarm.name}"  # so that it goes with the stack
    docker("config", "create", "--label", namespace, config, str(tmp_path / "hanging.py"))
    swarm.update(
        "echo-service",
        *("--config-add", f"source={config},target=/handlers/hanging.py"),
        *("--env-add", "PYTHONPATH=/handlers", "--env-add", "AUDIO_HANDLER=hanging:handler"),
    )
    until(lambda: swarm.update_state("echo-service") == "completed", "the new handler", 60)
    for ended in place(swarm, "--seconds", "5", "--expect", "any", count=4):
        assert ended.status == 0, ended.words + json.dumps(ended.report["problems"], indent=1)
        assert len(ended.report["spoken"]) == 1, "only the greeting"
        assert [socket["close_code"] for socket in ended.report["sockets"]] == [1000]


def started(swarm: SwarmStack) -> int:
    """Return how many calls echo-service has begun."""
    return sum(swarm.log_of(c).count("call_started") for c in swarm.containers("echo-service"))


def update(swarm: SwarmStack, service: Any) -> float:
    """Replace every replica of a service; return how many seconds that took."""
    before = time.monotonic()
    swarm.update(service, "--force")
    until(lambda: swarm.update_state(service) == "completed", f"{service}'s update", 60)
    return round(time.monotonic() - before, 1)


def figures(gaps: Sequence[float]) -> dict[str, float]:
    """Return the count and the quantiles of some gaps, in ms."""
    ordered = sorted(gaps) or [0.0]
    return {
        "count": len(gaps),
        "p50": ordered[len(ordered) // 2],
        "p99": ordered[min(len(ordered) - 1, int(0.99 * len(ordered)))],
        "max": ordered[-1],
    }
