"""Both services as processes, beside a simulated telephone network that they call through."""

from __future__ import annotations

import asyncio
import json
import re
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from phone.platform.registration import Registration

from tools.processes import ProcessStack

__all__ = ["OWN", "PATIENCE", "Keys", "Operator", "soon", "stack"]

OWN = "447700900001"
PATIENCE = 60.0
SECRET = "0123456789abcdef" * 4


class Keys:
    """An application with its keys: for the network, and as settings of ncco-service."""

    def __init__(self) -> None:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        self.id = str(uuid.uuid4())
        self.private = private.decode()
        self._public = public.decode()

    def registration(self, webhooks: str | None = None, *numbers: str) -> Registration:
        """Return the application for a network; calls to it are answered by `webhooks`."""
        fields: dict[str, Any] = {
            "id": self.id,
            "public_key": self._public,
            "numbers": [OWN, *numbers],
        }
        if webhooks:
            fields["webhooks"] = {
                "answer_url": f"{webhooks}/webhooks/answer",
                "event_url": f"{webhooks}/webhooks/events",
            }
        return Registration.model_validate(fields)

    def settings(self, platform: str) -> dict[str, str]:
        """Return the settings with which ncco-service calls through a network."""
        return {
            "VONAGE_APPLICATION_ID": self.id,
            "VONAGE_PRIVATE_KEY": self.private,
            "VONAGE_NUMBER": OWN,
            "VONAGE_API_URL": platform,
            "OPERATOR_PORT": "0",
        }


def stack(port: int, settings: dict[str, str], handler: dict[str, str]) -> ProcessStack:
    """Return both services, not started, with tickets; webhooks on a port of our choice."""
    ours = {"PORT": str(port), "LOCAL_URL": f"http://127.0.0.1:{port}", "SOCKET_SECRET": SECRET}
    return ProcessStack(
        {"ncco-service": ours | settings, "echo-service": {"SOCKET_SECRET": SECRET} | handler}
    )


class Operator:
    """A client of the operator's interface.

    Args:
        running: the services.
        session: of aiohttp.

    """

    def __init__(self, running: ProcessStack, session: aiohttp.ClientSession) -> None:
        self._running = running
        self._session = session

    @property
    def url(self) -> str:
        """Where it is, which the log says."""
        found: list[str] = re.findall(r" operator url=(\S+)", self._running.logs("ncco-service"))
        return found[-1]

    async def ask(
        self, method: str, path: str, body: object = None, **headers: str
    ) -> tuple[int, Any]:
        """Send a request; return the status and the JSON."""
        fields = {name.replace("_", "-"): value for name, value in headers.items()}
        async with self._session.request(
            method, self.url + path, json=body, headers=fields
        ) as reply:
            data = await reply.read()
            return reply.status, json.loads(data) if data else None

    async def place(self, number: str, **wanted: Any) -> str:
        """Place a call that the platform takes; return our name for it."""
        status, answer = await self.ask("POST", "/calls", {"to": number} | wanted)
        assert status == 201, answer
        return str(answer["call"])

    async def over(self, call: str, within: float = PATIENCE) -> dict[str, Any]:
        """Wait until a call is over; return its report."""
        return await self.until(call, lambda report: report["over"], within)

    async def until(
        self, call: str, true: Callable[[dict[str, Any]], object], within: float = PATIENCE
    ) -> dict[str, Any]:
        """Wait until something is true of a call's report; return the report."""
        deadline = time.monotonic() + within
        while True:
            status, report = await self.ask("GET", f"/calls/{call}")
            assert status == 200, report
            if true(report):
                return dict(report)
            assert time.monotonic() < deadline, report
            await asyncio.sleep(0.1)


async def soon(true: Callable[[], object], within: float = PATIENCE) -> None:
    """Wait until something is true, and fail if it never is."""
    deadline = time.monotonic() + within
    while not true():
        assert time.monotonic() < deadline, "it did not come true"
        await asyncio.sleep(0.02)


def speaker(sound: Path) -> dict[str, str]:
    """Return the settings of an echo-service that says a sound."""
    return {"AUDIO_HANDLER": "tests.outbound.speaker:speak", "PLAY_FILE": str(sound)}
