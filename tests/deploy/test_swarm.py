"""The stack on a real swarm of one node, as deploy/swarm/stack.yml has it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import threading
from collections.abc import Iterator

import pytest

from tests.deploy.swarm import SIGNATURE_SECRET, SwarmStack, rendered
from tests.placing import Outcome, during_a_call, place
from tests.waiting import until
from tools.stack import SERVICES, Service, StackError

REPLICAS = {"ncco-service": 2, "echo-service": 2, "gateway": 1}
NEEDED = {
    "REGISTRY": "registry.example.com",
    "TAG": "1",
    "SOCKET_URL": "wss://calls.example.com/socket",
    "PUBLIC_URL": "https://calls.example.com",
}


@pytest.fixture(scope="module")
def swarm(images: dict[str, str]) -> Iterator[SwarmStack]:
    """Yield one stack for all cases here, with a phone that signs as it expects."""
    registry = images["echo-service"].partition("/")[0]
    settings = {"ECHO_REPLICAS": "2", "UPDATE_MONITOR": "2s", "DRAIN_SECONDS": "0"}
    settings["UPDATE_DELAY"] = "1s"  # so that both replicas are replaced within a call
    with pytest.MonkeyPatch.context() as patch, SwarmStack(registry, "1", settings) as stack:
        patch.setenv("VONAGE_SIGNATURE_SECRET", SIGNATURE_SECRET)
        yield stack


def test_swarm_takes_the_file_without_a_word(engine: None) -> None:
    """Nothing in it is unsupported, ignored or dropped; what it needs is asked for by name."""
    model, warnings = rendered(NEEDED)
    assert warnings == ""
    assert set(model["services"]) == set(REPLICAS)
    for name, service in model["services"].items():
        assert service["read_only"], name
        assert service["cap_drop"] == ["ALL"], name
        assert "tmpfs" not in service, "Swarm drops it"
        assert service["deploy"]["endpoint_mode"] == "dnsrr", name
    # Without a registry the images have no valid names, which ends the deployment, too.
    for name in NEEDED.keys() - {"REGISTRY"}:
        with pytest.raises(StackError, match=rf"{name}"):
            rendered({**NEEDED, name: ""})


def test_a_call_goes_through(swarm: SwarmStack) -> None:
    """Signed webhooks, a ticket and the gateway: every frame comes back; replicas take turns."""
    crowd = subprocess.run(
        [sys.executable, "-m", "phone", "load", swarm.answer_url, "--calls", "20", "--ramp", "1",
         "--seconds", "1", "--json"],
        capture_output=True,
        text=True,
        timeout=60,
    )  # fmt: skip
    assert crowd.returncode == 0, crowd.stdout + crowd.stderr
    for service in ("ncco-service", "echo-service"):
        containers = swarm.containers(service)
        assert len(containers) == REPLICAS[service]
        for container in containers:
            assert container["HostConfig"]["ReadonlyRootfs"]
            assert container["HostConfig"]["CapDrop"] == ["ALL"]
            assert "/tmp" in {mount["Target"] for mount in container["HostConfig"]["Mounts"]}
    took = [swarm.log_of(c).count("call_ended") for c in swarm.containers("echo-service")]
    assert sum(took) == 20
    assert min(took) > 0, "a replica had none"


def test_calls_go_on_during_a_rolling_update(swarm: SwarmStack) -> None:
    """While both services change, calls move to the new replicas, and new calls all work."""
    before = {service: ids(swarm, service) for service in SERVICES}
    with Callers(swarm) as callers, during_a_call(swarm, "--seconds", "15") as outcome:
        for service in SERVICES:
            swarm.update(service, "--force")
        for service in SERVICES:
            until(
                lambda service=service: swarm.update_state(service) == "completed",  # type: ignore[misc]
                f"{service}'s update",
                60,
            )
        first = outcome()
    assert first.report["moves"], "the replica that had the call is gone"
    print(f"gaps in ms, on this machine: {[move['gap_ms'] for move in first.report['moves']]}")
    assert callers.outcomes, "no call was placed meanwhile"
    for each in (first, *callers.outcomes):
        assert each.status == 0, each.words + json.dumps(each.report["problems"], indent=1)
        for move in each.report["moves"]:
            assert (move["close_code"], move["same_call"]) == (1012, True)
    for service in SERVICES:
        new = ids(swarm, service) - before[service]
        assert len(new) >= REPLICAS[service], "all replicas are new"


def test_an_update_that_cannot_start_is_rolled_back(swarm: SwarmStack) -> None:
    """A wrong setting ends the new replica at once; the old ones never stop."""
    until(lambda: len(ids(swarm, "ncco-service")) == 2, "those of an earlier update to be gone")
    before = ids(swarm, "ncco-service")
    swarm.update("ncco-service", "--env-add", "LOG_LEVEL=loud")

    def rolled_back() -> bool:
        return swarm.update_state("ncco-service") == "rollback_completed"

    until(rolled_back, "the rollback", 60)
    assert before <= ids(swarm, "ncco-service")
    assert re.search(r"LOG_LEVEL is 'loud'", swarm.logs("ncco-service"))
    (outcome,) = place(swarm, "--seconds", "1")
    outcome.assert_worked()


def ids(swarm: SwarmStack, service: Service) -> set[str]:
    """Return the running containers of a service."""
    return {container["Id"] for container in swarm.containers(service)}


class Callers:
    """Places one short call after another, as long as the context lasts."""

    def __init__(self, stack: SwarmStack) -> None:
        self._stack = stack
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._go, name="callers")
        self.outcomes: list[Outcome] = []

    def __enter__(self) -> Callers:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _go(self) -> None:
        while not self._stop.is_set():
            self.outcomes += place(self._stack, "--seconds", "1")
