"""What ncco-service meets outside, in one server: a tunnel's agent, and the platform's API."""

from __future__ import annotations

import json
from typing import Any

from tests.web_server import QuietHandler, WebServer

__all__ = ["Outside"]

PAGES: dict[str, tuple[int, Any]] = {
    "GET /api/endpoints": (
        200,
        {"endpoints": [{"url": "https://x.example.org", "upstream": {"url": "gateway:8080"}}]},
    ),
    "GET /api/status": (200, {"status": "online"}),
    "POST /v1/calls": (
        201,
        {"uuid": "a-leg", "conversation_uuid": "CON-1", "status": "started"},
    ),
}
"""The rest is answered with 500, the Vonage application, too."""


class Outside(WebServer):
    """The server: a context manager that listens on a port of its own."""

    def __init__(self) -> None:
        class Handler(QuietHandler):
            def answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                path = self.path.partition("?")[0]
                status, page = PAGES.get(f"{self.command} {path}", (500, {}))
                body = json.dumps(page).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = answer

        super().__init__(Handler)
