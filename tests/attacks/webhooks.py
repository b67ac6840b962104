"""Webhooks that Vonage never sent: forged, replayed, huge, deeply nested, malformed, slow."""

from __future__ import annotations

import asyncio
import json
import time
import uuid
from typing import Any

from tests.attacks.floods import bounded_log
from tests.attacks.http import Webhooks, claims, refusal, request
from tests.attacks.target import SLACK, Attacks, every, require
from tests.attacks.tickets import SIGNATURE_SECRET, SOCKET_SECRET
from tests.attacks.tokens import by_vonage, forged, payload_hash, sign

__all__ = ["PATHS", "body_of_call", "fields_of_call", "webhooks"]

webhooks: Attacks[Webhooks] = Attacks()

PLATFORM_SECONDS = 5.0
"""How long the platform waits for an answer, by default (Vonage's application API)."""

PATHS = ("/answer", "/events", "/fallback")


def fields_of_call(**more: object) -> dict[str, Any]:
    """Return the fields of an answer webhook for a new call."""
    fields: dict[str, Any] = {
        "from": "447700900123",
        "to": "447700900456",
        "uuid": str(uuid.uuid4()),
        "conversation_uuid": f"CON-{uuid.uuid4()}",
    }
    return {**fields, **more}


def body_of_call(**more: object) -> bytes:
    """Return them as the body of a POST."""
    return json.dumps(fields_of_call(**more)).encode()


@webhooks("answers with an NCCO: the control that the others are refused for what they are")
async def good_webhooks(target: Webhooks) -> str:
    """Signed webhooks as Vonage sends them, as GET and as POST, and a retry of the latter."""
    body = body_of_call()
    token = sign(claims(body), SIGNATURE_SECRET)
    replies = [
        await target.post(body, token=token),
        await target.post(body, token=token),
        await target.get(fields_of_call()),
    ]
    for name, reply in zip(("POST", "retry", "GET"), replies, strict=True):
        require(reply.status == 200, f"{name} was answered with {reply}: {reply.body[:200]!r}")
        require(json.loads(reply.body)[-1]["action"] == "connect", f"{name} got {reply.body!r}")
    return "answered"


@webhooks("refuses each with 401, telling nothing of the secret")
async def forged_webhooks(target: Webhooks) -> str:
    """Tokens forged, expired, truncated, of another algorithm or none, or for another account."""
    body = body_of_call()
    good = claims(body)
    wrong = forged(good, SIGNATURE_SECRET) | {
        "another account": sign({**good, "api_key": "another"}, SIGNATURE_SECRET),
        "another application": sign({**good, "application_id": "another"}, SIGNATURE_SECRET),
        "no hash": sign(by_vonage(None), SIGNATURE_SECRET),
        "a hash of nothing": sign({**good, "payload_hash": payload_hash(b"")}, SIGNATURE_SECRET),
        "a hash that is a number": sign({**good, "payload_hash": 5}, SIGNATURE_SECRET),
        "a hash of other letters": sign({**good, "payload_hash": "\xe9"}, SIGNATURE_SECRET),
        "for the socket": sign(good, SOCKET_SECRET),
    }

    async def attempt(variant: tuple[str, str]) -> str:
        return refusal(await target.post(body, variant[0], variant[1]), 401)

    variants = [
        (f"{name} to {path}", (path, token)) for name, token in wrong.items() for path in PATHS
    ]
    return await every(variants, attempt)


@webhooks("refuses each with 401")
async def unsigned_webhooks(target: Webhooks) -> str:
    """No Authorization header, or another scheme, by POST and by GET, on every path."""
    body = body_of_call()
    answer, query = f"{target.base}/answer", "?from=447700900123&uuid=x"
    variants = {
        **{f"POST {path}": request(f"{target.base}{path}", body, None) for path in PATHS},
        **{f"GET {path}": request(f"{target.base}{path}{query}", None, None) for path in PATHS},
        "the old path": request(f"/ncco{query}", None, None),
        "Basic": request(answer, body, "Basic bWU6bWU="),
        "Bearer alone": request(answer, body, "Bearer"),
        "bytes": request(answer, body, "Bearer \xff\xfe"),
    }

    async def attempt(data: bytes) -> str:
        return refusal(await target.send(data), 401)

    return await every(variants.items(), attempt)


