"""The client of `make answers`."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator

from bench import http_load

REQUEST = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


@contextlib.asynccontextmanager
async def _server(answer: bytes, seconds: float = 0.0) -> AsyncIterator[int]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, EOFError, asyncio.CancelledError):
            while await reader.readuntil(b"\r\n\r\n"):
                await asyncio.sleep(seconds)
                writer.write(answer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_answers_are_counted_and_timed() -> None:
    """A hundred requests a second, each answered after 20 ms."""
    async with _server(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]", 0.02) as port:
        asked = await http_load.at_rate(port, lambda: REQUEST, 0.5, 100)
    assert (asked.answered, asked.failed) == (50, 0)
    assert 20 <= asked.p50_ms <= asked.p99_ms <= asked.max_ms


async def test_a_refusal_is_a_failure() -> None:
    """Only 200 counts, and the first other status is told."""
    async with _server(b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n\r\n") as port:
        asked = await http_load.flat_out(port, lambda: REQUEST, 0.1, connections=2)
    assert asked.answered == 0
    assert asked.failed > 0
    assert asked.first_failure == "status 401"


async def test_a_server_that_is_not_there_fails_every_request(unused_tcp_port: int) -> None:
    """Nobody listens: each request fails, none is forgotten."""
    asked = await http_load.at_rate(unused_tcp_port, lambda: REQUEST, 0.2, 50)
    assert (asked.answered, asked.failed) == (0, 10)
    assert asked.first_failure is not None
    assert "ConnectionRefusedError" in asked.first_failure
