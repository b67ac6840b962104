"""Server of the fake model, on loopback unless told otherwise."""

from __future__ import annotations

import asyncio
import contextlib
import http
from collections.abc import AsyncIterator, Callable
from urllib.parse import urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from .journal import Journal
from .manners import Manner
from .responses import Broken
from .session import Session

__all__ = ["serving", "url_of"]

PATHS = ("/v1/realtime", "/realtime", "/openai/v1/realtime")


@contextlib.asynccontextmanager
async def serving(
    manner: Manner,
    host: str = "127.0.0.1",
    port: int = 0,
    ended: Callable[[Journal], None] = lambda journal: None,
    by_call: bool = False,
) -> AsyncIterator[Server]:
    """Serve sessions.

    Args:
        manner: of all of them.
        host: to listen on.
        port: likewise; 0 takes a free one.
        ended: told what happened in a session, at its end.
        by_call: whether each call's id says the manner.

    """

    running: set[asyncio.Task[None]] = set()

    def manner_of(call: str) -> Manner:
        return manner.of_call(call) if by_call else manner

    async def session(connection: ServerConnection) -> None:
        request = connection.request
        call = request.headers.get("X-Call-Id", "") if request is not None else ""
        talk = Session(manner_of(call), connection.send, call)
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine runs in one
        running.add(task)
        task.add_done_callback(running.discard)
        try:
            await talk.run(connection)
        except Broken as broken:
            if broken.code is None:
                connection.transport.abort()
            else:
                await connection.close(broken.code, str(broken))
        except ConnectionClosed:
            pass
        finally:
            ended(talk.journal)

    async def opening(connection: ServerConnection, request: Request) -> Response | None:
        if "tardy" in manner_of(request.headers.get("X-Call-Id", "")).faults:
            await asyncio.sleep(1)
        if request.path == "/healthz":
            return connection.respond(http.HTTPStatus.OK, "alive\n")
        if urlsplit(request.path).path not in PATHS:
            return connection.respond(http.HTTPStatus.NOT_FOUND, f"here is {PATHS[0]}\n")
        if manner.key and request.headers.get("Authorization") != f"Bearer {manner.key}":
            return connection.respond(http.HTTPStatus.UNAUTHORIZED, "wrong key\n")
        return None

    async with serve(
        session,
        host,
        port,
        compression=None,
        max_size=16 * 2**20,
        process_request=opening,
        close_timeout=1,
    ) as server:
        try:
            yield server
        finally:
            # One that does not read does not learn that its client has gone.
            for task in running:
                task.cancel()


def url_of(server: Server) -> str:
    """Return the URL of the sessions."""
    host, port = next(iter(server.sockets)).getsockname()[:2]
    return f"ws://{host}:{port}/v1/realtime"
