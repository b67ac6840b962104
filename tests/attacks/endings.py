"""Peers that end a call badly: with a reset, a half-close, without answering a close, or never."""

from __future__ import annotations

import asyncio

from tests.attacks.frames import BINARY, CLOSE, close_payload, frame
from tests.attacks.peer import ANOTHER_CALL, AUDIO, Peer
from tests.attacks.target import GRACE, Attacks, Socket, Unsafe, every, require

__all__ = ["endings"]

endings: Attacks[Socket] = Attacks()


@endings("survives each")
async def resets_inside_a_frame(target: Socket) -> str:
    """Peers that reset, or drop, with half a frame sent."""

    async def break_off(cut: int) -> str:
        async with await Peer.on_call(target) as peer:
            await peer.echoes(AUDIO)
            await peer.send(frame(BINARY, AUDIO)[:cut])
            if cut % 2:
                peer.reset()
        return "dropped"

    return await every(((f"after {cut} bytes", cut) for cut in range(1, 41)), break_off)


@endings("ends the call within the time for a close")
async def half_closes(target: Socket) -> str:
    """Peers that send FIN, between frames or within one, and keep listening."""

    async def half_close(cut: int) -> str:
        async with await Peer.on_call(target) as peer:
            await peer.echoes(AUDIO)
            await peer.send(frame(BINARY, AUDIO)[:cut])
            peer.writer.write_eof()
            return str(await peer.ending(target.limits.close_seconds + GRACE))

    return await every(((f"after {cut} bytes", cut) for cut in (0, 1, 3, 8, 300, 647)), half_close)


@endings("drops the connection when the time for a close is over", seconds=20)
async def never_answers_a_close(target: Socket) -> str:
    """Peers that make the server close, and then neither answer nor hang up; some keep talking.

    They break a rule, or (the server has then done nothing wrong itself, and waits for an answer)
    name another call than their ticket's.
    """
    limit = target.limits.close_seconds

    async def ignore(variant: tuple[bool, bool]) -> str:
        rule, talk = variant
        async with await Peer.on_call(target, naming=None if rule else ANOTHER_CALL) as peer:
            if rule:
                await peer.send(frame(BINARY, length=2**40))
            ended = asyncio.create_task(peer.ending(limit + GRACE))
            try:
                while talk and await peer.send(frame(BINARY, AUDIO)):
                    if (await asyncio.wait([ended], timeout=0.05))[0]:
                        break
                return str(await ended)
            finally:
                ended.cancel()
                await asyncio.gather(ended, return_exceptions=True)

    variants = {
        "broke a rule, silent": (True, False),
        "broke a rule, talking": (True, True),
        "wrong call, silent": (False, False),
        "wrong call, talking": (False, True),
    }
    return await every(variants.items(), ignore)


@endings("answers the close, echoes nothing that comes behind it, and hangs up")
async def talks_after_its_close(target: Socket) -> str:
    """A peer that sends a Close and then more audio."""
    async with await Peer.on_call(target) as peer:
        await peer.echoes(AUDIO)
        await peer.send(frame(CLOSE, close_payload(1000)) + frame(BINARY, AUDIO) * 20)
        ending = await peer.ending(target.limits.close_seconds + GRACE)
        require(ending.code in (1000, None), str(ending))
        require(not ending.data, f"it echoed {len(ending.data)} frames behind the close")
        return str(ending)


@endings("gives it up when it has been silent too long", seconds=30)
async def dead_peer(target: Socket) -> str:
    """A peer that goes silent after the handshake: no data, no pongs, no FIN."""
    limit = target.limits.dead_seconds
    async with await Peer.on_call(target) as peer:
        try:
            seconds = await peer.gone(limit + target.limits.close_seconds + GRACE)
        except Unsafe as unsafe:
            raise Unsafe(f"{unsafe}; the limit is {limit:g} s") from None
    return f"given up after {seconds:.1f} s"