@webhooks("refuses each with 401")
async def replayed_webhooks(target: Webhooks) -> str:
    """Good tokens over another body, another query, or once more with another payload."""
    body, other = body_of_call(), body_of_call()
    token = sign(claims(body), SIGNATURE_SECRET)
    refusal(await target.post(other, token=token), 401)
    first = await target.post(body, token=token)
    require(first.status == 200, f"the good one was answered with {first}")
    refusal(await target.post(other, token=token), 401)
    again = {**claims(other), "jti": "used-twice-in-the-battery"}
    then = {**again, "payload_hash": payload_hash(body)}
    require((await target.post(other, token=sign(again, SIGNATURE_SECRET))).status == 200, "first")
    refusal(await target.post(body, token=sign(then, SIGNATURE_SECRET)), 401)
    fields = fields_of_call()
    hashed = json.dumps(fields, separators=(",", ":")).encode()
    changed = await target.get({**fields, "from": "1"}, sign(claims(hashed), SIGNATURE_SECRET))
    return refusal(changed, 401)


@webhooks("refuses each with 401, and logs few of them")
async def webhook_flood(target: Webhooks) -> str:
    """Five hundred unsigned webhooks in a row."""
    body = body_of_call()
    data = request(f"{target.base}/answer", body, None)

    async def attempt(number: int) -> str:
        return refusal(await target.send(data), 401)

    with bounded_log(target.log):
        return await every(((f"number {n}", n) for n in range(500)), attempt)


@webhooks("refuses with 413, or cuts off, before it has taken it all", seconds=20)
async def huge_bodies(target: Webhooks) -> str:
    """Bodies of a megabyte, announced and in chunks, and one announced as 2^63 bytes."""
    path = f"{target.base}/answer"
    big = json.dumps({"from": "x" * 2**20}).encode()
    token = f"Bearer {sign(claims(big), SIGNATURE_SECRET)}"
    lengthless = request(path, None, token, "Content-Type: application/json")
    chunked = lengthless.replace(b"GET", b"POST", 1)[:-2] + b"Transfer-Encoding: chunked\r\n\r\n"
    chunks = b"".join(b"4000\r\n" + bytes(0x4000) + b"\r\n" for _ in range(80))
    variants = {
        "1 MiB": request(path, big, token),
        "1 MiB, unsigned": request(path, big, None),
        "just over 64 KiB": request(path, bytes(65537), token),
        "80 chunks of 16 KiB": chunked + chunks + b"0\r\n\r\n",
        "a chunk of 2^60 bytes": chunked + b"1000000000000000\r\n" + bytes(100_000),
        "2^63 bytes": lengthless.replace(b"GET", b"POST", 1)[:-2]
        + b"Content-Length: 9223372036854775808\r\n\r\n{}",
    }

    async def attempt(data: bytes) -> str:
        return refusal(await target.send(data), 413, 400, 0)

    return await every(variants.items(), attempt)


@webhooks("refuses each with 400, or 415 for its type; never 500")
async def wrong_bodies(target: Webhooks) -> str:
    """Signed bodies that are deep, not JSON, not UTF-8, or not an object."""
    variants = {
        "deep lists": b"[" * 30_000 + b"]" * 30_000,
        "deep objects": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
        "a deep field": b'{"from":' + b"[" * 20_000 + b"]" * 20_000 + b"}",
        "not JSON": b"from=447700900123&to=447700900456",
        "not UTF-8": b'{"from":"\xff\xfe"}',
        "half a JSON": b'{"from":"4477',
        "two JSONs": b'{"from":"1"}{"from":"2"}',
        "a list": b"[]",
        "a text": b'"hello"',
        "null": b"null",
        "a number of 60,000 digits": b'{"uuid":' + b"9" * 60_000 + b"}",
        "NaN": b'{"from":NaN}',
        "nothing": b"",
        "NUL": b"\0" * 100,
    }

    async def attempt(body: bytes) -> str:
        return refusal(await target.post(body), 400, 415)

    return await every(variants.items(), attempt)


