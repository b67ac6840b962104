"""Poller of the echo service's readiness: whether it accepts calls."""

import json
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from urllib.parse import urlsplit

import structlog

from ncco_service.discovery.replicas import addresses
from ncco_service.http import fetch

__all__ = ["EchoPoller", "Readiness"]

logger = structlog.get_logger()

STARTING_SECONDS = 15.0  # after startup, in which an unreachable echo service is not reported
ASKS_AT_ONCE = 64  # replicas; a lost one takes 2 s
_BEST_FIRST = ("ready", "busy", "unreachable")


@dataclass(frozen=True)
class Readiness:
    """What is known of the echo service at a moment.

    `state` is `unknown` (not asked yet), `ready`, `busy` (full, or about to stop) or
    `unreachable`; `answered` is the clock's seconds of its last answer.
    """

    state: str = "unknown"
    problem: str | None = "the echo service has not been asked yet"
    answered: float | None = None


class EchoPoller:
    """Polls the echo service. `poll` is a background job; requests read `readiness`.

    It is ready when one of the replicas behind the name of an http:// URL is. The one that was
    ready last is asked first, and all others at once if it no longer is.

    Args:
        url: its readiness, such as http://echo-service:8001/readyz.
        pause: seconds between two polls.
        clock: seconds, monotonic.

    """

    def __init__(self, url: str, pause: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._url = url
        self._parts = urlsplit(url)
        self._best = ""
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
        replicas = self._replicas()
        found = {each: self._ask(each) for each in replicas if each == self._best}
        if not any(each.state == "ready" for each in found.values()):
            others = [each for each in replicas if each not in found]
            with ThreadPoolExecutor(ASKS_AT_ONCE, "echo_poller") as pool:
                found |= zip(others, pool.map(self._ask, others), strict=True)
        self._best = min(found, key=lambda each: _BEST_FIRST.index(found[each].state))
        self.readiness = found[self._best]
        self._log_change()
        return self._pause

    def _replicas(self) -> list[str]:
        """Return the addresses of all replicas; one is asked by its name."""
        named = self._parts.netloc
        if self._parts.scheme != "http":
            return [named]
        found = addresses(self._parts.hostname or "", self._parts.port or 80)
        return found if len(found) > 1 else [named]

    def _ask(self, address: str) -> Readiness:
        url = self._parts._replace(netloc=address).geturl()
        try:
            response = fetch.send("GET", url, headers={"Host": self._parts.netloc})
        except fetch.FetchError as error:
            return Readiness("unreachable", str(error), self.readiness.answered)
        return self._read(response.status, response.body)

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
