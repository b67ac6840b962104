"""Listening, and the drain."""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Awaitable
from types import TracebackType
from typing import Any, cast

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.frames import CloseCode

from . import handlers, internals
from .auth import UNSET, guard
from .call import Call
from .connection import CallConnection
from .engine import EngineConnection
from .handshake import OPEN, Handshakes
from .listening import BACKLOG, allow_files, listening_socket, url_of
from .logs import event
from .settings import Settings
from .switchboard import Switchboard

__all__ = ["EchoService"]

logger = logging.getLogger(__name__)

SPARE_FILES = 100
"""Files that are no connection of a peer's: logs, the loop's own, those who observe."""


class EchoService:
    """The service: an asynchronous context manager that listens while it is entered.

    Args:
        settings: of the process.

    Raises:
        HandlerError: if the audio handler does not exist.
        CannotListen: on entry, if the host is unknown or the port is taken.

    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.draining = False
        self.board = Switchboard(settings, handlers.load(settings))
        keeper = guard(
            settings.socket_auth_mode, settings.socket_secrets, settings.signature_secrets
        )
        self._handshakes = Handshakes(self.board, keeper, self.reasons)
        self._server: Server

    async def __aenter__(self) -> EchoService:
        settings = self.settings
        # A call may have a recording's file as well.
        allow_files(2 * settings.max_calls + settings.max_handshakes + SPARE_FILES)
        self._server = await serve(
            self._serve_call,
            sock=listening_socket("HOST", settings.host, "PORT", settings.port),
            backlog=BACKLOG,
            compression=None,
            create_connection=cast("Any", functools.partial(self._kind(), board=self.board)),
            process_request=self._handshakes.request,
            process_response=self._handshakes.response,
            server_header=None,
            open_timeout=settings.handshake_seconds,
            ping_interval=settings.ping_interval or None,
            # A peer that answers no pings may still send audio: it is silence that ends a call.
            ping_timeout=None,
            close_timeout=self.board.close_seconds,
            max_size=settings.max_message_bytes,
            write_limit=settings.slow_reader_bytes,
        )
        self.board.start()
        if settings.socket_auth_mode == "none":
            event(logger, "open_to_anybody", logging.WARNING, message=OPEN)
        if settings.socket_auth_mode == "unset":
            event(logger, "closed_to_everybody", logging.ERROR, message=UNSET)
        event(logger, "listening", url=self.url)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.close(reason="the service stops")
        await self._server.wait_closed()
        await self.board.stop()

    def _kind(self) -> type[CallConnection]:
        if self.settings.engine == "library":
            return CallConnection
        if internals.problem is None:
            return EngineConnection
        event(
            logger,
            "slow_engine",
            logging.WARNING,
            message=f"{internals.problem}: taking the documented path, at half the capacity",
        )
        return CallConnection

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def url(self) -> str:
        """Where it listens."""
        return url_of(self._server.sockets[0], self.settings.host)

    def reasons(self) -> dict[str, str]:
        """Why no new call could be taken now: names and explanations."""
        if self.draining:
            return {"draining": "the service is stopping"}
        calls, most = len(self.board.calls), self.settings.max_calls
        if calls >= most:
            return {"full": f"{calls} of {most} calls are taken (MAX_CALLS)"}
        return {}

    async def drain(self) -> None:
        """Take no new calls, and wait for the live ones, as long as the settings allow."""
        self.draining = True
        board, limit = self.board, self.settings.drain_seconds
        for connection, call in list(board.calls.items()):
            if not call.started:
                connection.end(CloseCode.GOING_AWAY, "the service stops", "stopped")
        event(logger, "draining", calls=len(board.calls), seconds=limit)
        try:
            async with asyncio.timeout(limit):
                await board.idle.wait()
        except TimeoutError:
            event(logger, "drain_over", logging.WARNING, calls=len(board.calls))

    def abort(self) -> None:
        """End every connection at once, without a word to the peer."""
        for connection in list(self.board.connections):
            connection.cut()

    def _serve_call(self, connection: ServerConnection) -> Awaitable[None]:
        accepted = cast(CallConnection, connection)
        accepted.forget_handshake()
        return accepted.serve(cast(Call, accepted.call))
