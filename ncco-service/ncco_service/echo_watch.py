"""Ask the echo service every few seconds whether it takes calls."""

import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from ncco_service import fetch, logs

__all__ = ["Echo", "EchoWatch"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Echo:
    """What is known of the echo service at one moment.

    ``state`` is ``unknown`` (not asked yet), ``ready``, ``busy`` (full, or about to stop) or
    ``unreachable``; ``answered`` is the clock's seconds of its last answer.
    """

    state: str = "unknown"
    problem: str | None = "the echo service has not been asked yet"
    answered: float | None = None


class EchoWatch:
    """Watches one echo service. ``look`` is the job of a background thread.

    Args:
        url: its readiness, such as http://echo-service:8001/readyz.
        pause: seconds between two questions.
        clock: seconds that only go forward.

    """

    def __init__(self, url: str, pause: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._url = url
        self._pause = pause
        self._clock = clock
        self.echo = Echo()

    @property
    def age(self) -> float | None:
        """Seconds since it last answered, or None if it never did."""
        answered = self.echo.answered
        return None if answered is None else self._clock() - answered

    def look(self) -> float:
        """Ask once; return the seconds until the next time."""
        before = self.echo
        try:
            status, body = fetch.get(self._url)
        except fetch.FetchError as error:
            self.echo = Echo("unreachable", str(error), before.answered)
        else:
            self.echo = self._read(status, body)
        if self.echo.state != before.state:
            level = logging.INFO if self.echo.state == "ready" else logging.WARNING
            state, problem = self.echo.state, self.echo.problem
            logs.event(logger, "echo_service", level, state=state, message=problem)
        return self._pause

    def _read(self, status: int, body: bytes) -> Echo:
        now = self._clock()
        if status == 200:
            return Echo("ready", None, now)
        if status == 503:
            return Echo("busy", _reasons(body), now)
        return Echo("unreachable", f"{self._url} answered {status}; is ECHO_READY_URL right?", now)


def _reasons(body: bytes) -> str:
    try:
        reasons = json.loads(body)["reasons"]
        return "; ".join(str(reason) for reason in reasons)[:500] or "it takes no calls"
    except (ValueError, KeyError, TypeError, RecursionError):
        return "it takes no calls and does not say why"
