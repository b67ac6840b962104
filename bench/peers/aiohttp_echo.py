"""Echo on aiohttp."""

from __future__ import annotations

import asyncio

from aiohttp import WSMsgType, web

from bench.peers import serving


async def _echo(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse(compress=False)
    await socket.prepare(request)
    async for message in socket:
        if message.type is WSMsgType.BINARY:
            await socket.send_bytes(message.data)
    return socket


async def _main() -> None:
    application = web.Application()
    application.router.add_get("/socket", _echo)
    runner = web.AppRunner(application, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, serving.HOST, serving.port(), backlog=1024)
    await site.start()
    serving.announce(runner.addresses[0][1])
    await asyncio.Event().wait()


if __name__ == "__main__":
    serving.run(_main())
