"""A lost machine: it answers nothing any more, and does not close its connections."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.compose import ComposeStack
from tests.engine import docker
from tests.placing import during_a_call, place

TWO = """
services:
  echo-service:
    ports: !reset []
    deploy: {replicas: 2}
"""
LOSE = """
import fcntl, socket, struct
with socket.socket() as any:
    for name in (each for _, each in socket.if_nameindex() if each != "lo"):
        request = struct.pack("16sH14x", name.encode(), 0)
        flags = struct.unpack("16sH14x", fcntl.ioctl(any, 0x8913, request))[1]  # SIOCGIFFLAGS
        request = struct.pack("16sH14x", name.encode(), flags & ~1)  # without IFF_UP
        fcntl.ioctl(any, 0x8914, request)  # SIOCSIFFLAGS
"""
"""Takes a container's network away as a power cut would: its address stays in the DNS."""


class TwoReplicas(ComposeStack):
    """The stack with two replicas of echo-service behind one name."""

    @property
    def replicas(self) -> list[str]:
        """The ids of their containers."""
        return self.compose("ps", "--quiet", "--no-trunc", "echo-service").split()

    def logs(self, service: str) -> str:
        """Return everything that all containers of a service have logged."""
        if service != "echo-service":
            return super().logs(service)
        return "".join(map(docker_logs, self.replicas))


def docker_logs(container: str) -> str:
    """Return everything that a container has logged."""
    return docker("logs", container)


@pytest.fixture
def stack(engine: None, tmp_path: Path) -> Iterator[TwoReplicas]:
    """Yield a stack of two replicas."""
    (tmp_path / "two.yml").write_text(TWO)
    with TwoReplicas(files=[tmp_path / "two.yml"]) as running:
        yield running


def test_a_call_outlives_a_lost_machine(stack: TwoReplicas) -> None:
    """The call moves within seconds; those who call meanwhile notice a second at most."""
    with during_a_call(stack, "--seconds", "20") as outcome:
        (lost,) = (each for each in stack.replicas if "call_started" in docker_logs(each))
        image = docker("inspect", "--format", "{{.Image}}", lost).strip()
        docker(
            *("run", "--rm", f"--network=container:{lost}", "--user=0:0", "--cap-add=NET_ADMIN"),
            *("--entrypoint=python", image, "-c", LOSE),
        )
        meanwhile = place(stack, "--seconds", "1", count=4)
        ended = outcome()
    shown = ended.words + json.dumps(ended.report.get("problems"), indent=1)
    assert ended.status == 0, shown
    (move,) = ended.report["moves"]
    print(f"the call's gap: {move['gap_ms']} ms, its close: {move['close_code']}")
    assert move["same_call"]
    assert 0 < move["gap_ms"] < 15_000
    assert len(ended.report["spoken"]) == 1, "only the greeting"
    for each in meanwhile:
        each.assert_worked()
        print(f"a handshake meanwhile: {each.report['sockets'][0]['handshake_ms']} ms")
