"""May this peer have a socket? And what plain HTTP gets on the socket's port."""

from __future__ import annotations

import http
from collections.abc import Callable
from typing import cast

from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

from . import replies
from .auth import UNSET, AuthError, Guard
from .connection import CallConnection
from .switchboard import Switchboard

__all__ = ["OPEN", "PATH", "Handshakes"]

PATH = "/socket"

OPEN = (
    "anybody can open the socket (SOCKET_AUTH=none): "
    "set SOCKET_SECRET here and in ncco-service, and SOCKET_AUTH=ticket"
)


class Handshakes:
    """Answers requests; a call is opened on the switchboard when its request is accepted.

    Args:
        board: of the service.
        guard: stands before the socket; None lets anybody in.
        reasons: tells why no new call could be taken now; empty if one could.

    """

    def __init__(
        self, board: Switchboard, guard: Guard | None, reasons: Callable[[], dict[str, str]]
    ) -> None:
        self._board = board
        self._lobby = board.lobby
        self._guard = guard
        self._reasons = reasons
        # What a handshake has proved, from its request to its response: nothing comes between.
        self._proved: str | None = None

    def request(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answer a request, or let the library go on with the handshake."""
        peer = cast(CallConnection, connection)
        if peer not in self._board.connections:
            # It hung up behind its request, which the library answers all the same. A call that
            # was opened now would never end.
            return replies.unavailable("gone", "the peer hung up")
        self._lobby.leave(peer)
        path = request.path.partition("?")[0]
        if path == "/healthz":
            return replies.json_reply(http.HTTPStatus.OK, {"status": "alive"})
        if path == "/readyz":
            return self._readiness()
        if path != PATH:
            return replies.not_found(path, f"the socket is at {PATH}")
        if "Upgrade" not in request.headers:
            return replies.upgrade_required(PATH)
        for reason, message in self._reasons().items():
            self._lobby.refused(reason, peer)
            return replies.unavailable(reason, message)
        try:
            given = request.headers.get_all("Authorization")
            self._proved = self._guard.admit(given) if self._guard else None
        except AuthError as error:
            facts = {"check": error.check, "message": str(error), "hint": error.hint}
            self._lobby.refused("unauthorized", peer, **facts)
            return replies.unauthorized(f"the handshake is refused: {error}", error.hint)
        return None

    def response(
        self, connection: ServerConnection, request: Request, response: Response
    ) -> Response | None:
        """Open the call, or put the library's refusal into our shape."""
        peer = cast(CallConnection, connection)
        if response.status_code == http.HTTPStatus.SWITCHING_PROTOCOLS:
            self._board.accepted(peer, self._proved)
        elif response.headers.get("Content-Type", "").startswith("text/plain"):
            self._lobby.refused("bad_handshake", peer)
            return replies.bad_handshake(response)
        return None

    def _readiness(self) -> Response:
        reasons = [f"{name}: {message}" for name, message in self._reasons().items()]
        settings = self._board.settings
        if settings.socket_auth_mode == "unset":
            reasons.append(f"socket_auth: nobody can open the socket: {UNSET}")
        facts: dict[str, object] = {
            "calls": len(self._board.calls),
            "max_calls": settings.max_calls,
            "socket_auth": settings.socket_auth_mode,
        }
        if self._guard is None:
            facts["warnings"] = [OPEN]
        if reasons:
            body = {"status": "not ready", "reasons": reasons, **facts}
            return replies.json_reply(http.HTTPStatus.SERVICE_UNAVAILABLE, body)
        return replies.json_reply(http.HTTPStatus.OK, {"status": "ready", **facts})
