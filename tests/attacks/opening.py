"""Opening handshakes as bytes, and HTTP responses."""

from __future__ import annotations

import asyncio
import base64
import os
from dataclasses import dataclass

from tests.attacks.target import Socket, Unsafe

__all__ = ["Reply", "read_reply", "upgrade"]


@dataclass(frozen=True)
class Reply:
    """An HTTP response; status 0 is a connection that ended without one."""

    status: int
    headers: dict[str, str]
    body: bytes

    def __str__(self) -> str:
        return f"status {self.status}" if self.status else "cut off without a word"


def upgrade(
    target: Socket, authorization: str | None = None, *more: str, leave_out: str = ""
) -> bytes:
    """Build the opening handshake.

    Args:
        target: asked for.
        authorization: the header's value, None for no such header.
        more: header lines added at the end.
        leave_out: a header to leave out.

    """
    lines = {
        "Host": f"{target.host}:{target.port}",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
        "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
        "Sec-WebSocket-Version": "13",
    }
    if authorization is not None:
        lines["Authorization"] = authorization
    lines.pop(leave_out, None)
    head = [f"GET {target.path} HTTP/1.1", *(f"{name}: {text}" for name, text in lines.items())]
    return "\r\n".join([*head, *more, "", ""]).encode("latin-1")


async def read_reply(reader: asyncio.StreamReader, *, body: bool = True) -> Reply:
    """Read an HTTP response; one that is cut off has status 0."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
        status_line, *lines = head.decode("latin-1").split("\r\n")[:-2]
        headers = {k.strip().lower(): v.strip() for k, _, v in (x.partition(":") for x in lines)}
        words = status_line.split(" ", 2)
        if len(words) < 2 or not words[0].startswith("HTTP/1.") or not words[1].isdigit():
            raise Unsafe(f"it answered {status_line[:80]!r}, which is no HTTP")
        size = int(headers.get("content-length", "0"))
        content = await reader.readexactly(size) if body and size else b""
        return Reply(int(words[1]), headers, content)
    except (asyncio.IncompleteReadError, ConnectionError):
        return Reply(0, {}, b"")
