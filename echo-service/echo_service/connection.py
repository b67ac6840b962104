"""A connection with the guards that every peer needs.

It leans on what `websockets` documents and on asyncio's protocol callbacks, nothing else.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from websockets.asyncio.server import Server, ServerConnection
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.server import ServerProtocol

from . import replies

if TYPE_CHECKING:
    from .call import Call
    from .handling import Handling
    from .switchboard import Switchboard

__all__ = ["CallConnection"]


_FORGOTTEN = Request("", Headers())


class CallConnection(ServerConnection):
    """One peer. With `__slots__`: what the parent has already fills a shared-key dictionary.

    Args:
        protocol: of the library.
        server: of the library.
        board: where connections and calls are kept.
        options: of the library.

    """

    __slots__ = (
        "address",
        "board",
        "call",
        "consuming",
        "deadline",
        "handling",
        "heard",
        "request_bytes",
        "stalled",
    )

    def __init__(
        self, protocol: ServerProtocol, server: Server, *, board: Switchboard, **options: Any
    ) -> None:
        super().__init__(protocol, server, **options)
        self.board = board
        self.call: Call | None = None
        self.address = ""
        # Whether messages may still come after the connection is lost.
        self.consuming = False
        # Of an asynchronous handler.
        self.handling: Handling | None = None
        self.heard = self.loop.time()
        self.request_bytes = 0
        # When the write side filled up, and when a closing connection is cut off.
        self.stalled: float | None = None
        self.deadline: float | None = None

    def end(self, code: int, reason: str, why: str) -> None:
        """Close from our side; the board cuts off a peer that does not answer.

        Args:
            code: of the close frame.
            reason: of the close frame, a few words.
            why: the reason as counted and logged, one word of a small set.

        """
        if self.call is not None and self.call.reason is None:
            self.call.reason = why
        if self.deadline is None:
            self.deadline = self.loop.time() + self.board.close_seconds
            self.board.hold(self.loop.create_task(self.close(code, reason)))

    def _refuse(self, response: Response) -> None:
        """Answer a handshake before it is complete."""
        self.board.lobby.leave(self)
        self.board.lobby.refused("handshake_too_large", self)
        self.protocol.send_response(response)
        for data in self.protocol.data_to_send():
            self.transport.write(data)
        self.transport.close()

    def cut(self) -> None:
        """End the connection at once, without a word to the peer."""
        self.transport.abort()

    async def send_audio(self, audio: bytes) -> None:
        """Send one binary message; raises `ConnectionClosed`."""
        await self.send(audio)

    def last_heard(self) -> float:
        """When anything came, on the event loop's clock."""
        return self.heard

    def forget_handshake(self) -> None:
        """Let go of the request's and the response's headers: 2 KiB or more for hours."""
        self.request, self.response = _FORGOTTEN, None

    async def serve(self, call: Call) -> None:
        """Take the messages of a call until it ends."""
        board = self.board
        self.consuming = True
        try:
            async for message in self:
                if isinstance(message, str) and board.settings.echo_text:
                    await self.send(message)
                elif isinstance(message, str):
                    board.text(self, call, message)
                elif call.reason is None:
                    call.frame_in(len(message))
                    if board.handler is None:
                        await self.send(message)
                        call.frame_out(len(message))
                    else:
                        board.audio(self, call, message)
        except ConnectionClosed:
            pass  # The summary says how it ended.
        finally:
            board.ended(self)

    # What asyncio calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Note a new connection."""
        super().connection_made(transport)
        peer = transport.get_extra_info("peername")
        self.address = str(peer[0]) if peer else ""
        self.board.arrived(self)

    def data_received(self, data: bytes) -> None:
        """Take what came, if the handshake is not too long."""
        self.heard = self.loop.time()
        if self.call is None:
            self.request_bytes += len(data)
            if self.request_bytes > self.board.settings.handshake_bytes:
                self._refuse(replies.too_large(self.board.settings.handshake_bytes))
                return
        super().data_received(data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        super().connection_lost(exc)
        self.board.left(self)

    def pause_writing(self) -> None:
        """Stop reading while the peer does not read: so it costs a bounded number of bytes."""
        super().pause_writing()
        self.stalled = self.loop.time()
        self.transport.pause_reading()

    def resume_writing(self) -> None:
        """Go on reading."""
        super().resume_writing()
        self.stalled = None
        if not self.transport.is_closing():
            self.transport.resume_reading()
