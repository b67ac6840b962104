"""Echo on plain `websockets`: `serve()` and `async for`, as its documentation shows."""

from __future__ import annotations

import contextlib

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from bench.peers import serving


async def _echo(connection: ServerConnection) -> None:
    with contextlib.suppress(ConnectionClosed):
        async for message in connection:
            if isinstance(message, bytes):
                await connection.send(message)


async def _main() -> None:
    async with serve(_echo, serving.HOST, serving.port(), compression=None) as server:
        serving.announce(server.sockets[0].getsockname()[1])
        await server.serve_forever()


if __name__ == "__main__":
    serving.run(_main())
