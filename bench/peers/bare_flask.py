"""A minimal Flask view: an NCCO of the same kind, with nothing looked up."""

from __future__ import annotations

from types import SimpleNamespace

from flask import Flask, Response, jsonify

__all__ = ["application"]

application = Flask(__name__, static_folder=None)
# What ncco-service's worker asks the application in it for: here are no calls to place.
application.extensions["ncco-service"] = SimpleNamespace(calls=None)

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


@application.route("/webhooks/answer", methods=["GET", "POST"])
def answer() -> Response:
    """Answer a call."""
    return jsonify(DOCUMENT)
