"""The gateway under load: the maximum number of calls, and stalled peers."""

from __future__ import annotations

import asyncio
import contextlib
import resource
from collections.abc import AsyncIterator, Iterator
from urllib.parse import urlsplit

import pytest

from phone import CallPlan, call
from tests.compose import ComposeStack

CALLS = 1000
"""Default of MAX_CALLS."""
FILES = 4096
"""Default of GATEWAY_FILES."""
AT_ONCE = 50
SECONDS = 60.0

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]

BODY = 60_000
STALLED = (
    b"POST /webhooks/events HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\n\r\n" % BODY
) + b" " * (BODY - 10_000)


@pytest.fixture(scope="module")
def stack() -> Iterator[ComposeStack]:
    """Yield a stack without authentication of the socket."""
    with ComposeStack(env={"SOCKET_AUTH": "none"}) as stack:
        stack.wait_ready()
        yield stack


@pytest.fixture(autouse=True)
def many_files() -> Iterator[None]:
    """Raise this process's limit on open files."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (before[1], before[1]))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


@contextlib.asynccontextmanager
async def crowd(host: str, data: bytes, count: int) -> AsyncIterator[list[Connection]]:
    """Open connections, each of which has sent `data`, and hold them."""
    gate = asyncio.Semaphore(AT_ONCE)
    connections: list[Connection] = []

    async def come() -> None:
        async with gate, asyncio.timeout(SECONDS):
            connections.append(await asyncio.open_connection(host, 8080))
            connections[-1][1].write(data)

    async with asyncio.TaskGroup() as group:
        for _ in range(count):
            group.create_task(come())
    try:
        yield connections
    finally:
        for _, writer in connections:
            writer.transport.abort()


async def upgraded(connection: Connection) -> bytes:
    """Return the status line of the response to a handshake."""
    async with asyncio.timeout(SECONDS):
        return (await connection[0].readuntil(b"\r\n\r\n")).split(b"\r\n")[0]


async def test_as_many_calls_as_are_allowed_pass(stack: ComposeStack) -> None:
    """The thousandth call works, the next hears that all lines are busy, and later calls work."""
    host = urlsplit(stack.socket_url).netloc
    handshake = (
        f"GET /socket HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ).encode()
    gateway = stack.address("gateway")
    async with crowd(gateway, handshake, CALLS) as calls:
        answers = [await upgraded(one) for one in calls]
        assert {*answers} == {b"HTTP/1.1 101 Switching Protocols"}
        async with crowd(gateway, handshake, 1) as others:
            assert await upgraded(others[0]) == b"HTTP/1.1 503 Service Unavailable"
    await asyncio.to_thread(stack.wait_ready)
    report = await call(CallPlan(stack.answer_url, seconds=0.5))
    assert report.ok, report.problems


@pytest.mark.parametrize("data", [b"", STALLED], ids=["silent", "stalled"])
async def test_peers_that_stall_do_not_choke_it(stack: ComposeStack, data: bytes) -> None:
    """Peers use up all open files: a live call loses nothing, and the next one works."""
    talking, enough = asyncio.Event(), asyncio.Event()
    plan = CallPlan(stack.answer_url, audio="tone", seconds=60)
    live = asyncio.create_task(call(plan, hang_up=enough, on_progress=lambda _: talking.set()))
    async with asyncio.timeout(SECONDS):
        await talking.wait()
    async with crowd(stack.address("gateway"), data, FILES):
        await asyncio.sleep(3)  # the gateway has read what came, and nobody was cut off yet
    enough.set()
    report = await live
    # Its events are new requests, and meet a gateway that has no file left for them.
    assert [problem for problem in report.failures if problem.step != "event"] == []
    assert report.sockets[0].alignment.matched > 100
    await asyncio.to_thread(stack.wait_ready)
    report = await call(CallPlan(stack.answer_url, seconds=0.5))
    assert report.ok, report.problems
