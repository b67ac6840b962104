"""Listening, the handshake, and the drain."""

from __future__ import annotations

import asyncio
import http
import itertools
import json
import logging
from types import TracebackType

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response

from . import replies, wire
from .call import Call
from .logs import Budget, event, mask
from .settings import Settings

__all__ = ["EchoService"]

logger = logging.getLogger(__name__)

PATH = "/socket"

CLOSE_SECONDS = 5.0
"""How long a peer may take to answer a close."""

TEXT_LINES = (20, 2)
"""Lines about the texts of one call: so many at once, so many a second from then on."""


class EchoService:
    """The service: an asynchronous context manager that listens while it is entered.

    Args:
        settings: of the process.

    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.calls: set[Call] = set()
        self.draining = False
        self._numbers = itertools.count(1)
        self._server: Server
        self._idle = asyncio.Event()
        self._idle.set()

    async def __aenter__(self) -> EchoService:
        settings = self.settings
        self._server = await serve(
            self._serve_call,
            settings.host,
            settings.port,
            compression=None,
            process_request=self._request,
            process_response=self._response,
            server_header=None,
            ping_interval=settings.ping_interval or None,
            ping_timeout=None,
            close_timeout=CLOSE_SECONDS,
            max_size=settings.max_message_bytes,
        )
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

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def url(self) -> str:
        """Where it listens."""
        host = self.settings.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    async def drain(self) -> None:
        """Take no new calls, and wait for the live ones, as long as the settings allow."""
        self.draining = True
        limit = self.settings.drain_seconds
        event(logger, "draining", calls=len(self.calls), seconds=limit)
        try:
            async with asyncio.timeout(limit):
                await self._idle.wait()
        except TimeoutError:
            event(logger, "drain_over", logging.WARNING, calls=len(self.calls))

    def abort(self) -> None:
        """End every connection at once, without a word to the peer."""
        for connection in list(self._server.all_connections):
            connection.transport.abort()

    # The handshake

    def _request(self, connection: ServerConnection, request: Request) -> Response | None:
        path = request.path.partition("?")[0]
        if path == "/healthz":
            return replies.json_reply(http.HTTPStatus.OK, {"status": "alive"})
        if path == "/readyz":
            return self._readiness()
        if path != PATH:
            return replies.error(
                http.HTTPStatus.NOT_FOUND,
                "not_found",
                f"there is no {path[:80]} here",
                f"the socket is at {PATH}; health is at /healthz and /readyz",
            )
        if "Upgrade" not in request.headers:
            return replies.error(
                http.HTTPStatus.UPGRADE_REQUIRED,
                "upgrade_required",
                "this is an ordinary request",
                f"open {PATH} with a WebSocket client, at ws:// or wss://",
                {"Upgrade": "websocket"},
            )
        if self.draining:
            return replies.error(
                http.HTTPStatus.SERVICE_UNAVAILABLE,
                "draining",
                "the service is stopping and takes no new calls",
                "call again in a moment",
                {"Retry-After": "5"},
            )
        return None

    def _response(
        self, connection: ServerConnection, request: Request, response: Response
    ) -> Response | None:
        if response.headers.get("Content-Type", "").startswith("text/plain"):
            return replies.error(
                http.HTTPStatus(response.status_code),
                "bad_handshake",
                response.body.decode().strip()[:200],
                "send the opening handshake of RFC 6455, version 13",
            )
        return None

    def _readiness(self) -> Response:
        facts: dict[str, object] = {"calls": len(self.calls)}
        reasons = ["draining: the service is stopping"] if self.draining else []
        if reasons:
            body = {"status": "not ready", "reasons": reasons, **facts}
            return replies.json_reply(http.HTTPStatus.SERVICE_UNAVAILABLE, body)
        return replies.json_reply(http.HTTPStatus.OK, {"status": "ready", **facts})

    # One call

    async def _serve_call(self, connection: ServerConnection) -> None:
        call = Call(next(self._numbers))
        self.calls.add(call)
        self._idle.clear()
        budget = Budget(*TEXT_LINES)
        try:
            async for message in connection:
                if isinstance(message, str):
                    self._text(call, message, budget)
                else:
                    call.frame_in(len(message))
                    await connection.send(message)
                    call.frame_out(len(message))
        except ConnectionClosed:
            pass
        finally:
            self._ended(call, connection)

    def _ended(self, call: Call, connection: ServerConnection) -> None:
        self.calls.discard(call)
        if not self.calls:
            self._idle.set()
        code, closed_by = _ending(connection)
        name, level = ("call_ended", logging.INFO) if call.started else ("probe", logging.DEBUG)
        event(logger, name, level, **call.summary(), close_code=code, closed_by=closed_by)

    def _text(self, call: Call, text: str, budget: Budget) -> None:
        call.texts += 1
        message = wire.parse(text)
        if isinstance(message, wire.Connected):
            call.connected(message)
        if not budget.take():
            return
        shown: dict[str, object] = {"call": call.id, "dropped": budget.taken_back()}
        level = logging.INFO
        match message:
            case wire.Connected():
                name = "call_started"
                shown |= {"rate": call.rate, "metadata": self._shown(dict(message.metadata))}
                if call.rate is None:
                    level = logging.WARNING
                    shown["content_type"] = message.content_type or "none"
            case wire.Dtmf():
                name = "dtmf"
                shown |= {"digit": self._shown(message.digit), "duration": message.duration_ms}
            case wire.Cleared():
                name = "cleared"
            case wire.Notify():
                name = "notify"
                shown["payload"] = self._shown(message.payload)
            case wire.Other():
                name, level = "text", logging.WARNING
                shown |= {"problem": message.problem, "text": self._shown(message.text)}
        event(logger, name, level, **shown)

    def _shown(self, value: object) -> str:
        text = value if isinstance(value, str) else json.dumps(value)
        return text if self.settings.log_numbers else mask(text)


def _ending(connection: ServerConnection) -> tuple[int, str]:
    """The close code of a closed connection, and who closed it."""
    error = connection.protocol.close_exc
    if error.rcvd is not None and error.rcvd_then_sent is not False:
        return error.rcvd.code, "peer"
    if error.sent is not None:
        return error.sent.code, "us"
    return 1006, "nobody"
