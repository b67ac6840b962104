"""A server under test: start it on its core, read its resource usage, stop it."""

from __future__ import annotations

import contextlib
import http.client
import os
import re
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from phone.load import waited_seconds

from bench import processes

__all__ = ["Server", "ServerError"]

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 30.0
STOP_SECONDS = 10.0
METRICS_SECONDS = 5.0
METRICS = re.compile(r"\bmetrics_listening url=http://([^\s:]+):(\d+)")
LISTENING = re.compile(r"\blistening url=http://[^\s:]+:(\d+)")


class ServerError(Exception):
    """A server did not start. Says what it printed."""


class Server:
    """A server process, as a context manager.

    Args:
        command: starts it; it must print `listening url=http://host:port`.
        environ: variables it gets beside this process's own and `PORT=0`.
        core: the core it is pinned to.
        start_seconds: how long it may take until it listens.

    Raises:
        ServerError: on entry, when it does not listen in time.

    """

    def __init__(
        self,
        command: Sequence[str],
        environ: dict[str, str],
        core: int,
        start_seconds: float = START_SECONDS,
    ) -> None:
        self._command = command
        # Secrets of the house must not reach a server whose calls carry none.
        inherited = {k: v for k, v in os.environ.items() if "SECRET" not in k}
        self._environ = {**inherited, "PORT": "0", "PYTHONPATH": _python_path(), **environ}
        self._core = core
        self._start_seconds = start_seconds

    def __enter__(self) -> Self:
        self._output = tempfile.TemporaryFile("w+b")
        self._process = subprocess.Popen(  # noqa: S603 - the peers' own commands
            self._command,
            cwd=ROOT,
            env=self._environ,
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=subprocess.STDOUT,
            preexec_fn=processes.pinned(self._core),
        )
        try:
            self.port = self._wait_listening()
        except ServerError:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._output.close()

    @property
    def alive(self) -> bool:
        """Whether the process is still running."""
        return self._process.poll() is None

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    def cpu_seconds(self) -> float:
        """Processor time used so far, its children's included."""
        return processes.cpu_seconds(processes.tree(self.pid))

    def waited_seconds(self) -> float:
        """Return for how long it could have run but had no processor, its children included."""
        return waited_seconds(processes.tree(self.pid))

    def memory_bytes(self) -> int:
        """Memory in use, its children's included."""
        return processes.memory_bytes(processes.tree(self.pid))

    def printed(self, *, whole: bool = False) -> str:
        """Return its output, or only the end of it."""
        data = os.pread(self._output.fileno(), 1 << 20, 0)
        return data[0 if whole else -2000 :].decode(errors="replace")

    def metrics(self) -> dict[str, float] | None:
        """Return its own metrics by name and label, or None when it has none.

        Raises:
            OSError: it does not answer.

        """
        found = METRICS.search(self.printed(whole=True))
        if found is None:
            return None
        connection = http.client.HTTPConnection(found[1], int(found[2]), timeout=METRICS_SECONDS)
        with contextlib.closing(connection):
            connection.request("GET", "/metrics")
            text = connection.getresponse().read().decode()
        lines = [line.rpartition(" ") for line in text.splitlines() if not line.startswith("#")]
        return {name: float(value) for name, _, value in lines}

    def _wait_listening(self) -> int:
        deadline = time.monotonic() + self._start_seconds
        while time.monotonic() < deadline:
            if found := LISTENING.search(self.printed()):
                return int(found[1])
            if not self.alive:
                break
            time.sleep(0.02)
        raise ServerError(
            f"{' '.join(self._command)} does not listen (exit status "
            f"{self._process.poll()}). It printed:\n{self.printed()}"
        )


def _python_path() -> str:
    return os.pathsep.join(str(ROOT / part) for part in ("", "echo-service", "ncco-service"))
