"""The stack as two plain processes on free ports, without containers and gateway."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from tools.stack import SERVICES, Service, StackError

__all__ = ["ProcessStack"]

LISTENING = re.compile(r"\blistening\b.*\burl=http://([^\s:]+):(\d+)")
METRICS = re.compile(r"\bmetrics_listening\b.*\burl=http://[^\s:]+:(\d+)")
START_SECONDS = 60.0
STOP_SECONDS = 60.0
OWN_SETTINGS = re.compile(r"(HOST|PORT|SOCKET_.*|NGROK_.*|NCCO_FILE|VONAGE_.*|PUBLIC_URL|.*_PORT)$")
"""Variables of this shell that are not passed on, since they would change the stack."""


class ProcessStack:
    """Both services as child processes, with their logs in a temporary folder.

    Args:
        settings: environment variables for each service, on top of this process's own.

    """

    kind = "processes"

    def __init__(self, settings: Mapping[Service, Mapping[str, str]] | None = None) -> None:
        self._settings = settings or {}
        self._folder = tempfile.TemporaryDirectory(prefix="call-a-websocket-")
        self._running: dict[Service, subprocess.Popen[bytes]] = {}
        self._ports: dict[Service, int] = {}
        self._metrics_port = 0

    def __enter__(self) -> Self:
        """Start both services; raise `StackError` when one does not come up."""
        try:
            for service in SERVICES:
                self.start(service)
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
        """Stop both services, with SIGKILL where SIGTERM does not help."""
        self._take_down()

    @property
    def answer_url(self) -> str:
        """The answer URL of the ncco-service."""
        return f"{self.base_url('ncco-service')}/webhooks/answer"

    @property
    def metrics_url(self) -> str:
        """Where echo-service serves its metrics and its calls."""
        return f"http://127.0.0.1:{self._metrics_port}"

    @property
    def socket_url(self) -> str:
        """The socket of the echo-service."""
        return f"ws://127.0.0.1:{self._ports['echo-service']}/socket"

    def base_url(self, service: Service) -> str:
        """Return the URL of `service` without a path."""
        return f"http://127.0.0.1:{self._ports[service]}"

    def pid(self, service: Service) -> int:
        """Return the process id of `service`."""
        return self._running[service].pid

    def logs(self, service: Service) -> str:
        """Return everything that `service` has logged so far."""
        path = self._log(service)
        return path.read_text(errors="replace") if path.exists() else ""

    def start(self, service: Service) -> None:
        """Start `service` if it is not running, and wait until it listens.

        It listens on the same port as before, if it ran before.
        """
        if service in self._running and self._running[service].poll() is None:
            return
        already = len(self.logs(service))
        with self._log(service).open("ab") as log:
            self._running[service] = process = subprocess.Popen(
                [sys.executable, "-m", service.replace("-", "_")],
                env=self._environment(service),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C reaches only us; a kill reaches its children too
            )

        def listening() -> bool:
            if process.poll() is not None:
                raise StackError(
                    f"{service} ended with status {process.returncode} while starting; it said:\n"
                    + self.logs(service)[already:].rstrip()
                )
            match = LISTENING.search(self.logs(service), already)
            if match:
                self._ports[service] = int(match[2])
                metrics = METRICS.search(self.logs(service), already)
                if metrics and service == "echo-service":
                    self._metrics_port = int(metrics[1])
            return match is not None

        self._wait(listening, START_SECONDS, f"{service} to listen", service)

    def kill(self, service: Service) -> None:
        """Kill `service` and its children."""
        process = self._running.pop(service)
        _signal_group(process, signal.SIGKILL)
        process.wait(STOP_SECONDS)

    def terminate(self, service: Service) -> None:
        """Send SIGTERM to `service` without waiting for it."""
        self._running[service].send_signal(signal.SIGTERM)

    def stop(self, service: Service, wait: float = STOP_SECONDS) -> int:
        """Stop `service` with SIGTERM; return its exit status."""
        self.terminate(service)
        process = self._running[service]
        try:
            status = process.wait(wait)
        except subprocess.TimeoutExpired:
            raise StackError(f"{service} was still running {wait:g} s after SIGTERM") from None
        del self._running[service]
        return status

    def wait_ready(self, timeout: float = START_SECONDS) -> None:
        """Wait until both services are ready for calls."""
        for service in SERVICES:
            url = f"{self.base_url(service)}/readyz"
            self._wait(partial(_answers, url), timeout, f"{url} to answer 200", service)

    def _log(self, service: Service) -> Path:
        return Path(self._folder.name, f"{service}.log")

    def _environment(self, service: Service) -> dict[str, str]:
        inherited = {k: v for k, v in os.environ.items() if not OWN_SETTINGS.match(k)}
        own = {"HOST": "127.0.0.1", "PORT": str(self._ports.get(service, 0))}
        if service == "ncco-service":
            own["SOCKET_URL"] = self.socket_url
            own["METRICS_PORT"] = "0"
            own["ECHO_STATUS_URL"] = f"http://127.0.0.1:{self._metrics_port}/calls"
        else:
            own["METRICS_PORT"] = str(self._metrics_port)
        return inherited | own | dict(self._settings.get(service, {}))

    def _wait(
        self, condition: Callable[[], bool], seconds: float, what: str, service: Service
    ) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            if time.monotonic() > deadline:
                raise StackError(
                    f"waited {seconds:g} s for {what}; the log of {service} ends with:\n"
                    + "\n".join(self.logs(service).splitlines()[-15:])
                )
            time.sleep(0.02)

    def _take_down(self) -> None:
        for process in self._running.values():
            process.send_signal(signal.SIGTERM)
        for process in self._running.values():
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                _signal_group(process, signal.SIGKILL)
                process.wait(STOP_SECONDS)
        self._running.clear()
        self._folder.cleanup()


def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, number)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return bool(response.status == 200)
    except (urllib.error.URLError, OSError):
        return False
