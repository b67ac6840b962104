"""HTTP requests as bytes, valid and invalid, to the webhooks under attack."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from tests.attacks.opening import Reply, read_reply
from tests.attacks.target import GRACE, SLACK, Limits, Unsafe, require
from tests.attacks.tickets import SIGNATURE_SECRET
from tests.attacks.tokens import by_vonage, sign

__all__ = ["API_KEY", "APPLICATION", "Webhooks", "claims", "refusal", "request"]

API_KEY = "abcd1234"
APPLICATION = "aaaaaaaa-bbbb-4ccc-8ddd-0123456789ab"


@dataclass(frozen=True)
class Webhooks:
    """The webhooks under attack.

    Args:
        host: name or address.
        port: of TCP.
        base: the path before `/answer`.
        limits: that the server is set to.
        log: all that the service has logged so far; None where nobody can see.

    """

    host: str
    port: int
    base: str
    limits: Limits
    log: Callable[[], str] | None = None

    @classmethod
    def at(cls, answer_url: str, limits: Limits) -> Webhooks:
        """Take host, port and path from the answer URL."""
        parts = urlsplit(answer_url)
        if not parts.hostname or not parts.port:
            raise ValueError(f"{answer_url!r} has no host or no port")
        return cls(parts.hostname, parts.port, parts.path.removesuffix("/answer"), limits)

    async def send(self, data: bytes) -> Reply:
        """Send bytes on a connection of their own; return the answer, or that it was cut off."""
        within = self.limits.request_seconds + GRACE
        reader, writer = await asyncio.open_connection(self.host, self.port)
        try:
            async with asyncio.timeout(within * SLACK):
                try:
                    writer.write(data)
                    await writer.drain()
                except ConnectionError:
                    pass  # it may have answered before it hung up
                return await read_reply(reader)
        except TimeoutError:
            raise Unsafe(f"no answer, and not cut off, within {within:g} s") from None
        finally:
            writer.transport.abort()

    async def post(self, body: bytes, path: str = "/answer", token: str | None = None) -> Reply:
        """Send a signed webhook; `token` replaces the good token."""
        good = sign(claims(body), SIGNATURE_SECRET) if token is None else token
        return await self.send(request(f"{self.base}{path}", body, f"Bearer {good}"))

    async def get(self, fields: dict[str, str], token: str | None = None) -> Reply:
        """Ask for an answer as a signed GET webhook does."""
        hashed = json.dumps(fields, separators=(",", ":"), ensure_ascii=False).encode()
        good = sign(claims(hashed), SIGNATURE_SECRET) if token is None else token
        path = f"{self.base}/answer?{urlencode(fields)}"
        return await self.send(request(path, None, f"Bearer {good}"))


def claims(payload: bytes) -> dict[str, Any]:
    """Return the claims of a good token over a payload."""
    return by_vonage(payload, api_key=API_KEY, application_id=APPLICATION)


def request(path: str, body: bytes | None, authorization: str | None, *more: str) -> bytes:
    """Build a GET (without a body) or a JSON POST."""
    lines = [f"{'GET' if body is None else 'POST'} {path} HTTP/1.1", "Host: voice.example.org"]
    if authorization is not None:
        lines.append(f"Authorization: {authorization}")
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, *more, "", ""]).encode("latin-1") + (body or b"")


def refusal(reply: Reply, *statuses: int) -> str:
    """Return what was seen of a refusal; raise `Unsafe` for anything else.

    Args:
        reply: of the service.
        statuses: that are right; 0 stands for a connection that was cut off.

    """
    require(reply.status in statuses, f"answered with {reply}: {reply.body[:80]!r}")
    require(SIGNATURE_SECRET.encode() not in reply.body, "it told the secret")
    require(b"Traceback" not in reply.body, "it told its stack")
    if reply.headers.get("content-type", "").startswith("application/json"):
        error = json.loads(reply.body)
        require(sorted(error) == ["error", "hint", "message"], f"it answered {error}")
    return str(reply)
