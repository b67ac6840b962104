"""Place calls on a stack with the phone's command line."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

from tests.waiting import until
from tools.stack import Service

__all__ = ["Called", "Outcome", "during_a_call", "place"]

CALL_SECONDS = 60.0


class Called(Protocol):
    """Whatever has an answer URL and logs."""

    @property
    def answer_url(self) -> str:
        """Where the platform asks what to do with a call."""

    def logs(self, service: Service) -> str:
        """All that the service has logged so far."""


@dataclass(frozen=True)
class Outcome:
    """Result of `phone call --json`: exit status, report, and what it wrote to standard error."""

    status: int
    report: dict[str, Any]
    words: str

    @property
    def echo(self) -> dict[str, Any]:
        """What came back on the call's only socket."""
        (socket,) = self.report["sockets"]
        return dict(socket["echo"])

    @property
    def steps_that_failed(self) -> set[str]:
        """The steps with a problem that made the call fail."""
        return {p["step"] for p in self.report["problems"] if p["severity"] == "failure"}

    def assert_worked(self) -> None:
        """Fail, showing the report, unless every frame came back as it was sent."""
        assert self.status == 0, self.words + json.dumps(self.report["problems"], indent=1)
        assert self.echo["lost"] == self.echo["changed"] == self.echo["reordered"] == 0, self.echo
        assert self.echo["whole"], self.echo


class _Phone:
    def __init__(self, stack: Called, *arguments: str) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "phone", "call", stack.answer_url, "--json", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def outcome(self, *, hang_up: bool = False) -> Outcome:
        """Wait for the end of the call, which may be a hang-up."""
        with self._process:
            if hang_up:
                self._process.send_signal(signal.SIGINT)
            try:
                out, err = self._process.communicate(timeout=CALL_SECONDS)
            finally:
                self._process.kill()
        return Outcome(self._process.returncode, json.loads(out or "{}"), err)


def place(stack: Called, *arguments: str, count: int = 1) -> list[Outcome]:
    """Place `count` calls at once with these arguments of `phone call`, and wait for them."""
    phones = [_Phone(stack, *arguments) for _ in range(count)]
    return [phone.outcome() for phone in phones]


@contextlib.contextmanager
def during_a_call(stack: Called, *arguments: str) -> Iterator[Callable[..., Outcome]]:
    """Enter once echo-service has the call; yields `_Phone.outcome`, which waits for its end."""
    before = stack.logs("echo-service").count("call_started")
    phone = _Phone(stack, *arguments)
    until(lambda: stack.logs("echo-service").count("call_started") > before, "the call to start")
    yield phone.outcome
