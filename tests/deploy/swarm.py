"""The stack on a one-node swarm, from `deploy/swarm/stack.yml`."""

from __future__ import annotations

import fcntl
import http.client
import json
import os
import secrets
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest

from tests.compose import ROOT
from tests.engine import docker, free_port
from tests.waiting import until
from tools.stack import Service, StackError

__all__ = ["SwarmStack", "rendered"]

FILE = ROOT / "deploy/swarm/stack.yml"
LOCK = Path(tempfile.gettempdir(), "call-a-websocket-swarm.lock")
START_SECONDS = 90.0
SIGNATURE_SECRET = "a-signature-secret-of-32-letters"


def rendered(settings: Mapping[str, str]) -> tuple[dict[str, Any], str]:
    """Return what `docker stack config` makes of the file, and what it warned of."""
    done = subprocess.run(
        ["docker", "stack", "config", "-c", str(FILE)],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
        timeout=30,
    )
    if done.returncode:
        raise StackError(f"docker stack config says: {done.stderr.strip()}")
    rendered = subprocess.run(
        ["docker", "compose", "-f", "-", "config", "--format", "json", "--no-interpolate"],
        input=done.stdout,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    return json.loads(rendered.stdout), done.stderr


class SwarmStack:
    """One deployment of the stack, started by `with` and always removed.

    The engine joins a swarm of its own for that, unless it is in one already, and leaves it again.
    Only one at a time on a machine: others wait.

    Args:
        tag: of the images, whose names are `registry/service:tag`.
        registry: likewise.
        settings: more variables for the stack file.

    """

    def __init__(self, registry: str, tag: str, settings: Mapping[str, str] | None = None) -> None:
        self.name = f"caw-{secrets.token_hex(4)}"
        self.port = free_port()
        self._settings = {
            "REGISTRY": registry,
            "TAG": tag,
            "SOCKET_URL": f"ws://127.0.0.1:{self.port}/socket",
            "PUBLIC_URL": f"http://127.0.0.1:{self.port}",
            "GATEWAY_PORT": str(self.port),
            "SECRETS_VERSION": self.name,
            **(settings or {}),
        }
        self._joined = False
        self._secrets: list[str] = []

    @property
    def answer_url(self) -> str:
        """The answer URL, through the gateway's port on this machine."""
        return f"http://127.0.0.1:{self.port}/webhooks/answer"

    def __enter__(self) -> Self:
        """Deploy everything; return once every replica runs and the gateway has found them."""
        self._lock = LOCK.open("w")
        fcntl.flock(self._lock, fcntl.LOCK_EX)
        try:
            if docker("info", "--format", "{{.Swarm.LocalNodeState}}").strip() != "active":
                if not os.environ.get("SWARM"):
                    pytest.skip("would join this engine to a swarm: run `make test-swarm`")
                docker("swarm", "init", "--advertise-addr", "127.0.0.1")
                self._joined = True
            values = {
                "socket_secret": secrets.token_hex(32),
                "vonage_signature_secret": SIGNATURE_SECRET,
            }
            for name, value in values.items():
                self._secret(f"{name}_{self.name}", value)
            self._deploy()
            until(self._complete, "every replica to run", START_SECONDS)
            until(self._reached, "the gateway to reach ncco-service", START_SECONDS)
        except BaseException:
            self._take_down()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Remove the stack, its secrets, and the swarm if it was made for this."""
        if error is not None:
            print(docker("stack", "ps", "--no-trunc", self.name))
        self._take_down()

    def containers(self, service: Service, *options: str) -> list[dict[str, Any]]:
        """Return what the engine knows about each running container of *service*.

        Args:
            service: whose.
            options: of `docker ps`, such as `--all` for those that have ended, too.

        """
        label = f"label=com.docker.swarm.service.name={self.name}_{service}"
        found = docker("ps", "--quiet", "--filter", label, *options).split()
        return list(json.loads(docker("inspect", *found))) if found else []

    def logs(self, service: Service) -> str:
        """Return what all replicas of *service* have logged.

        Not by `docker service logs`, which can hang once a task has failed.
        """
        return "".join(self.log_of(each) for each in self.containers(service, "--all"))

    def log_of(self, container: Mapping[str, Any]) -> str:
        """Return what one container has logged."""
        return docker("logs", container["Id"])

    def update(self, service: Service, *options: str) -> None:
        """Begin a rolling update of *service*; `--force` replaces all though nothing changed."""
        docker("service", "update", "--detach", *options, f"{self.name}_{service}")

    def update_state(self, service: Service) -> str:
        """Return how far the last update is: updating, completed, rollback_completed and so on."""
        known = json.loads(docker("service", "inspect", f"{self.name}_{service}"))[0]
        return str(known.get("UpdateStatus", {}).get("State", ""))

    def _secret(self, name: str, value: str) -> None:
        command = ["docker", "secret", "create", name, "-"]
        subprocess.run(
            command, input=f"{value}\n".encode(), check=True, capture_output=True, timeout=30
        )
        self._secrets.append(name)

    def _deploy(self) -> None:
        done = subprocess.run(
            ["docker", "stack", "deploy", "--detach=true", "--resolve-image", "never",
             "-c", str(FILE), self.name],
            env={**os.environ, **self._settings},
            capture_output=True,
            text=True,
            timeout=60,
        )  # fmt: skip
        if done.returncode:
            raise StackError(f"docker stack deploy says: {done.stderr.strip()}")

    def _complete(self) -> bool:
        listed = docker("stack", "services", "--format", "{{.Replicas}}", self.name)
        replicas = [line.split()[0].split("/") for line in listed.splitlines()]
        return bool(replicas) and all(running == wanted for running, wanted in replicas)

    def _reached(self) -> bool:
        """Return whether the gateway passes on what ncco-service answers, here a refusal."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", "/webhooks/answer")
            return connection.getresponse().status < 500
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    def _take_down(self) -> None:
        try:
            ours = f"label=com.docker.stack.namespace={self.name}"
            if self._secrets:
                docker("stack", "rm", self.name)
                # Not waited for: a drain can take as long as the stack's grace.
                if left := docker("ps", "--quiet", "--filter", ours).split():
                    subprocess.run(["docker", "kill", *left], capture_output=True, timeout=60)
                until(lambda: not docker("ps", "-aq", "--filter", ours).split(), "no container", 60)
                docker("secret", "rm", *self._secrets)
        finally:
            if self._joined:
                docker("swarm", "leave", "--force")
            self._lock.close()
