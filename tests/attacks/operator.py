"""The operator's port: whoever may not place calls tries to, and to hold up who may."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tests.attacks.floods import bounded_log, poisoned
from tests.attacks.opening import Reply, read_reply
from tests.attacks.target import GRACE, SLACK, Attacks, Limits, Unsafe, every, require

__all__ = ["TOKEN", "Operator", "operators"]

TOKEN = "a token of 32 characters and more: 0123456789".replace(" ", "-")
CALL = b'{"to": "447700900123"}'
JSON = "application/json"
EVERYTHING = (
    ("GET", "/calls"),
    ("POST", "/calls"),
    ("GET", "/calls/x"),
    ("DELETE", "/calls/x"),
    ("POST", "/calls/x/transfer"),
    ("GET", "/meetings"),
    ("PUT", "/meetings/x/socket"),
    ("GET", "/openapi.json"),
)
NEIGHBOUR_SECONDS = 5.0


@dataclass(frozen=True)
class Operator:
    """The operator's interface under attack.

    Args:
        host: name or address.
        port: of TCP.
        limits: that the server is set to.
        token: that it asks for; None where only this machine reaches it.
        log: all that the service has logged so far; None where nobody can see.

    """

    host: str
    port: int
    limits: Limits
    token: str | None
    log: Callable[[], str] | None = None

    @classmethod
    def at(cls, url: str, limits: Limits, token: str | None) -> Operator:
        """Take host and port from the interface's URL."""
        parts = urlsplit(url)
        if not parts.hostname or not parts.port:
            raise ValueError(f"{url!r} has no host or no port")
        return cls(parts.hostname, parts.port, limits, token)

    def request(
        self, method: str, path: str, body: bytes | None = None, **headers: str | None
    ) -> bytes:
        """Build a request with the token, if one is asked for; None leaves a header out."""
        lines: dict[str, str | None] = {"Host": f"{self.host}:{self.port}"}
        if self.token is not None:
            lines["Authorization"] = f"Bearer {self.token}"
        if body is not None:
            lines |= {"Content-Type": JSON, "Content-Length": str(len(body))}
        lines |= {name.replace("_", "-"): text for name, text in headers.items()}
        head = [f"{name}: {text}" for name, text in lines.items() if text is not None]
        return "\r\n".join([f"{method} {path} HTTP/1.1", *head, "", ""]).encode("latin-1") + (
            body or b""
        )

    async def send(self, data: bytes) -> Reply:
        """Send bytes on a connection of their own; return the answer, or that it was cut off."""
        within = self.limits.request_seconds + GRACE
        reader, writer = await asyncio.open_connection(self.host, self.port)
        try:
            async with asyncio.timeout(within * SLACK):
                with contextlib.suppress(ConnectionError):  # it may have answered before that
                    writer.write(data)
                    await writer.drain()
                return await read_reply(reader)
        except TimeoutError:
            raise Unsafe(f"no answer, and not cut off, within {within:g} s") from None
        finally:
            writer.transport.abort()

    async def refuses(self, data: bytes, *statuses: int) -> str:
        """Send bytes, and expect one of these statuses; 0 is a connection that was cut off."""
        reply = await self.send(data)
        require(reply.status in statuses, f"answered with {reply}: {reply.body[:80]!r}")
        require(TOKEN.encode() not in reply.body, "it told the token")
        require(b"Traceback" not in reply.body, "it told its stack")
        consent = [name for name in reply.headers if name.startswith("access-control")]
        require(not consent, f"it consents: {consent}")
        return str(reply)

    async def placed(self) -> list[Any]:
        """Return the calls that were placed so far."""
        reply = await self.send(self.request("GET", "/calls"))
        require(reply.status == 200, f"the operator was answered with {reply}")
        return list(json.loads(reply.body)["calls"])

    @contextlib.asynccontextmanager
    async def no_calls(self) -> AsyncIterator[None]:
        """Raise `Unsafe` when a call was placed meanwhile."""
        before = len(await self.placed())
        yield
        placed = len(await self.placed()) - before
        require(not placed, f"{placed} calls were placed")


operators: Attacks[Operator] = Attacks()


@operators("answers: the control that the others are refused for what they are")
async def good_operator(target: Operator) -> str:
    """An operator who lists the calls, and asks for one without saying to whom."""
    await target.placed()
    return await target.refuses(target.request("POST", "/calls", b"{}"), 400)


