"""A server written without a thought of hostile peers, to show that the attacks work.

`python -m tests.attacks.naive` runs it: `websockets.asyncio.server.serve()` with its defaults,
which sends back all it hears and prints what is text; beside it webhooks that put the caller's
number into the NCCO by replacing text, and an operator's interface that places a call for whoever
asks, from any page. It says where it listens, as the services do.
"""

from __future__ import annotations

import asyncio
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

from websockets.asyncio.server import ServerConnection, serve

__all__: list[str] = []

NCCO = """[{"action": "talk", "text": "Hello"}, {"action": "connect",
"eventUrl": ["http://localhost/webhooks/events"], "endpoint": [{"type": "websocket",
"uri": "ws://localhost/socket", "content-type": "audio/l16;rate=16000",
"headers": {"uuid": "${uuid}", "conversation_uuid": "", "from": "${from}", "to": ""}}]}]"""


class _Webhooks(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        fields = parse_qs(urlsplit(self.path).query)
        self._answer(fields.get("from", [""])[0], fields.get("uuid", [""])[0])

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        print(body.decode(), flush=True)
        self._answer("", "")

    def _answer(self, caller: str, uuid: str) -> None:
        body = NCCO.replace("${from}", caller).replace("${uuid}", uuid).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


class _Operator(BaseHTTPRequestHandler):
    placed: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self._answer(200)

    def do_POST(self) -> None:
        self.placed.append(self.path)
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        print(self.headers, body.decode(errors="surrogateescape"), flush=True)
        self._answer(201)

    do_PUT = do_DELETE = do_OPTIONS = do_POST

    def _answer(self, status: int) -> None:
        body = json.dumps({"calls": self.placed}).encode()
        self.send_response(status)
        self.send_header("Access-Control-Allow-Origin", "*")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    request_queue_size = 200  # its faults are others


async def _echo(connection: ServerConnection) -> None:
    async for message in connection:
        if isinstance(message, str):
            print(message, flush=True)
        await connection.send(message)


async def _main() -> None:
    for name, handler in (("webhooks", _Webhooks), ("operator", _Operator)):
        web = _Server(("127.0.0.1", 0), handler)
        threading.Thread(target=web.serve_forever, daemon=True).start()
        print(f"{name} url=http://127.0.0.1:{web.server_address[1]}", flush=True)
    async with serve(_echo, "127.0.0.1", 0) as server:
        print(f"socket url=http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)
        await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    asyncio.run(_main())
