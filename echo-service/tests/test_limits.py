"""Every limit, at its edge."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

import pytest
from echo_service import protocol
from echo_service.service import EchoService
from echo_service.websocket import CallConnection
from wire_peer import (
    BINARY,
    CLOSE,
    CONT,
    PING,
    PONG,
    TEXT,
    Peer,
    connected,
    frame,
    until,
)

Start = Callable[..., AbstractAsyncContextManager[EchoService]]

AUDIO = frame(BINARY, bytes(640))


def now() -> float:
    """The time on the event loop's clock."""
    return asyncio.get_running_loop().time()


def only(service: EchoService) -> CallConnection:
    """The one connection that has a call."""
    (connection,) = service.registry.calls
    return connection


async def echoed(peer: Peer) -> None:
    """Send a frame, and get it back."""
    peer.write(AUDIO)
    assert await peer.frame() == (BINARY, bytes(640))


async def test_calls_at_once(start: Start) -> None:
    """MAX_CALLS are taken; one more gets 503 and a time to come back; an ended one makes room."""
    async with start(max_calls=2) as service, AsyncExitStack() as stack:
        first = await stack.enter_async_context(Peer.connect(service.port))
        await stack.enter_async_context(Peer.connect(service.port))
        async with Peer.reach(service.port) as third:
            third.write(Peer.handshake())
            head = await third.reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 503 ")
            assert b"\r\nRetry-After: 5\r\n" in head
        async with Peer.reach(service.port) as asker:
            asker.write(b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n")
            status, body = await asker.response()
            assert status == 503
            assert json.loads(body)["reasons"] == ["full: 2 of 2 calls are taken (MAX_CALLS)"]
        first.writer.transport.abort()
        await until(lambda: len(service.registry.calls) == 1)
        async with Peer.connect(service.port) as fourth:
            await echoed(fourth)
        assert service.pending.results["full"] == 1


@pytest.mark.parametrize("behind", [b"", frame(TEXT, connected().encode())], ids=["", "text"])
async def test_who_hangs_up_behind_the_request_takes_no_place(start: Start, behind: bytes) -> None:
    """A peer that is gone before its handshake is answered is no call, then or later."""
    async with start(max_calls=2) as service:
        for _ in range(20):
            with socket.create_connection(("127.0.0.1", service.port)) as peer:
                peer.sendall(Peer.handshake() + behind)
        results = service.pending.results
        await until(lambda: sum(results.values()) >= 20 and not service.registry.connections)
        async with Peer.connect(service.port) as peer:
            await echoed(peer)
            assert len(service.registry.calls) == 1
        await until(service.registry.idle.is_set)


async def test_call_length(start: Start) -> None:
    """A call of MAX_CALL_SECONDS goes on; a longer one is closed with 4000."""
    # Were it not for its length, it would be given up as silent.
    # Were there pings, the peer would read them for its echo.
    async with start(max_call_seconds=100, silence_seconds=1000, ping_interval=0) as service:
        async with Peer.connect(service.port) as peer:
            await echoed(peer)
            opened = next(iter(service.registry.calls.values())).opened_at
            await service.reaper.sweep(opened + 99.9)
            await echoed(peer)
            await service.reaper.sweep(opened + 100.1)
            assert await peer.closed() == (protocol.TOO_LONG, "the call is too long")
        await until(lambda: not service.registry.calls)
        assert service.registry.close_reasons == {"too_long": 1}


async def test_silence(start: Start) -> None:
    """A peer that says nothing for SILENCE_SECONDS is given up with 4002; a pong is enough."""
    settings = {"silence_seconds": 60, "ping_interval": 0}
    async with start(**settings) as service, Peer.connect(service.port) as peer:
        for _ in range(4):
            await echoed(peer)
        heard = now()
        await service.reaper.sweep(heard + 59)
        await echoed(peer)
        before = only(service).last_received
        while only(service).last_received == before:
            peer.write(frame(PONG))
            await asyncio.sleep(0.001)
        await service.reaper.sweep(heard + 59)
        await echoed(peer)
        await service.reaper.sweep(now() + 61)
        assert await peer.closed() == (protocol.SILENT, "nothing received")


async def test_handshake_time(start: Start) -> None:
    """A handshake that is not finished in HANDSHAKE_SECONDS is cut off, however it dribbles."""
    async with start(handshake_seconds=0.2) as service, Peer.reach(service.port) as peer:
        peer.write(b"GET /socket HTTP/1.1\r\n")
        with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
            async with asyncio.timeout(5):
                await peer.reader.readexactly(1)
        await until(lambda: not service.registry.connections)
        assert service.pending.results == {"incomplete": 1}


async def test_handshake_size(start: Start) -> None:
    """A handshake of HANDSHAKE_BYTES is taken; one byte more gets 431."""
    async with start(handshake_bytes=2048) as service:
        spare = 2048 - len(Peer.handshake({"X": ""}))
        async with Peer.connect(service.port, {"X": "a" * spare}) as peer:
            await echoed(peer)
        async with Peer.reach(service.port) as peer:
            peer.write(Peer.handshake({"X": "a" * (spare + 1)}))
            status, body = await peer.response()
            assert status == 431
            assert json.loads(body)["error"] == "handshake_too_large"
        await until(lambda: not service.registry.connections)
        assert service.pending.results == {"accepted": 1, "handshake_too_large": 1}


@pytest.mark.parametrize("setting", ["max_handshakes", "max_handshakes_per_address"])
async def test_unfinished_handshakes(start: Start, setting: str) -> None:
    """Over the limit the oldest connection without a handshake gives way; a call gets through."""
    async with start(**{setting: 3}) as service, AsyncExitStack() as stack:
        board = service.registry
        silent: list[Peer] = []
        for _ in range(3):
            silent.append(await stack.enter_async_context(Peer.reach(service.port)))
            await until(lambda: len(board.connections) == len(silent))
        async with Peer.connect(service.port) as peer:
            await echoed(peer)
            with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
                async with asyncio.timeout(5):
                    await silent[0].reader.readexactly(1)
            assert len(service.registry.connections) == 3
        assert service.pending.results["too_many_handshakes"] == 1


@pytest.mark.parametrize("opcode", [TEXT, BINARY])
@pytest.mark.parametrize("fragments", [1, 3])
async def test_message_size(start: Start, opcode: int, fragments: int) -> None:
    """A message of MAX_MESSAGE_BYTES is taken, in one or more frames; one byte more gets 1009."""
    async with start(max_message_bytes=3000) as service:
        for size, good in ((3000, True), (3001, False)):
            whole, part = b"1" * size, size // fragments
            frames = [frame(opcode, whole[:part], fin=fragments == 1)]
            for number in range(1, fragments):
                last = number == fragments - 1
                piece = whole[part * number : None if last else part * (number + 1)]
                frames.append(frame(CONT, piece, fin=last))
            async with Peer.connect(service.port) as peer:
                peer.write(b"".join(frames))
                if good and opcode == BINARY:
                    assert await peer.frame() == (BINARY, whole)
                elif good:
                    await echoed(peer)
                else:
                    assert (await peer.closed())[0] == 1009


async def test_texts_a_second(start: Start) -> None:
    """MAX_TEXTS_PER_SECOND at once are taken; one more ends the call with 1008."""
    async with start(max_texts_per_second=10) as service, AsyncExitStack() as stack:
        began = now()
        service.registry._clock = lambda: began  # no second passes
        peer = await stack.enter_async_context(Peer.connect(service.port))
        peer.write(frame(TEXT, connected(uuid="a").encode()) + frame(TEXT, b"{}") * 9)
        await echoed(peer)
        peer.write(frame(TEXT, b"{}") * 2)
        assert await peer.closed() == (1008, "over 10 texts a second")
        (call,) = service.registry.calls.values()
        assert call.close_reason == "text_flood"


@asynccontextmanager
async def reluctant(port: int) -> AsyncIterator[Peer]:
    """A peer that reads nothing of itself, and whose side of the network holds little."""
    sock = socket.socket()
    sock.setblocking(False)
    for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):
        sock.setsockopt(socket.SOL_SOCKET, option, 8192)
    await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", port))
    reader, writer = await asyncio.open_connection(sock=sock, limit=1024)
    try:
        peer = Peer(reader, writer)
        peer.write(Peer.handshake())
        assert (await peer.response())[0] == 101
        yield peer
    finally:
        writer.transport.abort()


