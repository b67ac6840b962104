"""The header by which a socket's peer continues the trace of the call (W3C Trace Context)."""

import json
from collections.abc import Mapping
from typing import Any

import structlog

from ncco_service.ncco.unchecked import is_websocket
from ncco_service.ncco.validation import problems_of

__all__ = ["TRACEPARENT", "TraceparentHeader", "with_header"]

logger = structlog.get_logger()

TRACEPARENT = "traceparent"


class TraceparentHeader:
    """Puts the header where it fits: all headers of a socket have 512 bytes."""

    def __init__(self) -> None:
        self._warned = False

    def put(self, document: list[dict[str, Any]], traceparent: str) -> list[dict[str, Any]]:
        """Give the header to every websocket endpoint of a valid document, unless it has one.

        Without room for it the document stays as it is; the first time, a warning is logged.
        """
        longer = with_header(document, traceparent)
        if not problems_of(longer):
            return longer
        if not self._warned:
            self._warned = True
            size = len(json.dumps({TRACEPARENT: traceparent}))
            logger.warning(
                "no_traceparent",
                message=f"a socket's headers have no room for the {size} bytes of a traceparent: "
                "the traces of such calls are in parts; shorten the headers in the document",
            )
        return document


def with_header(document: list[dict[str, Any]], traceparent: str) -> list[dict[str, Any]]:
    """Give the header to every websocket endpoint that has none, whether or not it fits."""
    return [_with_header(action, traceparent) for action in document]


def _with_header(action: Mapping[str, Any], traceparent: str) -> dict[str, Any]:
    if not is_websocket(action):
        return dict(action)
    return {**action, "endpoint": [
        {**endpoint, "headers": {TRACEPARENT: traceparent} | endpoint.get("headers", {})}
        for endpoint in action["endpoint"]
    ]}  # fmt: skip
