"""Poller of the tunnel agent; keeps its last answer for the requests."""

import time
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from ncco_service.discovery import agent, fetch
from ncco_service.discovery.agent import AgentError, Endpoint
from ncco_service.settings import Settings

__all__ = ["AgentPoller", "Tunnel"]

logger = structlog.get_logger()

STARTING_SECONDS = 15.0
"""After the start of this service; an agent that has no tunnel yet is not reported."""
REPORT_SECONDS = 60.0
"""Between two reports of problems: an agent that fails has another one at every poll."""
_UNTIL_FOUND = 1.0  # seconds between two polls while no address is known


@dataclass(frozen=True)
class Tunnel:
    """What is known of the tunnel at a moment.

    ``socket`` and ``webhooks`` are public base URLs (https://host) or None; ``answered`` is the
    clock's seconds of the agent's last answer; ``error`` what is wrong now, or None.
    """

    socket: str | None = None
    webhooks: str | None = None
    answered: float | None = None
    error: str | None = "the tunnel agent has not been asked yet"


class AgentPoller:
    """Polls one agent. ``poll`` is a background job; requests read ``tunnel``.

    Args:
        settings: where the agent is, and which upstreams are wanted.
        clock: seconds, monotonic.

    """

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._api = settings.ngrok_api_url or ""
        self._socket_upstreams = settings.socket_upstreams
        self._webhook_upstreams = settings.webhook_upstreams
        self._pause = settings.agent_poll_seconds
        self._clock = clock
        self._started = clock()
        self._reported: tuple[str, float] | None = None  # what, and when
        self.tunnel = Tunnel()

    @property
    def age(self) -> float | None:
        """Seconds since the agent last answered, or None if it never did."""
        answered = self.tunnel.answered
        return None if answered is None else self._clock() - answered

    def poll(self) -> float:
        """Ask once; return the seconds until the next poll.

        While the agent gives no valid answer, its last one is kept. A valid answer without a usable
        URL replaces it: then no URL is known.
        """
        before = self.tunnel
        try:
            self.tunnel = self._ask()
        except (fetch.FetchError, AgentError) as error:
            self.tunnel = Tunnel(before.socket, before.webhooks, before.answered, str(error))
        self._log_problem()
        _log_changes(before, self.tunnel)
        found = self.tunnel.socket and self.tunnel.webhooks
        return self._pause if found else min(self._pause, _UNTIL_FOUND)

    def _log_problem(self) -> None:
        now, error = self._clock(), self.tunnel.error
        if error is None:
            self._reported = None
            return
        starting = self.tunnel.socket is None and now - self._started < STARTING_SECONDS
        again = self._reported is not None and (
            self._reported[0] == error or now - self._reported[1] < REPORT_SECONDS
        )
        if starting or again:
            return
        self._reported = (error, now)
        logger.warning("tunnel_problem", message=error, kept=self.tunnel.socket)

    def _ask(self) -> Tunnel:
        newer, problem = self._list("/api/endpoints")
        tunnel = self._choose(newer)
        if tunnel.socket is None or tunnel.webhooks is None:
            older, older_problem = self._list("/api/tunnels")
            if problem and older_problem:
                raise AgentError(f"{problem}; {older_problem}")
            # Some agents name an endpoint in one of the lists only.
            tunnel = self._choose([*newer, *older])
        return tunnel

    def _list(self, path: str) -> tuple[list[Endpoint], str | None]:
        status, body = fetch.get(self._api + path)
        if status != 200:
            return [], f"{self._api}{path} answered {status}"
        try:
            return agent.endpoints_in(body), None
        except AgentError as error:
            return [], f"{self._api}{path} {error}"

    def _choose(self, endpoints: list[Endpoint]) -> Tunnel:
        socket = agent.choose(endpoints, self._socket_upstreams, "SOCKET_UPSTREAMS")
        webhooks = agent.choose(endpoints, self._webhook_upstreams, "WEBHOOK_UPSTREAMS")
        problems = dict.fromkeys(found.problem for found in (socket, webhooks) if found.problem)
        return Tunnel(socket.url, webhooks.url, self._clock(), "; ".join(problems) or None)


def _log_changes(before: Tunnel, now: Tunnel) -> None:
    if (now.socket, now.webhooks) != (before.socket, before.webhooks):
        logger.info("tunnel", socket=now.socket or "none", webhooks=now.webhooks or "none")
    elif before.error and not now.error:
        logger.info("tunnel_recovered", socket=now.socket)
    if now.webhooks and now.webhooks != before.webhooks:
        logger.info("dashboard", message="paste these into your Vonage application:")
        logger.info("dashboard", answer_url=f"{now.webhooks}/webhooks/answer")
        logger.info("dashboard", event_url=f"{now.webhooks}/webhooks/events")
        logger.info("dashboard", fallback_url=f"{now.webhooks}/webhooks/fallback")