@pytest.mark.parametrize("sent", [AUDIO, frame(PING, b"a" * 125)])
async def test_a_peer_that_never_reads(start: Start, sent: bytes) -> None:
    """It costs a bounded number of bytes, is closed with 4001, and is cut off when that fails.

    The same goes for one that floods with pings and reads no pong.
    """
    settings = {"slow_reader_bytes": 32768, "slow_reader_seconds": 5}
    async with start(**settings) as service, reluctant(service.port) as peer:
        connection = only(service)
        flood = sent * (3_000_000 // len(sent))
        peer.write(flood)
        await until(lambda: connection.write_blocked_since is not None)
        stalled = connection.write_blocked_since or 0.0
        await service.reaper.sweep(stalled + 4.9)
        assert connection.abort_at is None
        await service.reaper.sweep(stalled + 5.1)
        assert connection.call is not None
        assert connection.call.close_reason == "slow_reader"
        # What the kernel holds for both sides, and we for this peer: no more was taken of it.
        assert len(flood) - peer.writer.transport.get_write_buffer_size() < 600_000
        assert connection.transport.get_write_buffer_size() < 32768 + 2 * 65536
        await service.reaper.sweep(now() + 60)
        await until(lambda: not service.registry.connections)
        await until(lambda: service.registry.close_reasons)
        assert service.registry.close_reasons == {"slow_reader": 1}


async def test_a_slow_peer_that_reads_again_loses_nothing(start: Start) -> None:
    """Once it reads, all that it sent comes back, in order, and the call goes on."""
    async with start() as service, reluctant(service.port) as peer:
        connection = only(service)
        frames = [frame(BINARY, number.to_bytes(2) * 320) for number in range(1500)]
        frames[700:700] = [frame(PING, b"p"), frame(TEXT, b"{}")]
        peer.write(b"".join(frames))
        await until(lambda: connection.write_blocked_since is not None)
        number = 0
        while number < 1500:
            opcode, data = await peer.frame()
            if opcode == BINARY:
                assert data == number.to_bytes(2) * 320
                number += 1
        await until(lambda: connection.write_blocked_since is None)
        await echoed(peer)


async def test_a_close_that_is_not_answered(start: Start) -> None:
    """A peer that answers no close is cut off, and so is one that closes and stays."""
    async with (
        start() as service,
        Peer.connect(service.port) as deaf,
        Peer.connect(service.port) as stays,
    ):
        await echoed(deaf)
        first = next(iter(service.registry.calls))
        first.end_call(1001, "enough", "stopped")
        assert await deaf.closed() == (1001, "enough")
        stays.write(frame(CLOSE, b"\x03\xe8"))
        assert await stays.closed() == (1000, "")
        await service.reaper.sweep(now())
        assert len(service.registry.connections) == 2
        await service.reaper.sweep(now() + 6)
        await until(lambda: not service.registry.connections)
