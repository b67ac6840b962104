"""Poller of the tunnel agent; keeps its last answer for the requests."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

import structlog

from ncco_service.discovery.tunnel_choice import AgentError, Endpoint, choose, endpoints_in
from ncco_service.http import fetch
from ncco_service.settings import Settings

__all__ = ["AgentPoller", "Tunnel"]

logger = structlog.get_logger()

STARTING_SECONDS = 15.0  # after startup, in which an agent without a tunnel is not reported
REPORT_SECONDS = 60.0  # between two reports: a failing agent may have a new problem at every poll
_UNTIL_FOUND = 1.0  # seconds between two polls while no address is known


@dataclass(frozen=True)
class Tunnel:
    """What is known of the tunnel at a moment.

    Attributes:
        socket: public base URL (https://host) of the socket, or None.
        webhooks: likewise, of the webhooks.
        answered: when the agent last answered, in seconds of the clock.
        error: what is wrong now, or None.
        session: what the agent says of its connection if it is not "online", or None; its list of
            tunnels is then out of date.

    """

    socket: str | None = None
    webhooks: str | None = None
    answered: float | None = None
    error: str | None = "the tunnel agent has not been asked yet"
    session: str | None = None

    @property
    def doubt(self) -> str | None:
        """Why the addresses may be out of date; None if they are current."""
        return self.error or self.session


class AgentPoller:
    """Polls one agent. `poll` is a background job; requests read `tunnel`.

    Args:
        settings: where the agent is, and which upstreams are wanted.
        clock: seconds, monotonic.

    """

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._api = settings.ngrok_api_url or ""
        self._socket_upstreams = settings.socket_upstreams
        self._webhook_upstreams = settings.webhook_upstreams
        self._pause = settings.agent_poll_seconds
        self._tells_addresses = not settings.points_application
        self._clock = clock
        self._started = clock()
        self._reported: tuple[str, float] | None = None  # what, and when
        self._pasted: str | None = None  # the webhooks' URL that was last reported
        self.tunnel = Tunnel()

    @property
    def age(self) -> float | None:
        """Seconds since the agent last answered, or None if it never did."""
        answered = self.tunnel.answered
        return None if answered is None else self._clock() - answered

    @property
    def silence(self) -> float:
        """Seconds since the agent last answered, or since the start if it never did."""
        age = self.age
        return self._clock() - self._started if age is None else age

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
        self._log_dashboard(self.tunnel.webhooks)
        found = self.tunnel.socket and self.tunnel.webhooks
        return self._pause if found else min(self._pause, _UNTIL_FOUND)

    def _log_problem(self) -> None:
        now, error = self._clock(), self.tunnel.doubt
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
        return replace(tunnel, session=self._session())

    def _session(self) -> str | None:
        """Ask the agent, from version 3.9 on, whether it is connected; older ones do not know."""
        try:
            answer = fetch.send("GET", self._api + "/api/status")
            said = json.loads(answer.body)["status"] if answer.status == 200 else "online"
        except (fetch.FetchError, ValueError, KeyError, TypeError, RecursionError):
            said = "online"
        return None if said == "online" else f"the agent says that it is {str(said)[:40]!r}"

    def _list(self, path: str) -> tuple[list[Endpoint], str | None]:
        answer = fetch.send("GET", self._api + path)
        if answer.status != 200:
            return [], f"{self._api}{path} answered {answer.status}"
        try:
            return endpoints_in(answer.body), None
        except AgentError as error:
            return [], f"{self._api}{path} {error}"

    def _choose(self, endpoints: list[Endpoint]) -> Tunnel:
        socket = choose(endpoints, self._socket_upstreams, "SOCKET_UPSTREAMS")
        webhooks = choose(endpoints, self._webhook_upstreams, "WEBHOOK_UPSTREAMS")
        problems = dict.fromkeys(found.problem for found in (socket, webhooks) if found.problem)
        return Tunnel(socket.url, webhooks.url, self._clock(), "; ".join(problems) or None)

    def _log_dashboard(self, webhooks: str | None) -> None:
        if not self._tells_addresses or webhooks is None or webhooks == self._pasted:
            return
        if self._pasted is None:
            logger.info("dashboard", message="paste these into your Vonage application:")
        else:
            logger.warning(
                "dashboard",
                message=f"your Vonage application still has {self._pasted}, which is no longer "
                "ours: paste these into it",
            )
        self._pasted = webhooks
        logger.info("dashboard", answer_url=f"{webhooks}/webhooks/answer")
        logger.info("dashboard", event_url=f"{webhooks}/webhooks/events")
        logger.info("dashboard", fallback_url=f"{webhooks}/webhooks/fallback")


def _log_changes(before: Tunnel, now: Tunnel) -> None:
    if (now.socket, now.webhooks) != (before.socket, before.webhooks):
        logger.info("tunnel", socket=now.socket or "none", webhooks=now.webhooks or "none")
    elif before.doubt and not now.doubt:
        logger.info("tunnel_recovered", socket=now.socket)
