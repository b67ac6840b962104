"""Peers that never complete the handshake: slow, silent, malformed, or of another protocol."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import os
import ssl

from tests.attacks.floods import bounded_memory
from tests.attacks.opening import Reply, upgrade
from tests.attacks.peer import AUDIO, Peer
from tests.attacks.target import GRACE, SLACK, Attacks, Socket, every, require

__all__ = ["crowds", "handshakes"]

handshakes: Attacks[Socket] = Attacks()
crowds: Attacks[Socket] = Attacks()

SILENT = 500
CYCLES = 1000


def refused(reply: Reply) -> str:
    """Return what was seen of a handshake that must not succeed, nor break the server."""
    good = reply.status == 0 or 400 <= reply.status < 500 or reply.status in (501, 505)
    require(good, f"answered with {reply}")
    return str(reply)


async def _refused_and_cut(target: Socket, request: bytes) -> str:
    async with await Peer.connect(target) as peer:
        await peer.send(request)
        reply = await peer.reply(target.limits.handshake_seconds + GRACE)
        seen = refused(reply)
        if not (reply.status and target.limits.keeps_alive):
            await peer.gone(target.limits.handshake_seconds + GRACE)
        return seen


def _request(*lines: str | bytes, end: bytes = b"\r\n") -> bytes:
    encoded = [line if isinstance(line, bytes) else line.encode() for line in lines]
    return end.join([*encoded, b"", b""])


@handshakes("cuts each off when the time for a handshake is over")
async def dribbled_handshakes(target: Socket) -> str:
    """Twenty peers send a proper handshake, a byte every 50 ms, and never finish it."""
    limit = target.limits.handshake_seconds

    async def dribble(request: bytes) -> str:
        async with await Peer.connect(target) as peer:

            async def write() -> None:
                for byte in request:
                    if not await peer.send(bytes([byte])):
                        return
                    await asyncio.sleep(0.05)

            task = asyncio.create_task(write())
            try:
                await peer.gone(limit + GRACE)
            finally:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        return "cut off"

    request = upgrade(target, None, "X-Long: " + "x" * 1000)
    return await every(((f"peer {n}", request) for n in range(20)), dribble, at_once=20)


@handshakes("refuses, or cuts off, without taking in megabytes")
async def oversized_headers(target: Socket) -> str:
    """Request lines and headers that are too long, too many, or without an end."""
    whole = upgrade(target)
    head = whole[:-2]
    variants = {
        "a request line of 64 KiB": whole.replace(b"/socket", b"/socket?" + b"a" * 65536, 1),
        "a header of 64 KiB": head + b"X-Long: " + b"x" * 65536 + b"\r\n\r\n",
        "a header's name of 64 KiB": head + b"X" * 65536 + b": x\r\n\r\n",
        "5,000 headers": head + b"".join(b"X-%d: x\r\n" % n for n in range(5000)) + b"\r\n",
    }
    return await every(variants.items(), lambda request: _refused_and_cut(target, request))


@handshakes("cuts off within the time for a handshake, and keeps none of it")
async def endless_header(target: Socket) -> str:
    """A header whose line never ends, 64 KiB every 10 ms."""
    pieces = int((target.limits.handshake_seconds + GRACE) * SLACK / 0.01)
    async with bounded_memory(target), await Peer.connect(target) as peer:
        await peer.send(upgrade(target)[:-2] + b"X-Long: ")
        sent, ended = await peer.pours(b"x" * 2**16, pieces, 0.01)
        require(ended, f"took {sent * 64} KiB of one header line, and would take more")
        return f"cut off after {sent * 64} KiB"


@handshakes("refuses with a status of 4xx, or cuts off; never 101, never 500")
async def malformed_handshakes(target: Socket) -> str:
    """Handshakes with a part that is missing, duplicate, malformed or wrong."""
    key, version = b"Sec-WebSocket-Key: ", b"Sec-WebSocket-Version: "
    folded = b"X-Header: x\r\n folded\r\n\r\n"
    chunked = b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"
    end = b"\r\n\r\n"
    variants = {
        "a header without a colon": (end, b"\r\nnonsense" + end),
        "a blank before the colon": (end, b"\r\nX-Header : x" + end),
        "NUL in a header": (end, b"\r\nX-Header: \0" + end),
        "a folded header": (end, b"\r\n" + folded),
        "an escape in a header's name": (end, b"\r\n\x1b[2J: x" + end),
        "no key": (key, b"X-Key: "),
        "two keys": (end, b"\r\n" + key + b"AAAAAAAAAAAAAAAAAAAAAA==" + end),
        "a short key": (key, key + b"AA=="),
        "version 12": (version + b"13", version + b"12"),
        "two versions": (end, b"\r\n" + version + b"13" + end),
        "no Connection": (b"Connection: ", b"X-Connection: "),
        "Upgrade to h2c": (b"Upgrade: websocket", b"Upgrade: h2c"),
        "POST": (b"GET ", b"POST "),
        "HTTP/1.0": (b"HTTP/1.1", b"HTTP/1.0"),
        "HTTP/9.9": (b"HTTP/1.1", b"HTTP/9.9"),
        "a body": (end, b"\r\nContent-Length: 5" + end + b"hello"),
        "chunks": (end, b"\r\n" + chunked),
        "another path": (b"/socket", b"/etc/passwd"),
        "a path that climbs": (b"/socket", b"/socket/../../x"),
    }
    if target.limits.unfolds:
        del variants["a folded header"]

    async def attempt(change: tuple[bytes, bytes]) -> str:
        ticket = target.authorization
        good = upgrade(target, ticket("malformed") if ticket else None)
        return await _refused_and_cut(target, good.replace(*change, 1))

    return await every(variants.items(), attempt)


@handshakes("refuses or cuts off")
async def http_garbage(target: Socket) -> str:
    """Bytes that are not HTTP/1.1."""
    variants = {
        "noise": os.urandom(4096) + b"\r\n\r\n",
        "empty lines": b"\r\n" * 2000,
        "HTTP/0.9": b"GET /socket\r\n\r\n",
        "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(27),
        "SSH": b"SSH-2.0-OpenSSH_9.2\r\n\r\n",
        "a proxy's CONNECT": _request("CONNECT example.org:443 HTTP/1.1", "Host: example.org"),
        "a PROXY line": b"PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n" + upgrade(target),
        "a status line": _request("HTTP/1.1 101 Switching Protocols", "Upgrade: websocket"),
        "UTF-16": upgrade(target).decode("latin-1").encode("utf-16"),
        "a frame": b"\x82\xfe\x02\x80" + bytes(644),
    }
    return await every(variants.items(), lambda request: _refused_and_cut(target, request))


@handshakes("answers nothing that TLS would take, and cuts off")
async def tls_to_the_plain_port(target: Socket) -> str:
    """Twenty peers begin with a TLS ClientHello."""

    async def hello(number: int) -> str:
        context = ssl.create_default_context()
        outgoing = ssl.MemoryBIO()
        tls = context.wrap_bio(ssl.MemoryBIO(), outgoing, server_hostname=f"host{number}.example")
        with contextlib.suppress(ssl.SSLWantReadError):
            tls.do_handshake()
        return await _refused_and_cut(target, outgoing.read())

    return await every(((f"peer {n}", n) for n in range(20)), hello)


@handshakes("lets go of each")
async def handshakes_broken_off(target: Socket) -> str:
    """Peers that stop, half-close or reset in the middle of a handshake."""
    request = upgrade(target)

    async def stop(how: str) -> str:
        async with await Peer.connect(target) as peer:
            await peer.send(request[: len(request) // 2])
            if how == "reset":
                peer.reset()
                return "reset"
            peer.writer.write_eof()
            refused(await peer.reply(target.limits.handshake_seconds + GRACE))
            await peer.gone(target.limits.handshake_seconds + GRACE)
            return "cut off"

    return await every(
        ((f"{how} {n}", how) for n in range(20) for how in ("reset", "half-close")), stop
    )


@crowds("lets a call through beside them, and cuts them off in time", seconds=20)
async def silent_connections(target: Socket) -> str:
    """Five hundred connections that never send anything."""
    limit = target.limits.handshake_seconds
    clock = asyncio.get_running_loop().time
    async with contextlib.AsyncExitStack() as crowd:
        opened = clock()
        peers: list[Peer] = []
        for _ in range(SILENT):
            with contextlib.suppress(ConnectionError):  # refusing at once is fine
                peers.append(await crowd.enter_async_context(await Peer.connect(target)))
        gone = [asyncio.create_task(peer.gone(2 * limit + GRACE)) for peer in peers]
        try:
            before = clock()
            caller = dataclasses.replace(target, source=None)
            async with await Peer.on_call(caller) as call:
                await call.echoes(AUDIO)
            took = clock() - before
            require(took < limit * SLACK, f"a call beside them took {took:.2f} s to be answered")
            done = await asyncio.gather(*gone, return_exceptions=True)
        finally:
            for task in gone:
                task.cancel()
            await asyncio.gather(*gone, return_exceptions=True)
        stayed = [result for result in done if isinstance(result, BaseException)]
        require(not stayed, f"{len(stayed)} of {len(peers)}: {stayed[:1]}")
        seconds = clock() - opened
        late = seconds > limit + GRACE + 2  # opening them takes a while
        require(not late, f"the last was cut off only after {seconds:.1f} s")
        return f"answered a call in {took * 1000:.0f} ms; all gone after {seconds:.1f} s"


@crowds("survives; its file descriptors are counted at the end", seconds=40)
async def connect_and_drop(target: Socket) -> str:
    """A thousand peers connect and drop: at once, after a handshake, in a call; by FIN or RST."""

    async def cycle(number: int) -> str:
        kind = number % 4
        if kind == 0:
            peer = await Peer.connect(target)
        else:
            peer = await Peer.on_call(target)
        async with peer:
            if kind == 2:
                await peer.echoes(AUDIO)
            if kind == 3:
                peer.reset()
        return "dropped"

    return await every(((f"cycle {n}", n) for n in range(CYCLES)), cycle, at_once=20)
