"""Poller of the echo service's readiness: whether it accepts calls."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from ncco_service.discovery import fetch

__all__ = ["EchoPoller", "Readiness"]

logger = structlog.get_logger()

STARTING_SECONDS = 15.0
"""After the start of this service; an echo service that is not there yet is not reported."""


@dataclass(frozen=True)
class Readiness:
    """What is known of the echo service at a moment.

    ``state`` is ``unknown`` (not asked yet), ``ready``, ``busy`` (full, or about to stop) or
    ``unreachable``; ``answered`` is the clock's seconds of its last answer.
    """

    state: str = "unknown"
    problem: str | None = "the echo service has not been asked yet"
    answered: float | None = None


class EchoPoller:
    """Polls one echo service. ``poll`` is a background job; requests read ``readiness``.

    Args:
        url: its readiness, such as http://echo-service:8001/readyz.
        pause: seconds between two polls.
        clock: seconds, monotonic.

    """

    def __init__(self, url: str, pause: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._url = url
        self._pause = pause
        self._clock = clock
        self._started = clock()
        self._logged = Readiness().state
        self.readiness = Readiness()

    @property
    def age(self) -> float | None:
        """Seconds since it last answered, or None if it never did."""
        answered = self.readiness.answered
        return None if answered is None else self._clock() - answered

    def poll(self) -> float:
        """Ask once; return the seconds until the next poll."""
        before = self.readiness
        try:
            status, body = fetch.get(self._url)
        except fetch.FetchError as error:
            self.readiness = Readiness("unreachable", str(error), before.answered)
        else:
            self.readiness = self._read(status, body)
        self._log_change()
        return self._pause

    def _log_change(self) -> None:
        state, problem = self.readiness.state, self.readiness.problem
        starting = self.age is None and self._clock() - self._started < STARTING_SECONDS
        if state == self._logged or (state == "unreachable" and starting):
            return
        self._logged = state
        log = logger.info if state == "ready" else logger.warning
        log("echo_service", state=state, message=problem)

    def _read(self, status: int, body: bytes) -> Readiness:
        now = self._clock()
        if status == 200:
            return Readiness("ready", None, now)
        if status == 503:
            return Readiness("busy", _reasons(body), now)
        problem = f"{self._url} answered {status}; check ECHO_READY_URL"
        return Readiness("unreachable", problem, now)


def _reasons(body: bytes) -> str:
    try:
        reasons = json.loads(body)["reasons"]
        return "; ".join(str(reason) for reason in reasons)[:500] or "it accepts no calls"
    except (ValueError, KeyError, TypeError, RecursionError):
        return "it accepts no calls and does not say why"
