"""Flask and flask-sock, as in Vonage's tutorial "Connect to a WebSocket": whatever comes goes back.

The first message, which is text, goes back too. Only the NCCO's `ws://` is ours: here is no TLS.
"""

from flask import Flask, Response, jsonify, request
from flask_sock import Server, Sock  # type: ignore[import-not-found]  # in this folder's own environment only
from werkzeug.serving import make_server

app = Flask(__name__)
sock = Sock(app)


@app.route("/webhooks/answer")
def answer() -> Response:
    """Greet the caller, then connect to the socket below."""
    endpoint = {
        "type": "websocket",
        "uri": f"ws://{request.host}/socket",
        "content-type": "audio/l16;rate=16000",
    }
    return jsonify(
        [
            {"action": "talk", "text": "Please wait while we connect you to the echo server"},
            {"action": "connect", "from": "Vonage", "endpoint": [endpoint]},
        ]
    )


@app.route("/webhooks/events", methods=["POST"])
def events() -> tuple[str, int]:
    """Take an event."""
    return "", 204


@sock.route("/socket")  # type: ignore[untyped-decorator]  # therefore
def echo(socket: Server) -> None:
    """Send everything back."""
    while True:
        socket.send(socket.receive())


if __name__ == "__main__":
    server = make_server("127.0.0.1", 0, app, threaded=True)
    print(f"listening url=http://127.0.0.1:{server.port}", flush=True)
    server.serve_forever()
