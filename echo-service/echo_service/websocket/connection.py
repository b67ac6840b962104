"""A connection on the documented path, with the limits that every peer needs.

It relies on what `websockets` documents and on asyncio's protocol callbacks, nothing else.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from websockets.asyncio.server import Server, ServerConnection
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol

from ..call import Call

__all__ = ["CallConnection", "ConnectionEvents", "ConnectionOptions"]

_NO_REQUEST = Request("", Headers())


@dataclass(frozen=True)
class ConnectionOptions:
    """Options of a connection: limits for its peer, and whether it echoes.

    Attributes:
        handshake_bytes: longest handshake.
        too_large: returns the response to a longer one.
        message_bytes: longest message.
        close_seconds: how long a peer may take to answer a close.
        echo: whether audio goes straight back; if not, a handler takes it.
        echo_text: whether texts go back as well, unread (for conformance tests).

    """

    handshake_bytes: int
    too_large: Callable[[], Response]
    message_bytes: int
    close_seconds: float
    echo: bool
    echo_text: bool = False


class ConnectionEvents(Protocol):
    """What a connection reports."""

    def opened(self, connection: CallConnection) -> None:
        """Note a new TCP connection; its handshake has not come yet."""

    def audio_sink(self, connection: CallConnection, call: Call) -> Callable[[bytes], None]:
        """Return the function that takes the call's audio; asked for at its first message."""

    def text(self, connection: CallConnection, call: Call, text: str) -> None:
        """Take a text message."""

    def lost(self, connection: CallConnection) -> None:
        """Note that the TCP connection is gone."""

    def ended(self, connection: CallConnection) -> None:
        """End the connection's call, if it has one: no more messages will be reported."""


class CallConnection(ServerConnection):
    """A connection of one peer, and of one call once the handshake is done.

    It has `__slots__` because the parent's attributes already fill a shared-key dictionary.

    Args:
        protocol: of the library.
        server: of the library.
        options: limits, and whether it echoes.
        events: what it reports to.
        library_options: of the library.

    """

    __slots__ = (
        "_close_task",
        "_events",
        "_last_received",
        "_options",
        "_reporting",
        "_request_bytes",
        "abort_at",
        "address",
        "call",
        "opened_at",
        "ping_at",
        "proved_call_id",
        "refusal",
        "write_blocked_since",
    )

    def __init__(
        self,
        protocol: ServerProtocol,
        server: Server,
        *,
        options: ConnectionOptions,
        events: ConnectionEvents,
        **library_options: Any,
    ) -> None:
        super().__init__(protocol, server, **library_options)
        self._options = options
        self._events = events
        self.address = ""
        self.proved_call_id: str | None = None
        """Id of the call that the handshake proves, if it proves one."""
        self.refusal: str | None = None
        """Why the handshake was refused here, one word."""
        self.call: Call | None = None
        self.write_blocked_since: float | None = None
        """When the write buffer filled up, on the event loop's clock; None if it is not full."""
        self.abort_at: float | None = None
        """When a connection that we are closing is aborted, on the event loop's clock."""
        self.ping_at = math.inf
        """When the next ping is due, on the event loop's clock; here the library sends them."""
        self.opened_at = self._last_received = self.loop.time()
        """When the TCP connection came, on the event loop's clock."""
        self._request_bytes = 0
        # Whether messages are still reported after the connection is lost.
        self._reporting = False
        self._close_task: asyncio.Task[None] | None = None

    @property
    def last_received(self) -> float:
        """When the last data arrived, on the event loop's clock."""
        return self._last_received

    def open_call(self, call: Call) -> None:
        """Note that the handshake is accepted; messages belong to this call from now on."""
        self.call = call
        self._last_received = self.loop.time()

    def end_call(self, code: int, reason: str, close_reason: str) -> None:
        """Close from our side. A peer that does not answer is aborted in the end.

        Args:
            code: of the close frame.
            reason: of the close frame, a few words.
            close_reason: as counted and logged, one word of a small set.

        """
        if self.call is not None and self.call.close_reason is None:
            self.call.close_reason = close_reason
        if self.abort_at is None:
            self.abort_at = self.loop.time() + self._options.close_seconds
            self._close_task = self.loop.create_task(self.close(code, reason))

    def abort(self) -> None:
        """End the connection at once, without a close frame."""
        self.transport.abort()

    def ping_now(self) -> None:
        """Send a ping, if that needs no waiting."""

    def send_now(self, audio: bytes) -> bool:
        """Write one binary message if that needs no waiting; return whether it was written."""
        return False

    async def serve(self, call: Call) -> None:
        """Take the messages of a call until it ends."""
        self._forget_handshake()
        options, events, stats = self._options, self._events, call.stats
        sink: Callable[[bytes], None] | None = None
        self._reporting = True
        try:
            async for message in self:
                if isinstance(message, str) and options.echo_text:
                    await self.send(message)
                elif isinstance(message, str):
                    events.text(self, call, message)
                elif call.close_reason is None:
                    size = len(message)
                    odd = int(size != stats.frame_bytes)
                    stats.received(self.loop.time(), 1, size, odd, echoed=False)
                    if options.echo:
                        await self.send(message)
                        stats.sent(1, size)
                    else:
                        sink = sink or events.audio_sink(self, call)
                        sink(message)
        except ConnectionClosed:
            pass  # The summary says how it ended.
        finally:
            events.ended(self)

    def _begin(self, transport: asyncio.BaseTransport) -> None:
        """Wait for the handshake."""
        super().connection_made(transport)

    def _forget_handshake(self) -> None:
        """Release the headers of request and response: 2 KiB or more for hours."""
        self.request, self.response = _NO_REQUEST, None

    def _refuse_handshake(self) -> None:
        self.refusal = "handshake_too_large"
        self.protocol.send_response(self._options.too_large())
        for data in self.protocol.data_to_send():
            self.transport.write(data)
        self.transport.close()

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Report a new connection."""
        self._begin(transport)
        peer = transport.get_extra_info("peername")
        self.address = str(peer[0]) if peer else ""
        self._events.opened(self)

    def data_received(self, data: bytes) -> None:
        """Take data, unless it makes the handshake too long."""
        self._last_received = self.loop.time()
        if self.call is None:
            self._request_bytes += len(data)
            if self._request_bytes > self._options.handshake_bytes:
                self._refuse_handshake()
                return
        super().data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Report that the connection is gone."""
        super().connection_lost(exc)
        self._events.lost(self)
        if not self._reporting:
            self._events.ended(self)

    def pause_writing(self) -> None:
        """Stop reading while the peer does not read, so that it costs a bounded number of bytes."""
        super().pause_writing()
        self.write_blocked_since = self.loop.time()
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        """Resume reading."""
        super().resume_writing()
        self.write_blocked_since = None
        if not self.transport.is_closing():
            self.transport.resume_reading()
