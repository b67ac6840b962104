"""Peers that break or stretch the rules of RFC 6455 after a valid handshake."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from tests.attacks.frames import (
    BINARY,
    CLOSE,
    CONTINUATION,
    PING,
    PONG,
    TEXT,
    Frame,
    close_payload,
    frame,
    read_frame,
)
from tests.attacks.peer import AUDIO, Peer
from tests.attacks.target import GRACE, Attacks, Socket, Unsafe, every, require

__all__ = ["framing"]

framing: Attacks[Socket] = Attacks()

PROTOCOL_ERROR, NOT_UTF8, TOO_BIG = 1002, 1007, 1009


async def _closed_with(
    target: Socket, variants: Iterable[tuple[str, bytes]], *codes: int | None
) -> str:
    """Expect one of `codes` after the first echo and the bytes of each variant."""

    async def break_rule(wrong: bytes) -> str:
        async with await Peer.on_call(target) as peer:
            await peer.echoes(AUDIO)
            await peer.send(wrong)
            ending = await peer.ending(target.limits.close_seconds + GRACE)
            require(ending.code in codes, str(ending))
            require(not ending.data, f"it echoed {ending.data[:1]}")
            return str(ending)

    return await every(variants, break_rule)


@framing("answers the handshake, echoes audio and pings, closes as asked")
async def well_behaved(target: Socket) -> str:
    """An ordinary call, to show that the attacks are refused for what they do."""
    async with await Peer.on_call(target) as peer:
        for size in (640, 320, 960, 640):
            await peer.echoes(bytes(size))
        await peer.send(frame(PING, b"still there?"))
        pong = await read_frame(peer.reader)
        require((pong.opcode, pong.payload) == (PONG, b"still there?"), f"ping got {pong}")
        await peer.send(frame(CLOSE, close_payload(1000)))
        ending = await peer.ending()
        require(ending.code == 1000, str(ending))
        return str(ending)


@framing("closes with 1002")
async def reserved_bits(target: Socket) -> str:
    """Frames with reserved bits set, which no extension asked for."""
    variants = (
        (f"bits {bits:03b} on opcode {opcode}", frame(opcode, b"\0\0", reserved=bits))
        for bits in (1, 2, 4, 7)
        for opcode in (BINARY, TEXT, PING)
    )
    return await _closed_with(target, variants, PROTOCOL_ERROR)


@framing("closes with 1002")
async def reserved_opcodes(target: Socket) -> str:
    """Frames with the ten reserved opcodes."""
    codes = (3, 4, 5, 6, 7, 11, 12, 13, 14, 15)
    variants = ((f"opcode {code}", frame(code, b"\0\0")) for code in codes)
    return await _closed_with(target, variants, PROTOCOL_ERROR)


@framing("closes with 1002, and echoes none of it")
async def unmasked_frames(target: Socket) -> str:
    """Frames that are not masked, alone and behind masked ones of the same size."""
    unmasked = frame(BINARY, AUDIO, mask=False)
    variants = {
        "audio": unmasked,
        "a tiny one": frame(BINARY, b"\0\0", mask=False),
        "text": frame(TEXT, b"{}", mask=False),
        "a ping": frame(PING, mask=False),
        "a second half": frame(BINARY, b"", fin=False) + frame(CONTINUATION, AUDIO, mask=False),
        "many": unmasked * 20,
    }
    return await _closed_with(target, variants.items(), PROTOCOL_ERROR)


@framing("closes with 1009 or 1002 as soon as it has seen the length")
async def huge_lengths(target: Socket) -> str:
    """Frames that announce up to 2^64 - 1 bytes."""
    sizes = (2**63, 2**64 - 1, 2**63 - 1, 2**32, 2**31, 2**24)
    variants = [
        (f"{size} bytes, opcode {opcode}", frame(opcode, AUDIO, length=size))
        for size in sizes
        for opcode in (BINARY, TEXT)
    ]
    variants.append(("in a fragment", frame(BINARY, AUDIO, fin=False, length=2**63 - 1)))
    return await _closed_with(target, variants, TOO_BIG, PROTOCOL_ERROR)


@framing("closes with 1002")
async def broken_control_frames(target: Socket) -> str:
    """Control frames in fragments or too long, and Close frames with wrong contents."""
    variants = {
        "a ping in fragments": frame(PING, b"a", fin=False),
        "a ping of 126 bytes": frame(PING, bytes(126)),
        "a pong of 4 KiB": frame(PONG, bytes(4096)),
        "a close of 1 byte": frame(CLOSE, b"\x03"),
        **{f"close code {code}": frame(CLOSE, close_payload(code)) for code in (0, 999, 5000)},
        **{f"close code {code}": frame(CLOSE, close_payload(code)) for code in (1004, 1005, 1006)},
        **{f"close code {code}": frame(CLOSE, close_payload(code)) for code in (1015, 2999, 65535)},
    }
    return await _closed_with(target, variants.items(), PROTOCOL_ERROR)


@framing("closes with 1002")
async def broken_fragments(target: Socket) -> str:
    """Continuations of nothing, and messages that begin inside another."""
    first = frame(BINARY, b"\0\0", fin=False)
    variants = {
        "a continuation of nothing": frame(CONTINUATION, AUDIO),
        "a message inside another": first + frame(BINARY, AUDIO),
        "text inside audio": first + frame(TEXT, b"{}"),
        "a beginning inside another": first + first,
    }
    return await _closed_with(target, variants.items(), PROTOCOL_ERROR)


@framing("closes with 1007")
async def invalid_utf8(target: Socket) -> str:
    """Text, and the reason of a Close, that is not UTF-8."""
    bad = {
        "a lone byte": b"\xff",
        "a surrogate": b'{"a":"\xed\xa0\x80"}',
        "overlong": b"\xc0\xaf",
        "cut off": b'{"a":"\xe2\x82',
        "beyond Unicode": b"\xf4\x90\x80\x80",
    }
    variants = {name: frame(TEXT, text) for name, text in bad.items()}
    variants["in fragments"] = frame(TEXT, b"\xe2\x82", fin=False) + frame(CONTINUATION, b"\xff")
    variants["in a reason"] = frame(CLOSE, close_payload(1000, b"\xff\xfe"))
    return await _closed_with(target, variants.items(), NOT_UTF8, PROTOCOL_ERROR)


@framing("echoes what fits, byte for byte; closes with 1009 on what does not")
async def frame_sizes(target: Socket) -> str:
    """Messages of 0, 1, odd, even, 64 Ki and 1 Mi bytes, and at the limit itself."""
    limit = target.limits.message_bytes

    async def send(size: int) -> str:
        async with await Peer.on_call(target) as peer:
            payload = (b"\x01\x7f\x80\xfe\x00" * (size // 5 + 1))[:size]
            if size <= limit:
                await peer.echoes(payload)
                await peer.echoes(AUDIO)
                return "echoed"
            await peer.send(frame(BINARY, payload), 2)
            ending = await peer.ending(target.limits.close_seconds + GRACE)
            require(ending.code in (TOO_BIG, None) and not ending.data, str(ending))
            return "refused"

    sizes = {0, 1, 2, 125, 126, 127, 639, 641, limit - 1, limit, limit + 1, 2**16, 2**20}
    return await every(((f"{size} bytes", size) for size in sorted(sizes)), send)


@framing("closes before it has taken more than a message may hold")
async def endless_fragments(target: Socket) -> str:
    """A message in fragments of 1 KiB that never ends, with a ping between any 64 of them."""
    pieces = frame(CONTINUATION, bytes(1024), fin=False) * 64
    most = target.limits.message_bytes // 1024 + 64
    async with await Peer.on_call(target) as peer:
        await peer.send(frame(BINARY, fin=False))
        for count in range(64, 4096, 64):
            # A pong says that the server has taken them all.
            if not (await peer.send(pieces) and await peer.is_answered()):
                require(count <= most, f"closed only after {count} KiB")
                return f"closed after {count} KiB or fewer"
    raise Unsafe("took 4 MiB, and would take more")


@framing("takes it, and never sends it back")
async def text_is_not_echoed(target: Socket) -> str:
    """Texts of every kind, then audio: the audio must come back first."""
    deep = b"[" * 8000
    texts = (b"", b"hello", b"null", b"{}", b'"\xe2\x82\xac"', deep, b'{"event":5}', b"1e999999")
    more = (
        b'{"event":"websocket:connected"}',
        b'{"event":"websocket:dtmf","digit":"' + b"5" * 4000 + b'"}',
        b'{"event":"websocket:notify","payload":' + b"[" * 2000 + b"]" * 2000 + b"}",
        b'{"action":"clear"}',
        b"9" * 5000,
        b'{"event":"websocket:dtmf","digit":"5","duration":' + b"9" * 5000 + b"}",
    )

    async def say(text: bytes) -> str:
        async with await Peer.on_call(target) as peer:
            await peer.send(frame(TEXT, text) + frame(TEXT, text, fin=False))
            await peer.send(frame(CONTINUATION) + frame(BINARY, AUDIO))
            got = await read_frame(peer.reader)
            require(got == Frame(BINARY, AUDIO, True), f"{got} came back first")
        return "not sent back"

    return await every(((repr(text[:40]), text) for text in texts + more), say)


@framing("echoes all of it, as long as it is awake")
async def slow_frames(target: Socket) -> str:
    """A peer that sends its frames byte by byte, and split at the worst places."""
    async with await Peer.on_call(target) as peer:
        wire = frame(BINARY, b"ab") + frame(PING, b"p") + frame(BINARY, AUDIO)[:30]
        for byte in wire:
            await peer.send(bytes([byte]))
            await asyncio.sleep(0.002)
        require(await peer.next_data() == b"ab", "the first frame came back as something else")
    return "echoed"
