"""What `make answers` compares: servers and their settings, requests, a broken tunnel agent."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import secrets
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

import jwt

__all__ = ["BARE", "Case", "cases", "simulated_agent"]

BARE = "bare Flask view"
SLOW_AGENT_SECONDS = 0.9
SECRET = secrets.token_hex(32)
PEER = ("-m", "bench.peers.bare_flask_main")
OURS = ("-m", "ncco_service")
BODY = json.dumps(
    {
        "from": "447700900000",
        "to": "447700900001",
        "uuid": "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab",
        "conversation_uuid": "CON-aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab",
        "region_url": "https://api-us-3.vonage.com",
    }
).encode()


@dataclass(frozen=True)
class Case:
    """One server, its settings, and the kind of request.

    Args:
        label: for the table.
        arguments: of Python, start the server.
        environ: variables it gets.
        signed: whether requests carry Vonage's JWT.
        agent: the tunnel agent's behaviour: hangs, slow, dead; None: it has none.

    """

    label: str
    arguments: tuple[str, ...]
    environ: dict[str, str]
    signed: bool = False
    agent: str | None = None

    @property
    def request(self) -> Callable[[], bytes]:
        """Makes each request, whole."""
        return _request(self.signed)


def cases() -> list[Case]:
    """Return all cases, the bare view first."""
    socket = {"SOCKET_URL": "ws://127.0.0.1:8001/socket"}
    signed = {"VONAGE_SIGNATURE_SECRET": SECRET}
    agents = ("hangs", "is slow", "is dead")
    return [
        Case(BARE, (*PEER, "application"), {}),
        Case("bare Flask view that reads and logs", (*PEER, "reading"), {}),
        Case("ncco-service, unsigned", OURS, socket),
        Case("ncco-service, signed", OURS, socket | signed, signed=True),
        *(Case(f"ncco-service, the tunnel agent {one}", OURS, {}, agent=one) for one in agents),
    ]


def _request(signed: bool) -> Callable[[], bytes]:
    head = (
        "POST /webhooks/answer HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(BODY)}\r\n"
    )
    plain = f"{head}\r\n".encode() + BODY
    digest = hashlib.sha256(BODY).hexdigest()

    def sign() -> bytes:
        claims = {
            "iss": "Vonage",
            "iat": int(time.time()),
            "jti": secrets.token_hex(16),
            "payload_hash": digest,
            "api_key": "abcd1234",
        }
        token = jwt.encode(claims, SECRET, "HS256")
        return f"{head}Authorization: Bearer {token}\r\n\r\n".encode() + BODY

    return sign if signed else lambda: plain


@contextlib.asynccontextmanager
async def simulated_agent(kind: str | None) -> AsyncIterator[dict[str, str]]:
    """Simulate a broken tunnel agent; yields the environment variables that point to it."""
    if kind is None:
        yield {}
        return

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Cancelled when the run ends: asyncio's streams would print a traceback of it.
        with contextlib.suppress(OSError, EOFError, TimeoutError, asyncio.CancelledError):
            await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
            if kind == "is slow":
                await asyncio.sleep(SLOW_AGENT_SECONDS)
                body = b'{"endpoints": [], "tunnels": []}'
                head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\nConnection: close\r\n"
                writer.write(f"{head}Content-Type: application/json\r\n\r\n".encode() + body)
            else:
                await asyncio.wait_for(reader.read(), 60)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    if kind == "is dead":
        server.close()
    try:
        yield {"NGROK_API_URL": f"http://127.0.0.1:{port}", "AGENT_POLL_SECONDS": "0.1"}
    finally:
        server.close()
