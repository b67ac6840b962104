"""Peers that send as fast as they can or never read: cost in memory and in the log."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Iterator

from tests.attacks.frames import BINARY, CONTINUATION, PING, TEXT, frame
from tests.attacks.peer import AUDIO, Peer
from tests.attacks.target import GRACE, SLACK, Attacks, Socket, Unsafe, every, require

__all__ = ["FORGED", "bounded_log", "floods", "poisoned"]

floods: Attacks[Socket] = Attacks()

FLOOD_SECONDS = 2.0
GROWTH = 8 * 2**20
"""Bytes by which a flood may increase the server's memory."""

LINES = 200
"""Lines that a flood may add to the log."""

FORGED = "forged-by-a-peer"
"""Marker in every text that tries to forge a log line."""

BREAKS = ("\n", "\r\n", "\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029")
"""Everything that some program takes for a line break; a forged log line follows each."""
ESCAPES = ("\x1b[2J\x1b[31m", "\x9b31m", "\x1b]0;title\x07", "\x00", "\x7f", "\u202e", "\b" * 40)
"""ESC, one-byte CSI, a terminal's title, NUL, DEL, bidirectional override, backspaces."""


def poisoned() -> list[str]:
    """Return texts, JSON and not, that try to forge log lines or control a terminal."""
    line = f"2026-01-01T00:00:00.000Z INFO call_ended call={FORGED}"
    rotten = [f"x{piece}{line}" for piece in (*BREAKS, *ESCAPES)]
    texts = list(rotten)
    for text in rotten:
        for plain in (True, False):
            texts += [
                json.dumps({"event": text}, ensure_ascii=plain),
                json.dumps({"event": "websocket:notify", "payload": {text: text}}),
                json.dumps({"event": "websocket:connected", "uuid": text, "content-type": text}),
                json.dumps({"event": "websocket:connected", text: text}, ensure_ascii=plain),
                json.dumps({"event": "websocket:dtmf", "digit": text}, ensure_ascii=plain),
            ]
    return texts


@contextlib.asynccontextmanager
async def bounded_memory(target: Socket) -> AsyncIterator[None]:
    """Raise `Unsafe` when the server's memory grows by more than `GROWTH` meanwhile."""
    if target.memory is None:
        yield
        return
    memory, before = target.memory, target.memory()
    peak = before

    async def watch() -> None:
        nonlocal peak
        while True:
            peak = max(peak, memory())
            await asyncio.sleep(0.05)

    unsafe: list[str] = []
    watcher = asyncio.create_task(watch())
    try:
        yield
    except Unsafe as error:
        unsafe.append(str(error))
    finally:
        watcher.cancel()
        await asyncio.gather(watcher, return_exceptions=True)
    grown = max(peak, memory()) - before
    if grown > GROWTH:
        unsafe.append(f"its memory grew by {grown / 2**20:.0f} MiB")
    require(not unsafe, "; ".join(unsafe))


@contextlib.contextmanager
def bounded_log(log: Callable[[], str] | None) -> Iterator[None]:
    """Raise `Unsafe` when a log grows by more than `LINES` meanwhile."""
    before = log().count("\n") if log else 0
    yield
    lines = log().count("\n") - before if log else 0
    require(lines <= LINES, f"it logged {lines} lines")


async def _flood(target: Socket, piece: bytes) -> str:
    """Send `piece` again and again, and read whatever comes."""
    clock = asyncio.get_running_loop().time
    async with await Peer.on_call(target) as peer:
        reading = asyncio.create_task(peer.gone(60))
        try:
            end = clock() + FLOOD_SECONDS
            while clock() < end:
                if not await peer.send(piece):
                    return "cut off"
                await asyncio.sleep(0)
            return "survived"
        finally:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)


async def _never_read(target: Socket, piece: bytes) -> str:
    """Send `piece` again and again, read nothing, and expect to be cut off."""
    clock = asyncio.get_running_loop().time
    limits = target.limits
    within = (FLOOD_SECONDS + limits.stalled_seconds + limits.close_seconds + GRACE) * SLACK
    async with await Peer.on_call(target, receive_buffer=4096) as peer:
        transport = peer.writer.transport
        assert isinstance(transport, asyncio.Transport)
        transport.pause_reading()
        started = clock()
        try:
            async with asyncio.timeout(within):
                while True:
                    peer.writer.write(piece)
                    await peer.writer.drain()
                    await asyncio.sleep(0)
        except ConnectionError:
            took = clock() - started
            require(took < within, f"cut off only after {took:.1f} s")
            return "cut off"
        except TimeoutError:
            raise Unsafe(f"still open after {within:.1f} s in which nothing was read") from None


@floods("answers or cuts off, and stays as small as it was")
async def ping_flood(target: Socket) -> str:
    """Two peers send pings of every size as fast as they can, and read the pongs."""
    piece = b"".join(frame(PING, bytes(size)) for size in (0, 125, 4, 64)) * 100
    async with bounded_memory(target):
        return await every([("one", piece), ("two", piece)], lambda data: _flood(target, data))


@floods("stops reading, cuts off, and stays as small as it was", seconds=30)
async def readers_that_never_read(target: Socket) -> str:
    """Peers that send audio or tiny frames as fast as they can, and read nothing."""
    pieces = {
        "audio": frame(BINARY, AUDIO) * 20,
        "tiny frames": frame(BINARY, b"a") * 500,
        "audio and pings": (frame(BINARY, AUDIO) + frame(PING, bytes(100))) * 20,
    }
    async with bounded_memory(target):
        return await every(pieces.items(), lambda piece: _never_read(target, piece))


@floods("stops reading, cuts off, and stays as small as it was", seconds=30)
async def pings_from_a_peer_that_never_reads(target: Socket) -> str:
    """A peer that sends pings as fast as it can, and reads no pong."""
    async with bounded_memory(target):
        return await _never_read(target, frame(PING, bytes(125)) * 500)


@floods("echoes or cuts off, and is fair to the others")
async def audio_flood(target: Socket) -> str:
    """Two peers send audio as fast as they can, and read the echo."""
    piece = frame(BINARY, AUDIO) * 100
    async with bounded_memory(target):
        return await every([("one", piece), ("two", piece)], lambda data: _flood(target, data))


@floods("echoes or cuts off, and is fair to the others")
async def tiny_frames(target: Socket) -> str:
    """Two peers send frames of one byte, 36,000 in a row."""
    piece = frame(BINARY, b"a") * 36_000
    async with bounded_memory(target):
        return await every([("one", piece), ("two", piece)], lambda data: _flood(target, data))


@floods("bounds what it keeps of it")
async def endless_empty_fragments(target: Socket) -> str:
    """An endless message of empty fragments."""
    async with bounded_memory(target), await Peer.on_call(target) as peer:
        await peer.send(frame(BINARY, fin=False))
        sent, ended = await peer.pours(frame(CONTINUATION, fin=False) * 5000, 60)
        if ended or not await peer.is_answered():
            return f"cut off after {sent * 5000:,} or fewer"
        return f"{sent * 5000:,} did no harm"


@floods("takes some, writes few lines and none as they came, or cuts off")
async def text_flood(target: Socket) -> str:
    """Two peers send texts with escapes, line breaks and forged log lines as fast as they can."""
    piece = b"".join(frame(TEXT, text.encode()) for text in poisoned())
    with bounded_log(target.log):
        async with bounded_memory(target):
            return await every([("one", piece), ("two", piece)], lambda data: _flood(target, data))
