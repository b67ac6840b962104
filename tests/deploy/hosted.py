"""Both services' images, as a host runs them: apart, and reachable by their public side only."""

from __future__ import annotations

import json
import secrets
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.attempts import ATTEMPTS
from tests.containers.edge import ask
from tests.deploy.hosts import OWN_ADDRESSES, SECRETS, Placement, placement
from tests.engine import docker, free_port
from tests.waiting import until
from tools.stack import Service

__all__ = ["Hosted"]

VALUES = {name: secrets.token_hex(32) for name in SECRETS}
PATIENCE = 60.0


class Hosted:
    """One installation of both services on one host.

    Each container has a network of its own. They meet where everybody meets them: on published
    ports, of this machine's loopback address for the phone, and of the bridge for ncco-service.

    Args:
        host: a folder of `deploy/`.
        images: the services' images.

    """

    def __init__(self, host: str, images: Mapping[str, str]) -> None:
        self.placements: dict[Service, Placement] = {
            "echo-service": placement(host, "echo-service"),
            "ncco-service": placement(host, "ncco-service"),
        }
        self.signature_secret = VALUES["VONAGE_SIGNATURE_SECRET"]
        self._images = images
        self._name = f"caw-{host}-{secrets.token_hex(4)}"
        self._ports: dict[Service, int] = {}
        self._folder = tempfile.TemporaryDirectory(prefix="caw-secrets-")

    @property
    def answer_url(self) -> str:
        """The answer URL, on this machine."""
        return f"{self._url('ncco-service')}/webhooks/answer"

    def __enter__(self) -> Self:
        """Start both; return once their probes and ncco-service's readiness say so."""
        try:
            for service in self.placements:
                docker("network", "create", self.container(service))
            for service in self.placements:
                self._start(service)
            for service in self.placements:
                self._wait_healthy(service)
            ready = f"{self._url('ncco-service')}/readyz"
            until(lambda: ask(ready)[0] == 200, f"{ready} to answer 200; it says {ask(ready)}")
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
        """Remove all of it; say what the services logged when something went wrong."""
        if error is not None:
            for service in self.placements:
                print(self.logs(service))
        self._take_down()

    def container(self, service: Service) -> str:
        """Return the name of the service's container, and of its network."""
        return f"{self._name}-{service}"

    def logs(self, service: Service) -> str:
        """Return all that the service has logged so far."""
        return docker("logs", self.container(service))

    def ask_to_stop(self, service: Service) -> None:
        """Send the signal by which this host asks for an end."""
        docker("kill", "--signal", self.placements[service].signal, self.container(service))

    def state_after(self, service: Service, seconds: float) -> dict[str, Any]:
        """Return the container's state once it has ended by itself, at most *seconds* from now.

        Where it is later, which a busy machine is, too, it is started and asked to stop again.
        """
        took: list[float] = []
        while len(took) < ATTEMPTS:
            begin = time.monotonic()
            docker("wait", self.container(service), timeout=PATIENCE)
            took.append(time.monotonic() - begin)
            if took[-1] < seconds:
                return dict(json.loads(docker("inspect", self.container(service)))[0]["State"])
            docker("start", self.container(service))
            self._wait_healthy(service)
            self.ask_to_stop(service)
        raise AssertionError(f"{service} ended {took} s after it was asked to")

    def _wait_healthy(self, service: Service) -> None:
        url = f"{self._url(service)}{self.placements[service].probe}"
        until(lambda: ask(url)[0] == 200, f"{url} to answer 200")

    def _start(self, service: Service) -> None:
        place = self.placements[service]
        port = self._ports.setdefault(service, free_port())
        options = [f"--network={self.container(service)}", f"--name={self.container(service)}"]
        options += [f"--publish=127.0.0.1:{port}:{place.port}", *place.options]
        if place.user:
            options.append(f"--user={place.user}")
        if service == "echo-service":
            self._bridge = _gateway(self.container("ncco-service"))
            options.append(f"--publish={self._bridge}:{port}:{place.port}")
        env = {**place.env, **self._own(service)}
        for file, name in place.files.items():
            source = Path(self._folder.name, f"{service}-{Path(file).name}")
            source.write_text(f"{VALUES[name]}\n")
            source.chmod(0o644)
            options.append(f"--volume={source}:{file}:ro")
        given = () if place.files else ("SOCKET_SECRET",) if service == "echo-service" else SECRETS
        env |= {name: VALUES[name] for name in given}
        options += [f"--env={name}={value}" for name, value in env.items()]
        docker("run", "--detach", *options, self._images[service])

    def _own(self, service: Service) -> dict[str, str]:
        """Return this installation's own addresses, in place of the files' examples."""
        if service == "echo-service":
            return {}
        assert set(OWN_ADDRESSES) <= self.placements[service].env.keys()
        return {
            "PUBLIC_URL": self._url("ncco-service"),
            "SOCKET_URL": self._url("echo-service").replace("http", "ws", 1) + "/socket",
            "ECHO_READY_URL": f"http://{self._bridge}:{self._ports['echo-service']}/readyz",
        }

    def _url(self, service: Service) -> str:
        return f"http://127.0.0.1:{self._ports[service]}"

    def _take_down(self) -> None:
        for service in self.placements:
            for command in (("rm", "--force", "--volumes"), ("network", "rm", "--force")):
                docker(*command, self.container(service))
        self._folder.cleanup()


def _gateway(network: str) -> str:
    return str(json.loads(docker("network", "inspect", network))[0]["IPAM"]["Config"][0]["Gateway"])
