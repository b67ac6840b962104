"""A client of the simulated Voice API, and an application's keys, for tests."""

import asyncio
import time
import uuid
from collections.abc import Callable
from typing import Any

import aiohttp
import jwt
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from phone.platform.registration import Registration

__all__ = [
    "API_SECRET",
    "APPLICATION",
    "OWN",
    "PRIVATE",
    "PUBLIC",
    "Client",
    "registration",
    "soon",
    "token",
]

OWN = "447700900001"
API_SECRET = "not-a-secret"
_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PRIVATE = _KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
PUBLIC = _KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
APPLICATION = "78d335fa-323d-0114-9c3d-d6f0d48968cf"


def registration(**changes: Any) -> Registration:
    """Return an application with keys and one number."""
    known = {"id": APPLICATION, "public_key": PUBLIC, "api_secret": API_SECRET, "numbers": [OWN]}
    return Registration.model_validate(known | changes)


def token(key: str = PRIVATE, **changes: Any) -> str:
    """Return a token as the SDKs sign it; a claim changed to None is left out."""
    now = int(time.time())
    claims = {
        "application_id": APPLICATION,
        "iat": now,
        "exp": now + 900,
        "jti": str(uuid.uuid4()),
    }
    claims = {name: value for name, value in (claims | changes).items() if value is not None}
    return jwt.encode(claims, key, algorithm="RS256")


class Client:
    """Asks the API; each answer is its status and its JSON.

    Args:
        url: of the platform.
        session: of aiohttp.

    """

    def __init__(self, url: str, session: aiohttp.ClientSession) -> None:
        self.url = url
        self.session = session
        self.bearer = token()

    async def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Send a request with the application's token."""
        headers = {"Authorization": f"Bearer {self.bearer}"} if self.bearer else {}
        async with self.session.request(
            method, f"{self.url}{path}", json=body, headers=headers
        ) as reply:
            data = await reply.read()
            return reply.status, await reply.json() if data else None

    async def create(self, to: dict[str, Any], **fields: Any) -> str:
        """Place a call that the platform takes; return its uuid."""
        body = {"to": [to], "from": {"type": "phone", "number": OWN}} | fields
        status, answer = await self.ask("POST", "/v1/calls", body)
        assert status == 201, answer
        return str(answer["uuid"])

    async def status(self, call: str) -> str:
        """Return a call's status."""
        status, answer = await self.ask("GET", f"/v1/calls/{call}")
        assert status == 200, answer
        return str(answer["status"])


async def soon(true: Callable[[], object], within: float = 60.0) -> None:
    """Wait until something is true, and fail if it never is."""
    deadline = time.monotonic() + within
    while not true():
        assert time.monotonic() < deadline, "it did not come true"
        await asyncio.sleep(0.02)
