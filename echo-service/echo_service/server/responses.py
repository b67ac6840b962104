"""HTTP responses: JSON, all errors in one shape."""

from __future__ import annotations

import email.utils
import http
import json
from collections.abc import Mapping

from websockets.datastructures import Headers
from websockets.http11 import Response

__all__ = [
    "bad_handshake",
    "error",
    "json_response",
    "not_found",
    "response",
    "too_large",
    "unauthorized",
    "unavailable",
    "upgrade_required",
]


def json_response(
    status: http.HTTPStatus, body: Mapping[str, object], headers: Mapping[str, str] | None = None
) -> Response:
    """Return an HTTP response with a JSON body."""
    payload = json.dumps(body).encode() + b"\n"
    return response(status, payload, "application/json", headers)


def response(
    status: http.HTTPStatus,
    payload: bytes,
    content_type: str,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return an HTTP response, after which the connection is closed."""
    fields = {
        "Date": email.utils.formatdate(usegmt=True),
        "Connection": "close",
        "Content-Type": content_type,
        "Content-Length": str(len(payload)),
        "Cache-Control": "no-store",
        **(headers or {}),
    }
    return Response(status.value, status.phrase, Headers(fields), payload)


def error(
    status: http.HTTPStatus,
    slug: str,
    message: str,
    hint: str,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Return an error: `slug` names it for programs, `message` says what was seen."""
    return json_response(status, {"error": slug, "message": message, "hint": hint}, headers)


def too_large(limit: int) -> Response:
    """Refuse a handshake of more than `limit` bytes."""
    return error(
        http.HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
        "handshake_too_large",
        f"the handshake is longer than {limit} bytes",
        "send fewer or shorter headers, or raise HANDSHAKE_BYTES",
    )


def not_found(path: str, hint: str) -> Response:
    """Refuse an unknown path."""
    return error(http.HTTPStatus.NOT_FOUND, "not_found", f"there is no {path[:80]} here", hint)


def upgrade_required(path: str) -> Response:
    """Refuse an ordinary request for the socket."""
    return error(
        http.HTTPStatus.UPGRADE_REQUIRED,
        "upgrade_required",
        "this is not a WebSocket handshake",
        f"open {path} with a WebSocket client",
        {"Upgrade": "websocket"},
    )


def unauthorized(message: str, hint: str) -> Response:
    """Refuse a handshake that is not authenticated."""
    return error(
        http.HTTPStatus.UNAUTHORIZED, "unauthorized", message, hint, {"WWW-Authenticate": "Bearer"}
    )


def unavailable(reason: str, message: str) -> Response:
    """Refuse a call that may be accepted later."""
    return error(
        http.HTTPStatus.SERVICE_UNAVAILABLE,
        reason,
        message,
        "call again in a moment",
        {"Retry-After": "5"},
    )


def bad_handshake(refusal: Response) -> Response:
    """Rewrite the library's refusal of a handshake as one of our errors; keep its headers."""
    kept = {name: refusal.headers[name] for name in ("Allow", "Upgrade") if name in refusal.headers}
    return error(
        http.HTTPStatus(refusal.status_code),
        "bad_handshake",
        bytes(refusal.body).decode(errors="replace").strip()[:200],
        "send the opening handshake of RFC 6455, version 13",
        kept,
    )
