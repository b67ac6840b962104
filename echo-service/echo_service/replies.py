"""What the socket's port answers to plain HTTP: JSON, errors in one shape."""

from __future__ import annotations

import email.utils
import http
import json
from collections.abc import Mapping

from websockets.datastructures import Headers
from websockets.http11 import Response

__all__ = ["error", "json_reply"]


def json_reply(
    status: http.HTTPStatus, body: Mapping[str, object], headers: Mapping[str, str] | None = None
) -> Response:
    """An HTTP response with a JSON body, after which the connection is closed."""
    payload = json.dumps(body).encode() + b"\n"
    fields = {
        "Date": email.utils.formatdate(usegmt=True),
        "Connection": "close",
        "Content-Type": "application/json",
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
    """An error for a person and a program.

    Args:
        status: of HTTP.
        slug: names the error for programs.
        message: what was seen.
        hint: what to do about it.
        headers: more headers of the response.

    """
    return json_reply(status, {"error": slug, "message": message, "hint": hint}, headers)
