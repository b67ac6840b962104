"""Tornado, as in Vonage's first guide "Call a WebSocket", under a Python of today.

There a message of type `str` went back as binary, and anything else was answered with "ok". In
Python 2 that made an echo; in Python 3 it is the wrong way round.
"""

import asyncio
import json

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler


class Ncco(RequestHandler):  # type: ignore[misc]  # in this folder's own environment only
    """The answer webhook."""

    def get(self) -> None:
        """Connect the caller to the socket below."""
        endpoint = {
            "type": "websocket",
            "uri": f"ws://{self.request.host}/socket",
            "content-type": "audio/l16;rate=16000",
        }
        self.set_header("Content-Type", "application/json")
        self.write(json.dumps([{"action": "connect", "endpoint": [endpoint]}]))


class Socket(WebSocketHandler):  # type: ignore[misc]  # so is this
    """The echo that was."""

    def on_message(self, message: str | bytes) -> None:
        """Send what Python 2 would have taken for audio back, and "ok" to anything else."""
        if isinstance(message, str):
            self.write_message(message, binary=True)
        else:
            self.write_message("ok")


async def main() -> None:
    """Serve until killed."""
    (listener,) = bind_sockets(0, "127.0.0.1")
    server = HTTPServer(Application([("/ncco", Ncco), ("/socket", Socket)]))
    server.add_socket(listener)
    print(f"listening url=http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main())