@webhooks("refuses with the right status of 4xx; never 500", seconds=20)
async def wrong_requests(target: Webhooks) -> str:
    """Unsupported methods, paths and media types, and bytes that are not HTTP."""
    path = f"{target.base}/answer"
    body = body_of_call()
    good = request(path, body, f"Bearer {sign(claims(body), SIGNATURE_SECRET)}")
    double = b"Content-Length: 5\r\nContent-Length: 6\r\n"
    variants: dict[str, tuple[bytes, tuple[int, ...]]] = {
        **{
            method: (good.replace(b"POST", method.encode(), 1), (405, 501))
            for method in ("PUT", "DELETE", "PATCH", "TRACE", "BREW")
        },
        "another path": (good.replace(path.encode(), b"/nothing", 1), (404,)),
        "a path that climbs": (
            good.replace(path.encode(), b"/webhooks/../../etc/passwd", 1),
            (400, 404),
        ),
        "an escape in the path": (good.replace(path.encode(), b"/%1b[2J%0a%00", 1), (400, 404)),
        "XML": (good.replace(b"application/json", b"application/xml", 1), (415, 400)),
        "a length of -1": (good.replace(b"Content-Length: ", b"Content-Length: -", 1), (400, 0)),
        "two lengths": (good.replace(b"Content-Length: ", double + b"X-: ", 1), (400, 0)),
        "length and chunks": (
            good.replace(b"Content-Type", b"Transfer-Encoding: chunked\r\nContent-Type", 1),
            target.limits.unfinished,
        ),
        "noise": (bytes(range(128, 256)) * 20 + b"\r\n\r\n", (400, 0)),
        "a query of 100 KiB": (
            request(f"{path}?from={'x' * 100_000}", None, None),
            (400, 401, 414, 431, 0),
        ),
        "a header of 100 KiB": (request(path, body, None, "X: " + "x" * 100_000), (400, 431, 0)),
    }

    async def attempt(variant: tuple[bytes, tuple[int, ...]]) -> str:
        return refusal(await target.send(variant[0]), *variant[1])

    return await every(variants.items(), attempt)


@webhooks("cuts them off, and answers a caller beside them before the platform gives up", 30)
async def dribbled_webhooks(target: Webhooks) -> str:
    """Two hundred peers that send half a webhook, then a byte every 200 ms."""
    body = body_of_call()
    whole = request(f"{target.base}/answer", body, None)
    cuts = (40, len(whole) - len(body) + 20)  # within the headers, within the body

    async def dribble(cut: int) -> None:
        _, writer = await asyncio.open_connection(target.host, target.port)
        try:
            writer.write(whole[:cut])
            for byte in whole[cut:-1]:
                await writer.drain()
                await asyncio.sleep(0.2)
                writer.write(bytes([byte]))
        except ConnectionError:
            pass  # what a good server does to them
        finally:
            writer.transport.abort()

    tasks = [asyncio.create_task(dribble(cuts[n % 2])) for n in range(200)]
    try:
        worst = 0.0
        for _ in range(5):
            await asyncio.sleep(0.3)
            began = time.monotonic()
            reply = await target.post(body_of_call())
            worst = max(worst, time.monotonic() - began)
            require(reply.status == 200, f"a caller beside them was answered with {reply}")
        require(
            worst < PLATFORM_SECONDS * SLACK,
            f"a caller beside them waited {worst:.1f} s for the answer",
        )
        return f"answered a caller within {worst * 1000:.0f} ms"
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
