"""Minimal Flask views: an NCCO of the same kind, with nothing looked up.

`application` answers whatever was sent; `reading` reads the webhook's JSON and logs a line of it
first, as any application must that looks at its callers.
"""

from __future__ import annotations

import logging
import sys
from types import SimpleNamespace

from flask import Flask, Response, jsonify, request

__all__ = ["application", "reading"]

logger = logging.getLogger(__name__)

DOCUMENT = [
    {"action": "talk", "text": "Please wait while we connect you to the echo server"},
    {
        "action": "connect",
        "endpoint": [
            {
                "type": "websocket",
                "uri": "ws://127.0.0.1:8001/socket",
                "content-type": "audio/l16;rate=16000",
                "headers": {"uuid": "u", "conversation_uuid": "CON-u"},
            }
        ],
    },
]


def _app() -> Flask:
    app = Flask(__name__, static_folder=None)
    # What ncco-service's worker asks the application in it for: here are no calls to place.
    app.extensions["ncco-service"] = SimpleNamespace(calls=None)
    return app


application, reading = _app(), _app()
logging.basicConfig(stream=sys.stdout, level=logging.INFO, format="%(asctime)s %(message)s")


@application.route("/webhooks/answer", methods=["GET", "POST"])
def answer() -> Response:
    """Answer a call."""
    return jsonify(DOCUMENT)


@reading.route("/webhooks/answer", methods=["GET", "POST"])
def read_and_answer() -> Response:
    """Answer a call, and log who called."""
    call = request.get_json()
    logger.info(
        "answer call=%s conversation=%s to=%s from=%s",
        *(call[name] for name in ("uuid", "conversation_uuid", "to", "from")),
    )
    return jsonify(DOCUMENT)
