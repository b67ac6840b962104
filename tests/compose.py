"""The stack in containers, as a Compose project with a name and a port of its own."""

from __future__ import annotations

import json
import os
import re
import secrets
import shlex
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from tests.engine import BUILT, COMMAND_SECONDS, IMAGES, compose_command, docker, free_port
from tools.stack import Service, StackError

__all__ = ["ROOT", "ComposeStack"]

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 90
LAST_LINES = 30
"""Of a command that failed; what it prints before that is progress."""
OWN_SETTINGS = re.compile(
    r"(COMPOSE_.*|HOST|PORT|LOG_.*|SOCKET_.*|NGROK_.*|NCCO_.*|VONAGE_.*|SITE_ADDRESS|"
    r"PUBLIC_URL|DRAIN_SECONDS|STOP_GRACE_PERIOD|LOCAL_HOSTS|TRUSTED_PROXIES|.*_PORT)$"
)
"""Variables of this shell that are not passed on, since they would change the stack."""


class ComposeStack:
    """The Compose project, started by `with` and always removed, with its volumes and images.

    Args:
        settings: environment variables for each service, on top of docker-compose.yml.
        files: further Compose files, applied in this order after docker-compose.yml.
        env: content of `.env`; the real `.env` is not read.
        folder: of the project, if it is not the repository: for a test with another clone.
        start: whether entering starts it; if not, call `up`.

    """

    kind = "compose"

    def __init__(
        self,
        settings: Mapping[Service, Mapping[str, str]] | None = None,
        *,
        files: Sequence[Path] = (),
        env: Mapping[str, str] | None = None,
        folder: Path = ROOT,
        start: bool = True,
    ) -> None:
        self.project = f"caw-{secrets.token_hex(4)}"
        self.port = free_port()
        self._settings = settings or {}
        self._files = files
        self._env = {
            "GATEWAY_PORT": str(self.port),
            "METRICS_PORT": str(free_port()),
            "OPERATOR_PORT": str(free_port()),
            **(env or {}),
        }
        self._folder = folder
        self._start = start
        self._used = False
        self._scratch = tempfile.TemporaryDirectory(prefix=f"{self.project}-")

    def __enter__(self) -> Self:
        """Build and start everything; raise `StackError` when it does not become healthy."""
        self._write()
        if self._start:
            try:
                self.up()
            except BaseException:
                self.save_logs()
                self.down()
                raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Remove everything; keep the logs after an error."""
        if error is not None:
            self.save_logs()
        self.down()

    def configure(self, **env: str) -> None:
        """Change what `.env` says; an empty value means unset. The next `up` applies it."""
        self._env.update(env)
        self._write()

    def up(self, *options: str) -> str:
        """Run `docker compose up --wait`; return what it printed, raise `StackError`."""
        return self.compose("up", "--wait", "--wait-timeout", str(START_SECONDS), *options)

    def down(self) -> None:
        """Remove the project; shared images are removed when the process exits."""
        try:
            if not self._used:
                return
            everything = ("--profile", "*", "down", "--volumes", "--remove-orphans")
            self.compose(*everything, "--rmi", "local", "--timeout", "5")
        finally:
            self._scratch.cleanup()

    def compose(self, *arguments: str, check: bool = True) -> str:
        """Run a `docker compose` command on this project; return everything it printed.

        Raises:
            StackError: it failed and `check` is true; has the end of its output.

        """
        done = self.run(*arguments)
        if check and done.returncode:
            raise StackError(
                f"`docker compose {shlex.join(arguments)}` ended with {done.returncode}:\n"
                + "\n".join(done.stdout.splitlines()[-LAST_LINES:])
            )
        return done.stdout

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run a `docker compose` command; standard error is part of the output."""
        self._used |= "config" not in arguments  # there may be something to remove
        files = [self._folder / "docker-compose.yml", *self._files, self._path("differences.json")]
        command = compose_command()
        command += ["--project-name", self.project, "--project-directory", str(self._folder)]
        command += ["--env-file", str(self._path(".env")), "--ansi", "never"]
        for file in files:
            command += ["--file", str(file)]
        return subprocess.run(
            [*command, *arguments],
            env={k: v for k, v in os.environ.items() if not OWN_SETTINGS.match(k)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=COMMAND_SECONDS,
        )

    @property
    def answer_url(self) -> str:
        """The answer URL, through the gateway."""
        return f"{self.base_url()}/webhooks/answer"

    @property
    def events_url(self) -> str:
        """The event URL, through the gateway."""
        return f"{self.base_url()}/webhooks/events"

    @property
    def socket_url(self) -> str:
        """The socket, through the gateway."""
        return f"ws://127.0.0.1:{self.port}/socket"

    def base_url(self, service: Service | None = None) -> str:
        """Return the gateway's URL, which leads to either service."""
        return f"http://127.0.0.1:{self.port}"

    def container(self, service: str) -> str:
        """Return the id of the service's container, running or not.

        Found by the labels that Compose sets, since Compose itself would read all files each time.
        """
        labels = {"project": self.project, "service": service, "oneoff": "False"}
        wanted = [f"--filter=label=com.docker.compose.{name}={is_}" for name, is_ in labels.items()]
        found = docker("ps", "--all", "--quiet", "--no-trunc", *wanted).split()
        if not found:
            raise StackError(f"{service} has no container")
        return found[0]

    def address(self, service: str) -> str:
        """Return a service's own address, which bypasses Docker's proxy of published ports."""
        networks = self.inspect(service)["NetworkSettings"]["Networks"].values()
        return str(next(iter(networks))["IPAddress"])

    def inspect(self, service: str) -> Any:
        """Return `docker inspect` of the service's container."""
        return json.loads(docker("inspect", self.container(service)))[0]

    def logs(self, service: str) -> str:
        """Return everything that the service has logged, over all restarts."""
        return docker("logs", self.container(service))

    def save_logs(self) -> Path:
        """Write the state and the logs of all services into the folder `out`; return the file."""
        path = ROOT / "out" / f"{self.project}.log"
        path.parent.mkdir(exist_ok=True)
        state = self.compose("--profile", "*", "ps", "--all", check=False)
        logs = self.compose("--profile", "*", "logs", "--timestamps", "--no-color", check=False)
        path.write_text(f"{state}\n{logs}")
        return path

    def kill(self, service: str) -> None:
        """Kill the service, like `kill -9`; it stays down until started."""
        docker("kill", "--signal", "KILL", self.container(service))

    def terminate(self, service: str) -> None:
        """Send SIGTERM to the service without waiting for it."""
        docker("kill", "--signal", "TERM", self.container(service))

    def stop(self, service: str, wait: float = 60.0) -> int:
        """Stop the service with SIGTERM; return its exit status."""
        container = self.container(service)
        docker("kill", "--signal", "TERM", container)
        try:
            return int(docker("wait", container, timeout=wait))
        except subprocess.TimeoutExpired:
            raise StackError(f"{service} was still running {wait:g} s after SIGTERM") from None

    def start(self, service: str) -> None:
        """Start a stopped or killed service at the same address."""
        docker("start", self.container(service))

    def wait_healthy(self, service: str, timeout: float = START_SECONDS) -> None:
        """Wait until the service's container is healthy."""
        self._wait(lambda: self._health(service) == "healthy", timeout, f"{service} to be healthy")

    def wait_ready(self, timeout: float = START_SECONDS) -> None:
        """Wait until a call would work, as the container `ready` sees it."""
        look = ["docker", "exec", self.container("ready"), "python", "ready.py", "--once"]

        def ready() -> bool:
            return subprocess.run(look, capture_output=True, timeout=30).returncode == 0

        self._wait(ready, timeout, "a call to be possible")

    def _write(self) -> None:
        """Write the overrides of this stack, and its `.env`."""
        services: dict[str, dict[str, Any]] = {name: {} for name in (*BUILT, *self._settings)}
        for service, variables in self._settings.items():
            services[service]["environment"] = dict(variables)
        if self._folder == ROOT:
            for name in BUILT:
                services[name]["image"] = f"{IMAGES}:{name}"
        stage = "tunnel-agent" if self._env.get("NGROK_AUTHTOKEN") else "tunnel"
        services["ngrok"] = {"image": f"{IMAGES}:{stage}"}
        self._path("differences.json").write_text(json.dumps({"services": services}))
        lines = [f"{name}={value}\n" for name, value in self._env.items()]
        self._path(".env").write_text("".join(lines))

    def _path(self, name: str) -> Path:
        return Path(self._scratch.name, name)

    def _health(self, service: str) -> str:
        state = self.inspect(service)["State"]
        return str(state.get("Health", {}).get("Status", state["Status"]))

    def _wait(self, condition: Any, seconds: float, what: str) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise StackError(
                    f"waited {seconds:g} s for {what}; the logs are in {self.save_logs()}"
                )
            time.sleep(0.1)
