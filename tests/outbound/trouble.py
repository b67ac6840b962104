"""A platform with troubles: passes requests on to the simulated one, but now and then fails."""

from __future__ import annotations

import time
from collections import deque
from types import TracebackType
from typing import Self

import aiohttp
from aiohttp import web

__all__ = ["Troubled"]

PASSED_ON = ("Authorization", "Content-Type", "Accept")


class Troubled:
    """Stands before a platform; an async context manager.

    Args:
        url: the platform's.

    Attributes:
        troubles: what becomes of the next new calls: a status that the platform is not even asked
            for, "lost" (placed, and answered 500), or "" (nothing).
        asked_at: when each new call was asked for, in seconds of the monotonic clock.
        url: its own.

    """

    def __init__(self, url: str) -> None:
        self._platform = url
        self.troubles: deque[str] = deque()
        self.asked_at: list[float] = []
        self.url = ""

    async def __aenter__(self) -> Self:
        application = web.Application()
        application.router.add_route("*", "/{path:.*}", self._pass_on)
        self._session = aiohttp.ClientSession()
        self._runner = web.AppRunner(application, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._runner.cleanup()
        await self._session.close()

    async def _pass_on(self, request: web.Request) -> web.Response:
        trouble = ""
        if request.method == "POST" and request.path == "/v1/calls":
            self.asked_at.append(time.monotonic())
            trouble = self.troubles.popleft() if self.troubles else ""
        if trouble.isdecimal():
            status = int(trouble)
            headers = {"Retry-After": "1"} if status == 429 else {}
            return web.json_response(
                {"detail": f"trouble {status}"}, status=status, headers=headers
            )
        headers = {name: request.headers[name] for name in PASSED_ON if name in request.headers}
        async with self._session.request(
            request.method,
            self._platform + request.path_qs,
            data=await request.read(),
            headers=headers,
        ) as reply:
            body = await reply.read()
            if trouble == "lost":
                return web.json_response({"detail": "it broke"}, status=500)
            kind = reply.headers.get("Content-Type", "application/json").partition(";")[0]
            return web.Response(body=body, status=reply.status, content_type=kind)
