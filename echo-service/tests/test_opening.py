"""Handshakes of plain requests, against the library's own."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import re

import pytest
from echo_service.calls.reaper import AT_ONCE
from echo_service.service import EchoService
from echo_service.settings import Settings
from echo_service.websocket.opening import MAX_BYTES, MAX_HEADERS, accepting, plain_opening
from hypothesis import given
from hypothesis import strategies as st
from websockets.http11 import Request
from websockets.server import ServerProtocol
from wire_peer import CLOSE, PING, Peer, frame

KEY = "dGhlIHNhbXBsZSBub25jZQ=="  # as is the answer, RFC 6455, 1.3
ANSWER = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="

PLAIN = (
    "GET /socket?a=b HTTP/1.1",
    "Host: localhost",
    "Upgrade: websocket",
    "Connection: Upgrade",
    f"Sec-WebSocket-Key: {KEY}",
    "Sec-WebSocket-Version: 13",
)


def request(*lines: str) -> bytes:
    """Return a request of these lines."""
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def undated(response: bytes) -> bytes:
    """Return a response without its date."""
    return re.sub(rb"Date: [^\r]+GMT\r\n", b"", response, count=1)


def by_the_library(data: bytes) -> tuple[Request | None, bytes]:
    """Return how the library reads a request, and its response, without the date."""
    protocol = ServerProtocol()
    protocol.receive_data(data)
    events = protocol.events_received()
    if not events:
        return None, undated(b"".join(protocol.data_to_send()))
    (event,) = events
    assert isinstance(event, Request)
    protocol.send_response(protocol.accept(event))
    return event, undated(b"".join(protocol.data_to_send()))


def test_a_plain_request() -> None:
    """Its path, its key and its authorization are read; the answer is that of RFC 6455."""
    opening = plain_opening(request(*PLAIN, "Authorization:  Bearer a.b.c "))
    assert opening == ("/socket?a=b", KEY, ("Bearer a.b.c",))
    assert f"\r\nSec-WebSocket-Accept: {ANSWER}\r\n".encode() in accepting(KEY)
    assert undated(accepting(KEY)) == by_the_library(request(*PLAIN))[1]


NAMES = st.sampled_from(
    ["Host", "HOST", "upgrade", "Connection", "Authorization", "authorization", "Origin", "X-A"]
    + ["Sec-WebSocket-Key", "Sec-WebSocket-Version", "Sec-WebSocket-Extensions", "Sec-WebSocket"]
    + ["Sec-WebSocket-Protocol", "Content-Length", "Transfer-Encoding", "Bad Name", "", "é"]
)
VALUES = st.sampled_from(
    ["", "0", "7", "websocket", "WebSocket", "Upgrade", "keep-alive, Upgrade", "13", "8", KEY]
    + [f"{KEY}\t", KEY[:-1], "chat", "permessage-deflate", "chunked", "é", "a\x00b", "a\nb"]
)
FIRST = st.sampled_from(
    [PLAIN[0], "GET / HTTP/1.1", "GET  /socket HTTP/1.1", "GET /socket HTTP/1.0", "GET x HTTP/1.1"]
    + ["POST /socket HTTP/1.1", "get /socket HTTP/1.1", "GET /é HTTP/1.1", "GET /a#b HTTP/1.1", ""]
)


@given(
    first=FIRST,
    lines=st.permutations(PLAIN[1:]),
    more=st.lists(st.tuples(NAMES, st.sampled_from([":", ": ", " : "]), VALUES), max_size=3),
    kept=st.integers(3, 5),
    behind=st.sampled_from([b"", b"", b"", b"\x81", b"\r\n"]),
)
def test_what_is_taken_for_plain_is_what_the_library_accepts(
    first: str, lines: list[str], more: list[tuple[str, str, str]], kept: int, behind: bytes
) -> None:
    """Whatever the request: if it is plain, the library reads and answers the same."""
    data = request(first, *lines[:kept], *map("".join, more)) + behind
    opening = plain_opening(data)
    if opening is None:
        return
    read, answer = by_the_library(data)
    assert read is not None
    assert opening.path == read.path
    assert list(opening.authorization) == read.headers.get_all("Authorization")
    assert undated(accepting(opening.key)) == answer


@pytest.mark.parametrize(
    "data",
    [
        b"",
        request(*PLAIN)[:-1],
        request(*PLAIN) + b"\x81",
        request(*PLAIN, "host: again"),
        request(*PLAIN, "Content-Length: 0"),
        request(*PLAIN, "X: " + "x" * MAX_BYTES),
        request(*PLAIN, *(f"X-{n}: n" for n in range(MAX_HEADERS))),
        request(*PLAIN).replace(b"Upgrade: websocket", b"Upgrade: h2c"),
        request(*PLAIN).replace(b"Connection: Upgrade", b"Connection: keep-alive, Upgrade"),
        request(*PLAIN).replace(b": 13", b": 12"),
        request(*PLAIN).replace(KEY.encode(), b"short"),
        request(*PLAIN).replace(b"\r\n", b"\n"),
    ],
)
def test_anything_else_is_left_to_the_library(data: bytes) -> None:
    """What is incomplete, repeated, too long or unusual is not plain."""
    assert plain_opening(data) is None


async def test_other_requests_are_answered_alike() -> None:
    """A plain request is answered at once; another the library answers, with the same."""
    other = request(*PLAIN).replace(b"Connection: ", b"Connection: keep-alive, ")
    answers = []
    async with EchoService(Settings(port=0)) as service:
        for data in (request(*PLAIN), other):
            async with Peer.reach(service.port) as peer:
                peer.write(data)
                answers.append(undated(await peer.reader.readuntil(b"\r\n\r\n")))
    assert answers[0] == answers[1] == undated(accepting(KEY))


async def test_many_silent_peers_are_ended_in_turns() -> None:
    """A hundred handshakes that time out together leave the event loop turns between them."""
    settings = Settings(port=0, handshake_seconds=60)
    async with EchoService(settings) as service, contextlib.AsyncExitStack() as peers:
        for _ in range(100):
            await peers.enter_async_context(Peer.reach(service.port))
        while len(service.registry.connections) < 100:  # noqa: ASYNC110 - it has no event for this
            await asyncio.sleep(0.01)
        left = []

        async def turns() -> None:
            while service.registry.connections:
                left.append(len(service.registry.connections))
                await asyncio.sleep(0)

        async with asyncio.timeout(60), asyncio.TaskGroup() as group:
            group.create_task(turns())
            group.create_task(service.reaper.sweep(asyncio.get_running_loop().time() + 61))
    assert max(before - after for before, after in itertools.pairwise(left)) <= 2 * AT_ONCE


async def test_pings() -> None:
    """A peer gets a ping every PING_INTERVAL seconds, from the reaper's sweep."""
    settings = Settings(port=0, ping_interval=20)
    async with EchoService(settings) as service, Peer.connect(service.port) as peer:
        now = asyncio.get_running_loop().time()
        await service.reaper.sweep(now + 19)
        await service.reaper.sweep(now + 21)
        await service.reaper.sweep(now + 19)
        assert await peer.frame() == (PING, b"")
        peer.write(frame(CLOSE))
        assert (await peer.frame())[0] == CLOSE
