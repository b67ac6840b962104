"""The socket leg: opening, taking part in a conversation, the end."""

import asyncio
import contextlib
import ssl
from collections import deque
from collections.abc import Callable, Mapping
from time import perf_counter as now
from typing import Any

from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode

from phone.constants import (
    ECHO_QUIET,
    FRAME_SECONDS,
    MESSAGE_MAX_BYTES,
    SEND_TIMEOUT,
    WRONG_SIZE_CODE,
    frame_bytes,
)
from phone.legs.assumptions import Assumptions
from phone.legs.dial import dial
from phone.legs.faults import Faults
from phone.legs.incoming import Incoming
from phone.legs.outgoing import Outgoing, first_message
from phone.legs.playback import PlayBuffer
from phone.legs.trace import EndedBy, LegTrace
from phone.words import printable

__all__ = ["SocketLeg"]


class SocketLeg:
    """One socket, from dialling to the closing handshake; a participant in between.

    Args:
        uri: ws:// or wss://.
        content_type: `audio/l16;rate=N`.
        rate: Hz, the same N.
        headers: the endpoint's, for the first message.
        faults: what goes wrong on purpose.
        assume: what is not published.
        strict: end the leg where the platform has been seen to.
        on_text: called with each text message, in either direction, while they are few.
        steady: send silence while no one speaks, as the platform does; otherwise nothing.
        keeps: keep every frame in the trace; otherwise only their number.

    """

    def __init__(
        self,
        uri: str,
        content_type: str,
        rate: int,
        headers: Mapping[str, Any],
        *,
        faults: Faults | None = None,
        assume: Assumptions | None = None,
        strict: bool = False,
        on_text: Callable[[str, bool], None] | None = None,
        steady: bool = False,
        keeps: bool = True,
    ) -> None:
        self.uri = uri
        self.trace = LegTrace(rate, keeps=keeps)
        self.over = asyncio.Event()
        self._rate = rate
        self._size = frame_bytes(rate)
        self._content_type = content_type
        self._headers = headers
        self._faults = faults or Faults()
        self._assume = assume or Assumptions()
        self._steady = steady
        self._socket: ClientConnection | None = None
        self._tasks: list[asyncio.Task[None]] = []
        self._hearing: deque[bytes] = deque()
        self._ticking = False
        self._buffer = PlayBuffer(
            rate,
            loses_oldest=self._assume.overflow == "oldest",
            keeps=keeps,
            on_play=self._hearing.append,
        )
        self.trace.playback = self._buffer.playback
        self._incoming = Incoming(self.trace, self._buffer, strict, self._end)
        self._outgoing = Outgoing(
            self.trace,
            self._send,
            faults=self._faults,
            key_ms=self._assume.key_ms,
            on_text=on_text,
            end=self._end,
        )

    @property
    def rate(self) -> int:
        """Sample rate in Hz."""
        return self._rate

    @property
    def waiting(self) -> int:
        """How many messages of the application wait to be played."""
        return self._buffer.waiting

    async def open(
        self,
        within: float,
        authorization: str | None = None,
        tls: ssl.SSLContext | None = None,
    ) -> float:
        """Open the socket and send the first message.

        Args:
            within: seconds for the whole handshake.
            authorization: the handshake's Authorization header.
            tls: trusted certificates for wss; None: the system's.

        Returns:
            The handshake's duration in ms.

        Raises:
            DialError: the socket did not open.

        """
        begin = now()
        self._socket = await dial(self.uri, within, authorization, tls)
        opened = now()
        self._incoming.start(opened)
        with contextlib.suppress(ConnectionClosed, TimeoutError):  # the receiver meets it again
            for _ in range(round(self._faults.early_audio)):
                await self._outgoing.send_frame(bytes(self._size), now())
            await self._outgoing.say(first_message(self._content_type, self._headers, self._faults))
        return (opened - begin) * 1000

    def start(
        self, length: int | None = None, on_frame: Callable[[int], None] | None = None
    ) -> None:
        """Start to send and to receive.

        Args:
            length: how many frames there will be, if it is known.
            on_frame: told how many frames were sent.

        """
        if length is not None:
            self._outgoing.stall_at = length // 2
        self._outgoing.on_frame = on_frame
        self._tasks = [
            asyncio.create_task(self._receive(), name="receive"),
            asyncio.create_task(self._outgoing.run(), name="send"),
        ]
        for task in self._tasks:
            task.add_done_callback(self._stopped)

    def pressed(self) -> list[str]:
        """Return nothing: a socket presses no keys."""
        return []

    def speak(self, _: int, due: float) -> bytes | None:
        """Return the next frame that the buffer plays; answer the `notify` messages reached."""
        if not self._ticking:
            # What an application echoes at once then arrives well before it is played.
            self._ticking = True
            self._buffer.start(due)
        for answer in self._buffer.answers(due):
            self._outgoing.put_text(answer)
        return self._hearing.popleft() if self._hearing else None

    def hear(self, frame: bytes | None, _: int, due: float) -> None:
        """Send a frame to the application."""
        if frame is None and self._steady:
            frame = bytes(self._size)
        if frame is not None:
            self._outgoing.put_frame(frame, due)

    def hear_key(self, digit: str) -> None:
        """Tell the application of a key."""
        self._outgoing.put_key(digit)

    async def echoed(self, wait: float) -> None:
        """Wait for the rest of an echo.

        Args:
            wait: seconds; it ends sooner when as much came back as was sent and was heard, or
                nothing came for a while.

        """
        await self._outgoing.flushed()
        # Time is counted in steps: a machine that freezes is not an application that is silent.
        waited = quiet = 0.0
        while waited < wait and quiet <= ECHO_QUIET:
            if self._incoming.bytes >= self._outgoing.bytes and not self._buffer.waiting:
                # Anything beyond an echo would follow on its heels.
                await asyncio.sleep(2 * FRAME_SECONDS)
                return
            last_at = self._incoming.last_at
            await asyncio.sleep(FRAME_SECONDS)
            waited += FRAME_SECONDS
            quiet = quiet + FRAME_SECONDS if self._incoming.last_at == last_at else 0.0

    async def close(self) -> None:
        """End the leg, in any state; takes a bounded time."""
        for task in self._tasks:
            task.cancel()
        results = await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._close_socket()
        for result in results:
            if isinstance(result, Exception):
                raise result

    async def _close_socket(self) -> None:
        socket = self._socket
        if socket is None:
            return
        by_caller = self.trace.ended_by == "caller"
        if by_caller and self._faults.late_close:
            await asyncio.sleep(self._faults.late_close)
        if by_caller and self._faults.no_close:
            self.trace.ended_by = "fault"
        if self.trace.ended_by == "move":
            self.trace.close_code = CloseCode.SERVICE_RESTART
            await socket.close(CloseCode.SERVICE_RESTART)
            return
        if self.trace.ended_by not in ("caller", "application"):
            socket.transport.abort()
            self.trace.close_code = self.trace.close_code or WRONG_SIZE_CODE
        await socket.close(self._assume.hangup_code)
        if self.trace.ended_by == "caller":
            self.trace.close_code = socket.close_code
            self.trace.close_reason = printable(socket.close_reason or "")
            self.trace.closed_cleanly = socket.protocol.close_rcvd is not None

    def _stopped(self, task: asyncio.Task[None]) -> None:
        """End the leg when one of its tasks has failed; `close` says how."""
        if not task.cancelled() and task.exception() is not None:
            self.over.set()

    def _end(self, by: EndedBy, seen: str = "", advice: str = "") -> None:
        if self.trace.ended_by == "caller":
            self.trace.ended_by = by
            self.trace.seen = seen
            self.trace.advice = advice
        self.over.set()

    async def _send(self, message: str | bytes) -> None:
        if self._socket is None:
            raise RuntimeError("open the leg first")
        await self._socket.send(message)

    async def _receive(self) -> None:
        if self._socket is None:
            raise RuntimeError("open the leg first")
        try:
            while self.trace.ended_by == "caller":
                if self._faults.slow_reader:
                    await asyncio.sleep(self._faults.slow_reader / 1000)
                message = await self._socket.recv()
                if isinstance(message, str):
                    self._outgoing.note(message, ours=False)
                    answer = self._incoming.take_text(message, now())
                    if answer is not None:
                        await self._outgoing.say(answer)
                else:
                    self._incoming.take_audio(message, now())
        except ConnectionClosed as error:
            self._closed(error)
        except UnicodeDecodeError:
            seen = "a text message that is not UTF-8"
            self._end("failure", seen, "send audio as binary messages")
        except TimeoutError:
            seen = f"the application has read nothing for {SEND_TIMEOUT:g} s"
            self._end("failure", seen, "take messages off the socket while sending others")

    def _closed(self, error: ConnectionClosed) -> None:
        self._buffer.end(now())
        received = error.rcvd
        self.trace.closed_cleanly = received is not None
        self.trace.close_code = received.code if received else 1006
        self.trace.close_reason = printable(received.reason) if received else ""
        if received is None and error.sent is not None:
            # `websockets` gave up on the application; RFC 6455 7.4.1 says why.
            self._end(
                "failure",
                f"the application broke the WebSocket protocol: {error.sent.code} "
                f"{printable(error.sent.reason)}",
                f"send whole, valid messages of at most {MESSAGE_MAX_BYTES // 1024} KiB",
            )
        else:
            self._end("application")
