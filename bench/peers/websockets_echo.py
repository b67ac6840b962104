"""Echo on plain `websockets`: `serve()` and `async for`, as its documentation shows."""

from __future__ import annotations

import contextlib
import os

from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed

from bench.peers import serving

TEXTS = os.environ.get("ECHO_TEXT_FOR_TESTS") == "1"
"""Whether texts are echoed, as the conformance suite needs."""
LARGEST = int(os.environ.get("MAX_MESSAGE_BYTES") or 2**20)
"""Bytes of the longest message; the conformance suite needs more than a call."""


async def _echo(connection: ServerConnection) -> None:
    with contextlib.suppress(ConnectionClosed):
        async for message in connection:
            if TEXTS or isinstance(message, bytes):
                await connection.send(message)


async def _main() -> None:
    async with serve(
        _echo, serving.HOST, serving.port(), compression=None, max_size=LARGEST
    ) as server:
        serving.announce(server.sockets[0].getsockname()[1])
        await server.serve_forever()


if __name__ == "__main__":
    serving.run(_main())
