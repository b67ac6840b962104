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
"""The rest is answered with 500, but for the Vonage application, which is kept as it was put."""


class Outside(WebServer):
    """The server: a context manager that listens on a port of its own."""

    def __init__(self) -> None:
        pages = dict(PAGES)

        class Handler(QuietHandler):
            def answer(self) -> None:
                given = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                path = self.path.partition("?")[0]
                if path.startswith("/v2/applications/"):
                    kept = pages.get(path, (200, {"name": "calls"}))
                    pages[path] = (200, json.loads(given)) if self.command == "PUT" else kept
                    status, page = pages[path]
                else:
                    status, page = pages.get(f"{self.command} {path}", (500, {}))
                body = json.dumps(page).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_PUT = answer

        super().__init__(Handler)
