"""Ask the tunnel agent every few seconds, and keep its last answer for the requests."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass

from ncco_service import agent, fetch, logs
from ncco_service.agent import AgentError, Endpoint
from ncco_service.settings import Settings

__all__ = ["AgentWatch", "Tunnel"]

logger = logging.getLogger(__name__)

_UNTIL_FOUND = 1.0  # seconds between two questions, as long as there is no address


@dataclass(frozen=True)
class Tunnel:
    """What is known of the tunnel at one moment.

    ``socket`` and ``webhooks`` are public base URLs (https://host) or None; ``answered`` is the
    clock's seconds of the agent's last answer; ``error`` what is wrong at present, or None.
    """

    socket: str | None = None
    webhooks: str | None = None
    answered: float | None = None
    error: str | None = "the tunnel agent has not been asked yet"


class AgentWatch:
    """Watches one agent. ``look`` is the job of a background thread; ``tunnel`` is for requests.

    Args:
        settings: where the agent is, and which upstreams are wanted.
        clock: seconds that only go forward.

    """

    def __init__(self, settings: Settings, clock: Callable[[], float] = time.monotonic) -> None:
        self._api = settings.ngrok_api_url or ""
        self._socket_upstreams = settings.socket_upstreams
        self._webhook_upstreams = settings.webhook_upstreams
        self._pause = settings.agent_poll_seconds
        self._clock = clock
        self.tunnel = Tunnel()

    @property
    def age(self) -> float | None:
        """Seconds since the agent last answered, or None if it never did."""
        answered = self.tunnel.answered
        return None if answered is None else self._clock() - answered

    def look(self) -> float:
        """Ask once; return the seconds until the next time.

        While the agent is silent or talks nonsense, its last known answer is kept. An answer that
        holds no usable URL is an answer, too: then there is none.
        """
        before = self.tunnel
        try:
            self.tunnel = self._ask()
        except (fetch.FetchError, AgentError) as error:
            self.tunnel = Tunnel(before.socket, before.webhooks, before.answered, str(error))
        _tell(before, self.tunnel)
        found = self.tunnel.socket and self.tunnel.webhooks
        return self._pause if found else min(self._pause, _UNTIL_FOUND)

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
        socket = agent.choose(endpoints, self._socket_upstreams)
        webhooks = agent.choose(endpoints, self._webhook_upstreams)
        problem = socket.problem or webhooks.problem
        return Tunnel(socket.url, webhooks.url, self._clock(), problem)


def _tell(before: Tunnel, now: Tunnel) -> None:
    """Log what changed, once."""
    if now.error and now.error != before.error:
        logs.event(logger, "tunnel_trouble", logging.WARNING, message=now.error, kept=now.socket)
    if (now.socket, now.webhooks) != (before.socket, before.webhooks):
        logs.event(logger, "tunnel", socket=now.socket or "none", webhooks=now.webhooks or "none")
    elif before.error and not now.error:
        logs.event(logger, "tunnel_well_again", socket=now.socket)
    if now.webhooks and now.webhooks != before.webhooks:
        logs.event(logger, "dashboard", message="paste these into your Vonage application:")
        logs.event(logger, "dashboard", answer_url=f"{now.webhooks}/webhooks/answer")
        logs.event(logger, "dashboard", event_url=f"{now.webhooks}/webhooks/events")
        logs.event(logger, "dashboard", fallback_url=f"{now.webhooks}/webhooks/fallback")
