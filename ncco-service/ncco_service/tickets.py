"""A pass for the socket: shows the echo service that this service answered this call."""

import secrets
import time
from collections.abc import Callable
from typing import Any

import jwt

__all__ = ["Tickets", "with_authorization"]

Authorization = dict[str, str]


class Tickets:
    """Issues tickets: JWTs with HS256, for one call, good for a few minutes and for one use.

    Args:
        secret: shared with the echo service.
        lifetime: seconds; the greeting plays before the platform opens the socket.
        clock: seconds since 1970.

    """

    def __init__(self, secret: str, lifetime: int, clock: Callable[[], float] = time.time) -> None:
        self._secret = secret
        self._lifetime = lifetime
        self._clock = clock

    def authorization(self, call: str) -> Authorization:
        """Make the ``authorization`` of a websocket endpoint for the call with this uuid."""
        now = int(self._clock())
        claims = {
            "iss": "ncco-service",
            "aud": "socket",
            "sub": call,
            "iat": now,
            "exp": now + self._lifetime,
            "jti": secrets.token_urlsafe(16),
        }
        ticket = jwt.encode(claims, self._secret, algorithm="HS256")
        return {"type": "custom", "value": f"Bearer {ticket}"}


def with_authorization(
    document: list[dict[str, Any]], authorization: Authorization
) -> list[dict[str, Any]]:
    """Give every websocket endpoint an authorization, unless the template gives it one."""
    return [
        {**action, "endpoint": [_authorized(each, authorization) for each in action["endpoint"]]}
        if action["action"] == "connect"
        else action
        for action in document
    ]


def _authorized(endpoint: dict[str, Any], authorization: Authorization) -> dict[str, Any]:
    if endpoint["type"] != "websocket" or "authorization" in endpoint:
        return endpoint
    return {**endpoint, "authorization": authorization}
