"""`make answers`: its client, the servers it compares, and its count of instructions."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from bench import answer_cases, http_load
from bench.counters import Switched
from bench.server import Server

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


async def test_one_by_one_sends_as_many_as_told() -> None:
    """Each request is sent once the last one is answered."""
    async with _server(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n[]") as port:
        asked = await http_load.one_by_one(port, lambda: REQUEST, 7)
    assert (asked.answered, asked.failed) == (7, 0)


@pytest.mark.parametrize("number", range(4), ids=["bare", "bare, reading", "unsigned", "signed"])
async def test_every_server_answers(number: int) -> None:
    """Each server that is compared starts, under the same worker, and answers its requests."""
    case = answer_cases.cases()[number]
    with Server((sys.executable, *case.arguments), case.environ, 0) as server:
        asked = await http_load.one_by_one(server.port, case.request, 3)
    assert (asked.answered, asked.first_failure) == (3, None)


@pytest.mark.skipif(shutil.which("valgrind") is None, reason="valgrind counts the instructions")
async def test_instructions_are_counted_only_while_the_count_is_on(tmp_path: Path) -> None:
    """An answer takes about a million; the start, which takes some thousand times that, is out."""
    counter = Switched(tmp_path)
    case = answer_cases.cases()[0]
    with Server(
        (*counter.command, sys.executable, *case.arguments), case.environ, 0, 120
    ) as server:
        await http_load.one_by_one(server.port, case.request, 20)
        counter.switch(server.pid, "on")
        asked = await http_load.one_by_one(server.port, case.request, 10)
        counter.switch(server.pid, "off")
    assert (asked.answered, asked.first_failure) == (10, None)
    assert 3e5 < counter.read().user / 10 < 5e6
