"""Handshakes: which are accepted, and the responses to other requests on the socket's port."""

from __future__ import annotations

import http
from collections.abc import Callable, Sequence
from typing import cast

from websockets.asyncio.server import ServerConnection
from websockets.http11 import Request, Response

from ..calls import PendingHandshakes
from ..websocket import CallConnection, Opening
from . import responses
from .authentication import AuthenticationError, Authenticator
from .health import Health

__all__ = ["PATH", "Handshakes"]

PATH = "/socket"


class Handshakes:
    """Answers requests on the socket's port.

    Args:
        pending: connections whose request has not come yet.
        authenticator: of handshakes; None accepts all.
        health: of the service.
        accepted: called with a connection whose handshake is accepted.

    """

    def __init__(
        self,
        pending: PendingHandshakes,
        authenticator: Authenticator | None,
        health: Health,
        accepted: Callable[[CallConnection], None],
    ) -> None:
        self._pending = pending
        self._authenticator = authenticator
        self._health = health
        self._accepted = accepted

    def request(self, connection: ServerConnection, request: Request) -> Response | None:
        """Answer a request, or let the library continue with the handshake."""
        headers = request.headers
        return self._refused(
            cast(CallConnection, connection),
            request.path,
            "Upgrade" in headers,
            headers.get_all("Authorization"),
        )

    def accept(self, peer: CallConnection, opening: Opening) -> Response | None:
        """Open the call of a handshake that the library need not see; or return the refusal."""
        refusal = self._refused(peer, opening.path, True, opening.authorization)
        if refusal is None:
            self._accept(peer)
        return refusal

    def _accept(self, peer: CallConnection) -> None:
        self._pending.accepted()
        self._accepted(peer)

    def _refused(
        self, peer: CallConnection, target: str, upgrade: bool, authorization: Sequence[str]
    ) -> Response | None:
        if not self._pending.remove(peer) or peer.refusal is not None:
            # The peer hung up behind its request, or was refused: the library answers all the
            # same. A call that was opened now would never end.
            return responses.unavailable("gone", "the peer hung up")
        path = target.partition("?")[0]
        if path == "/healthz":
            return self._health.live()
        if path == "/readyz":
            return self._health.ready()
        if path != PATH:
            hint = f"the socket is at {PATH}"
            if path.rstrip("/") == PATH:
                hint += ", without a slash at the end"
            self._pending.refused("not_found", peer, path=path[:80], status=404, hint=hint)
            return responses.not_found(path, hint)
        if not upgrade:
            self._pending.refused("upgrade_required", peer, path=path, status=426)
            return responses.upgrade_required(PATH)
        for reason, message in self._health.refusals().items():
            self._pending.refused(reason, peer, status=503, message=message)
            return responses.unavailable(reason, message)
        if self._authenticator is not None:
            try:
                peer.proved_call_id = self._authenticator.authenticate(authorization)
            except AuthenticationError as error:
                self._pending.refused(
                    "unauthorized",
                    peer,
                    status=401,
                    check=error.check,
                    message=str(error),
                    hint=error.hint,
                )
                return responses.unauthorized(f"the handshake is refused: {error}", error.hint)
        return None

    def response(
        self, connection: ServerConnection, request: Request, response: Response
    ) -> Response | None:
        """Open the call, or rewrite the library's refusal as one of our errors."""
        peer = cast(CallConnection, connection)
        if response.status_code == http.HTTPStatus.SWITCHING_PROTOCOLS:
            self._accept(peer)
        elif response.headers.get("Content-Type", "").startswith("text/plain"):
            seen = bytes(response.body).decode(errors="replace").strip()[:200]
            self._pending.refused("bad_handshake", peer, status=response.status_code, message=seen)
            return responses.bad_handshake(response)
        return None
