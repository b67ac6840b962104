"""Echo on Tornado, as in the original guide, which echoed texts."""

from __future__ import annotations

import asyncio

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application
from tornado.websocket import WebSocketHandler

from bench.peers import serving


class _Echo(WebSocketHandler):
    def check_origin(self, origin: str) -> bool:
        return True

    def on_message(self, message: str | bytes) -> None:
        if isinstance(message, bytes):
            self.write_message(message, binary=True)


async def _main() -> None:
    server = HTTPServer(Application([("/socket", _Echo)]))
    sockets = bind_sockets(serving.port(), serving.HOST, backlog=1024)
    server.add_sockets(sockets)
    serving.announce(sockets[0].getsockname()[1])
    await asyncio.Event().wait()


if __name__ == "__main__":
    serving.run(_main())
