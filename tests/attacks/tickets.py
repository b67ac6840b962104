"""Handshakes without a valid ticket or token."""

from __future__ import annotations

import asyncio
import json
import uuid

from tests.attacks.floods import bounded_log
from tests.attacks.frames import BINARY, frame
from tests.attacks.opening import Reply
from tests.attacks.peer import ANOTHER_CALL, AUDIO, Peer
from tests.attacks.target import GRACE, Attacks, Socket, every, require
from tests.attacks.tokens import by_vonage, forged, sign, ticket

__all__ = ["SIGNATURE_SECRET", "SOCKET_SECRET", "refusals", "tickets", "vonage_tokens"]

tickets: Attacks[Socket] = Attacks()
refusals: Attacks[Socket] = Attacks()
vonage_tokens: Attacks[Socket] = Attacks()
"""For a server that asks for Vonage's own token, `SOCKET_AUTH=vonage`."""

SOCKET_SECRET = "5f" * 32
"""The attacked services share it; the attackers know it only to make a good ticket bad."""

SIGNATURE_SECRET = "webhooks-of-the-battery-0123456789abcdef"
"""Vonage signs webhooks with it, and handshakes where it is asked to."""


def _unauthorized(reply: Reply) -> str:
    require(reply.status == 401, f"answered with {reply}")
    try:
        error = json.loads(reply.body)
    except ValueError:
        error = None
    shape = isinstance(error, dict) and sorted(error) == ["error", "hint", "message"]
    require(shape, f"401, but not in the one shape of errors: {reply.body[:100]!r}")
    for secret in (SOCKET_SECRET, SIGNATURE_SECRET):
        require(secret.encode() not in reply.body, "it told the secret")
    return "401"


async def _try(target: Socket, authorization: str | None, *more: str) -> str:
    async with await Peer.connect(target) as peer:
        return _unauthorized(await peer.shake_hands(authorization, *more))


def _good() -> str:
    return f"Bearer {sign(ticket(str(uuid.uuid4())), SOCKET_SECRET)}"


@tickets("refuses each with 401 in the one shape of errors")
async def forged_tickets(target: Socket) -> str:
    """Tickets forged, expired, truncated, of another algorithm or none, or without a claim."""
    claims = ticket(str(uuid.uuid4()))
    wrong = forged(claims, SOCKET_SECRET) | {
        "for another audience": sign({**claims, "aud": "another"}, SOCKET_SECRET),
        "audience missing": sign({k: v for k, v in claims.items() if k != "aud"}, SOCKET_SECRET),
        "of no call": sign({k: v for k, v in claims.items() if k != "sub"}, SOCKET_SECRET),
        "for ever": sign({k: v for k, v in claims.items() if k != "exp"}, SOCKET_SECRET),
        "exp a text": sign({**claims, "exp": "never"}, SOCKET_SECRET),
    }
    return await every(wrong.items(), lambda token: _try(target, f"Bearer {token}"))


@tickets("refuses each with 401, or with 400 where the header itself is wrong")
async def odd_authorization(target: Socket) -> str:
    """No Authorization header, another scheme, two headers, or bytes that are not text."""
    token = sign(ticket(str(uuid.uuid4())), SOCKET_SECRET)
    variants: dict[str, tuple[str | None, tuple[str, ...]]] = {
        "none": (None, ()),
        "empty": ("", ()),
        "Basic": ("Basic bWU6bWU=", ()),
        "no scheme": (token, ()),
        "Bearer alone": ("Bearer", ()),
        "8,000 characters": ("Bearer " + "x" * 8000, ()),
        "bytes": ("Bearer \xff\xfe\x80", ()),
        "in a cookie": (None, (f"Cookie: ticket={token}",)),
        "a good one and a bad one": (f"Bearer {token}", ("Authorization: Bearer x",)),
    }

    async def attempt(headers: tuple[str | None, tuple[str, ...]]) -> str:
        async with await Peer.connect(target) as peer:
            reply = await peer.shake_hands(headers[0], *headers[1])
            if reply.status in (0, 400):
                return str(reply)
            return _unauthorized(reply)

    return await every(variants.items(), attempt)


@tickets("lets exactly one in, and refuses the others with 401")
async def replayed_ticket(target: Socket) -> str:
    """Ten peers with the same good ticket, at once, and an eleventh afterwards."""
    good = _good()

    async def attempt(peer: Peer) -> int:
        return (await peer.shake_hands(good)).status

    async with asyncio.TaskGroup() as tasks:
        opened = [tasks.create_task(Peer.connect(target)) for _ in range(11)]
    peers = [task.result() for task in opened]
    try:
        async with asyncio.TaskGroup() as tasks:
            tries = [tasks.create_task(attempt(peer)) for peer in peers[1:]]
        statuses = sorted([await attempt(peers[0]), *(task.result() for task in tries)])
    finally:
        for peer in peers:
            peer.drop()
    require(statuses == [101] + [401] * 10, f"answered with {statuses}")
    return "once 101, ten times 401"


@tickets("ends the call before it echoes any audio")
async def ticket_of_another_call(target: Socket) -> str:
    """A good ticket, and a first message that names another call."""
    async with await Peer.on_call(target, naming=ANOTHER_CALL) as peer:
        await peer.send(frame(BINARY, AUDIO) * 3)
        ending = await peer.ending(target.limits.close_seconds + GRACE)
        require(not ending.data, f"echoed {len(ending.data)} frames, then {ending}")
        return str(ending)


@tickets("lets it in: the control that tickets are refused for what is wrong with them")
async def good_ticket(target: Socket) -> str:
    """A call with a ticket as the NCCO carries it."""
    async with await Peer.on_call(target) as peer:
        await peer.echoes(AUDIO)
    return "let in"


@vonage_tokens("refuses each with 401 in the one shape of errors")
async def forged_vonage_tokens(target: Socket) -> str:
    """Vonage's tokens forged, expired, truncated, of another algorithm or none; and a ticket."""
    wrong = forged(by_vonage(), SIGNATURE_SECRET)
    wrong["a ticket"] = sign(ticket(str(uuid.uuid4())), SIGNATURE_SECRET)
    return await every(wrong.items(), lambda token: _try(target, f"Bearer {token}"))


@vonage_tokens("lets it in: the control that the forged ones are refused for what is wrong")
async def good_vonage_token(target: Socket) -> str:
    """A call with Vonage's token."""
    async with await Peer.on_call(target) as peer:
        await peer.echoes(AUDIO)
    return "let in"


@refusals("refuses each with 401, and logs few of them")
async def ticket_flood(target: Socket) -> str:
    """Five hundred peers with a forged ticket, in a row."""
    bad = f"Bearer {sign(ticket(str(uuid.uuid4())), '0' * 64)}"
    with bounded_log(target.log):
        return await every(((f"peer {n}", bad) for n in range(500)), lambda x: _try(target, x))