@operators("refuses each with 401; or, without a token, does not listen for other machines")
async def operators_without_the_token(target: Operator) -> str:
    """No token, a wrong one, half of it, another scheme, or in another place."""
    if target.token is None:
        return await _is_for_this_machine_only(target)
    half = target.token[: len(target.token) // 2]
    wrong = {
        "none": None,
        "nothing": "",
        "Bearer alone": "Bearer",
        "another": f"Bearer {'0' * len(target.token)}",
        "half of it": f"Bearer {half}",
        "more than it": f"Bearer {target.token}0",
        "Basic": f"Basic {target.token}",
        "bytes": "Bearer \xff\xfe",
        "twice": f"Bearer {target.token}, Bearer {target.token}",
    }

    async def attempt(variant: tuple[str, str, str | None]) -> str:
        method, path, authorization = variant
        body = CALL if method in ("POST", "PUT") else None
        return await target.refuses(
            target.request(method, path, body, Authorization=authorization), 401
        )

    variants = [
        (f"{name}: {method} {path}", (method, path, authorization))
        for name, authorization in wrong.items()
        for method, path in EVERYTHING
    ]
    variants.append(("in the query", ("POST", f"/calls?token={target.token}", None)))
    async with target.no_calls():
        return await every(variants, attempt)


async def _is_for_this_machine_only(target: Operator) -> str:
    """Connect to this machine's outer address, as another machine would."""
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect(("192.0.2.1", 9))  # sends nothing; the system chooses the address
            own = probe.getsockname()[0]
    except OSError:
        return "this machine has no other address"
    try:
        _, writer = await asyncio.open_connection(own, target.port)
    except OSError:
        return "it listens on loopback only"
    writer.transport.abort()
    raise Unsafe(f"it listens on {own} without a token")


@operators("refuses each, gives no consent, and places no call")
async def calls_from_web_pages(target: Operator) -> str:
    """What a browser sends for a page, with the token, too: Origin, Sec-Fetch-Site, preflights."""
    port = target.port
    pages: dict[str, dict[str, str]] = {
        **{
            f"Origin {origin}": {"Origin": origin}
            for origin in (
                "https://evil.example",
                "null",
                f"http://localhost:{port}",
                f"http://{target.host}:{port}",
                "",
            )
        },
        **{
            f"Sec-Fetch-Site {site}": {"Sec_Fetch_Site": site, "Sec_Fetch_Mode": "no-cors"}
            for site in ("cross-site", "same-site")
        },
    }
    asking = {"Access_Control_Request_Method": "POST", "Origin": "https://evil.example"}
    asking["Access_Control_Request_Headers"] = "content-type, authorization"
    variants = [
        (f"{name}: {method} {path}", target.request(method, path, body, **headers))
        for name, headers in pages.items()
        for method, path, body in (
            ("POST", "/calls", CALL),
            ("GET", "/calls", None),
            ("DELETE", "/calls/x", None),
            ("PUT", "/meetings/x/socket", b"{}"),
        )
    ]
    variants += [
        (f"a preflight for {path}", target.request("OPTIONS", path, None, **asking))
        for path in ("/calls", "/meetings/x/socket", "/openapi.json")
    ]
    async with target.no_calls():
        return await every(variants, lambda data: target.refuses(data, 403))


@operators("refuses each with 415, and places no call")
async def calls_from_forms(target: Operator) -> str:
    """The content types that a page may send without asking first, and no type."""
    kinds = (
        "text/plain",
        "text/plain; charset=utf-8; application/json",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=application/json",
        "application/jsonp",
        "",
        None,
    )
    variants = [
        (f"{kind!r} to {path}", target.request("POST", path, CALL, Content_Type=kind))
        for kind in kinds
        for path in ("/calls", "/calls/x/mute", "/calls/x/talk")
    ]
    async with target.no_calls():
        return await every(variants, lambda data: target.refuses(data, 415))


@operators("refuses each with 403, or asks for the token; places no call")
async def rebound_names(target: Operator) -> str:
    """A page whose own name was made to lead here: to the browser it is same-origin."""
    hosts = (
        "evil.example",
        f"evil.example:{target.port}",
        f"127-0-0-1.evil.example:{target.port}",
        f"{target.host}.evil.example",
        f"localhost.evil.example:{target.port}",
        f"evil.example@localhost:{target.port}",
    )
    page = {"Authorization": None, "Sec_Fetch_Site": "same-origin"}
    variants = [
        (f"{host}: {method}", target.request(method, "/calls", body, Host=host, **page))
        for host in hosts
        for method, body in (("POST", CALL), ("GET", None))
    ]
    async with target.no_calls():
        return await every(variants, lambda data: target.refuses(data, 401, 403, 400))


@operators("refuses with 413, or cuts off, before it has taken it all")
async def huge_operator_bodies(target: Operator) -> str:
    """Bodies of a megabyte, announced and in chunks, and one announced as 2^63 bytes."""
    big = json.dumps({"to": "4" * 2**20}).encode()
    chunked = target.request("POST", "/calls", None, Content_Type=JSON, Transfer_Encoding="chunked")
    chunks = b"".join(b"4000\r\n" + bytes(0x4000) + b"\r\n" for _ in range(80))
    endless = target.request("POST", "/calls", None, Content_Type=JSON, Content_Length=str(2**63))
    variants = {
        "1 MiB": target.request("POST", "/calls", big),
        "80 chunks of 16 KiB": chunked + chunks + b"0\r\n\r\n",
        "a chunk of 2^60 bytes": chunked + b"1000000000000000\r\n" + bytes(100_000),
        "2^63 bytes": endless + b"{}",
    }
    async with target.no_calls():
        return await every(variants.items(), lambda data: target.refuses(data, 413, 400, 0))


@operators("refuses each with 400; never 500")
async def wrong_operator_bodies(target: Operator) -> str:
    """Bodies that are deep, not JSON, not UTF-8, of the wrong type, or with escapes in them."""
    variants = {
        "deep lists": b"[" * 30_000 + b"]" * 30_000,
        "a deep field": b'{"to":"447700900123","headers":' + b"[" * 20_000 + b"]" * 20_000 + b"}",
        "not JSON": b"to=447700900123",
        "not UTF-8": b'{"to":"\xff\xfe"}',
        "a list": b"[]",
        "null": b"null",
        "NaN": b'{"to":NaN}',
        "nothing": b"",
        "a number of 60,000 digits": b'{"to":' + b"9" * 60_000 + b"}",
        "a lone surrogate": b'{"to":"447700900123","meeting":"\\ud83d"}',
        "an object as number": b'{"to":{"$ne":""}}',
        "a path as meeting": b'{"to":"447700900123","meeting":"../../x"}',
        **{
            f"poison {number}": json.dumps({"to": text, text: text}).encode()
            for number, text in enumerate(poisoned()[:12])
        },
    }
    requests = [
        (f"{name} to {path}", target.request("POST", path, body))
        for name, body in variants.items()
        for path in ("/calls", "/calls/x/transfer")
    ]
    async with target.no_calls():
        return await every(requests, lambda data: target.refuses(data, 400))


@operators("refuses each, and logs few of them, none as they came")
async def operator_flood(target: Operator) -> str:
    """Five hundred requests in a row whose path, Origin and key would forge log lines."""
    poison = [text.encode().decode("latin-1") for text in poisoned()]
    clean = ["".join(c for c in text if c >= " " and c != "\x7f") for text in poison]
    variants = [
        (
            f"number {number}",
            target.request(
                "POST",
                f"/calls?{number}",
                CALL,
                Origin=text,
                Idempotency_Key=text,
                Host=f"{target.host}:{target.port}",
            ),
        )
        for number, text in enumerate(clean * (500 // len(clean) + 1))
    ][:500]
    async with target.no_calls():
        with bounded_log(target.log):
            return await every(variants, lambda data: target.refuses(data, 400, 403))


@operators("cuts off what does not come in, and answers the operator beside it", 30)
async def dribbled_operator_requests(target: Operator) -> str:
    """A hundred peers that send half a request, then a byte every 200 ms."""
    whole = target.request("POST", "/calls", b" " * 400 + CALL)
    heads = 50
    cuts = (40, len(whole) - 100)  # within the headers, within the body

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

    async with target.no_calls():
        tasks = [asyncio.create_task(dribble(cut)) for cut in cuts for _ in range(heads)]
        began = time.monotonic()
        try:
            worst = 0.0
            for _ in range(5):
                await asyncio.sleep(0.3)
                asked = time.monotonic()
                await target.placed()
                worst = max(worst, time.monotonic() - asked)
            require(
                worst < NEIGHBOUR_SECONDS * SLACK,
                f"the operator waited {worst:.1f} s",
            )
            within = (target.limits.request_seconds + GRACE) * SLACK
            _, waiting = await asyncio.wait(tasks[:heads], timeout=within)
            require(not waiting, f"{len(waiting)} unfinished heads are open after {within:g} s")
            took = time.monotonic() - began
            return f"answered within {worst * 1000:.0f} ms, cut off within {took:.1f} s"
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
