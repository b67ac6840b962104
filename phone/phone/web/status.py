"""The stack beside the softphone: readiness of its services, live calls, what `doctor` finds."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import TracebackType
from typing import Any, Self

import aiohttp

from phone.constants import USER_AGENT
from phone.legs.plan import CallPlan, PlanError
from phone.web.settings import SoftphoneSettings

__all__ = ["Examine", "StackStatus"]

Examine = Callable[[CallPlan], Awaitable[Sequence[Mapping[str, Any]]]]

LOOK_SECONDS = 3.0
REPLY_MAX_BYTES = 4 * 1024 * 1024  # a list of thousands of calls
DOCTOR_SECONDS = 60.0


class StackStatus:
    """Asks the services of the stack; an async context manager.

    Args:
        settings: which services, and what `doctor` examines.
        examine: returns the checks of a call, as JSON; None: there is no doctor.

    """

    def __init__(self, settings: SoftphoneSettings, examine: Examine | None = None) -> None:
        self._settings = settings
        self._examine = examine
        self._session: aiohttp.ClientSession | None = None
        self._examining = asyncio.Lock()

    async def __aenter__(self) -> Self:
        self._session = aiohttp.ClientSession(
            headers={"User-Agent": USER_AGENT},
            timeout=aiohttp.ClientTimeout(total=LOOK_SECONDS),
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()

    async def look(self) -> dict[str, Any]:
        """Return the readiness that the services report."""
        names, urls = list(self._settings.readiness), list(self._settings.readiness.values())
        host = self._settings.readiness_host
        replies = await asyncio.gather(*(self._get(url, host) for url in urls))
        services = [
            {"name": name, "url": url, **reply}
            for name, url, reply in zip(names, urls, replies, strict=True)
        ]
        calls = None
        if self._settings.calls_url is not None:
            calls = await self._get(self._settings.calls_url)
        return {"answer_url": self._settings.answer_url, "services": services, "calls": calls}

    async def examine(self) -> dict[str, Any]:
        """Return what `phone doctor` finds; one examination at a time."""
        if self._examine is None:
            return {"error": "this page was started without the doctor", "checks": []}
        settings = self._settings
        call = CallPlan(
            settings.answer_url,
            event_url=settings.event_url,
            signature_secret=settings.signature_secret,
            api_key=settings.api_key,
            application_id=settings.application_id,
            ca_file=settings.ca_file,
        )
        async with self._examining:
            try:
                async with asyncio.timeout(DOCTOR_SECONDS):
                    checks = await self._examine(call)
            except PlanError as error:
                return {"error": str(error), "checks": []}
            except TimeoutError:
                return {"error": f"it took longer than {DOCTOR_SECONDS:g} s", "checks": []}
        return {"error": "", "checks": list(checks)}

    async def _get(self, url: str, host: str | None = None) -> dict[str, Any]:
        if self._session is None:
            raise RuntimeError("use StackStatus as an async context manager")
        headers = None if host is None else {"Host": host}
        try:
            async with self._session.get(url, headers=headers, allow_redirects=False) as response:
                body = await _read(response)
                status = response.status
            return {"status": status, "seen": "", "reply": _object(body)}
        except (aiohttp.ClientError, OSError, ValueError, RecursionError) as error:
            seen = f"{url} gives no answer ({type(error).__name__}); is the service running?"
            return {"status": None, "seen": seen, "reply": {}}


async def _read(response: aiohttp.ClientResponse) -> bytes:
    body = bytearray()
    async for chunk in response.content.iter_any():
        body += chunk
        if len(body) > REPLY_MAX_BYTES:
            raise ValueError(f"a reply of more than {REPLY_MAX_BYTES} bytes")
    return bytes(body)


def _object(body: bytes) -> dict[str, Any]:
    value = json.loads(body)
    return value if isinstance(value, dict) else {}
