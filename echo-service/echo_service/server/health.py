"""Health: whether the service can take a new call, and why not."""

from __future__ import annotations

import http
from collections.abc import Sized

from websockets.http11 import Response

from ..settings import Settings
from . import responses
from .authentication import UNSET

__all__ = ["OPEN", "Health"]

OPEN = (
    "anyone can open the socket (SOCKET_AUTH=none): "
    "set SOCKET_SECRET here and in ncco-service, and SOCKET_AUTH=ticket"
)


class Health:
    """Health of the service.

    Args:
        settings: of the process.
        calls: the live ones.

    """

    def __init__(self, settings: Settings, calls: Sized) -> None:
        self.draining = False
        """Whether the service is stopping."""
        self._settings = settings
        self._calls = calls

    def refusals(self) -> dict[str, str]:
        """Return why no new call can be taken now: names and explanations."""
        if self.draining:
            return {"draining": "the service is stopping"}
        calls, limit = len(self._calls), self._settings.max_calls
        if calls >= limit:
            return {"full": f"{calls} of {limit} calls are taken (MAX_CALLS)"}
        return {}

    def live(self) -> Response:
        """Respond to /healthz: the process is alive."""
        return responses.json_response(http.HTTPStatus.OK, {"status": "alive"})

    def ready(self) -> Response:
        """Respond to /readyz: whether a new call can be taken."""
        mode = self._settings.socket_auth_mode
        reasons = [f"{name}: {message}" for name, message in self.refusals().items()]
        if mode == "unset":
            reasons.append(f"socket_auth: every handshake is refused: {UNSET}")
        facts: dict[str, object] = {
            "calls": len(self._calls),
            "max_calls": self._settings.max_calls,
            "socket_auth": mode,
        }
        if mode == "none":
            facts["warnings"] = [OPEN]
        if reasons:
            body = {"status": "not ready", "reasons": reasons, **facts}
            return responses.json_response(http.HTTPStatus.SERVICE_UNAVAILABLE, body)
        return responses.json_response(http.HTTPStatus.OK, {"status": "ready", **facts})
