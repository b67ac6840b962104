"""The socket leg: dial, first message, 20 ms frames on an absolute clock, and what comes back."""

import asyncio
import contextlib
import json
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from time import perf_counter as now
from typing import Any, Literal

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidStatus,
    InvalidURI,
)

from phone.constants import (
    CLOSE_TIMEOUT,
    DTMF_MILLISECONDS,
    ECHO_QUIET,
    FLOOD_FACTOR,
    FRAME_SECONDS,
    FRAMES_PER_SECOND,
    HANGUP_CODE,
    MESSAGE_MAX_BYTES,
    PLAY_BUFFER_MESSAGES,
    SEND_TIMEOUT,
    TEXTS_KEPT,
    TEXTS_MAX,
    frame_bytes,
)
from phone.webhooks import USER_AGENT
from phone.words import counted, printable

__all__ = ["DialError", "Key", "Leg", "LegTrace", "first_message"]


class DialError(Exception):
    """The socket could not be opened.

    Args:
        status: the event that the platform posts: "failed", or "unanswered" when time ran out.
        seen: what happened.
        advice: what to try.
    """

    def __init__(self, status: Literal["failed", "unanswered"], seen: str, advice: str) -> None:
        super().__init__(f"{seen}; {advice}")
        self.status = status
        self.seen = seen
        self.advice = advice


@dataclass(frozen=True)
class Key:
    """A key that the caller presses.

    Args:
        digit: one of `0123456789*#`.
        at: seconds after the first frame.
    """

    digit: str
    at: float


@dataclass
class LegTrace:
    """Everything that went over one socket, for the report.

    Args:
        rate: Hz.
        sent: the frames sent, and `sent_at` when, in seconds of `perf_counter`.
        received: the binary messages, and `received_at` when they arrived.
        lags_ms: how much later than due each frame was sent: this program's own jitter.
        texts: the first text messages from the application, and `text_count` of all.
        odd_sizes: how often each wrong message size came.
        ended_by: who closed the socket; "failure": neither, the leg was given up.
        seen: what went wrong on the leg; empty when nothing did.
        advice: what to try then.
    """

    rate: int
    sent: list[bytes] = field(default_factory=list)
    sent_at: list[float] = field(default_factory=list)
    received: list[bytes] = field(default_factory=list)
    received_at: list[float] = field(default_factory=list)
    lags_ms: list[float] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    text_count: int = 0
    odd_sizes: dict[int, int] = field(default_factory=dict)
    close_code: int | None = None
    close_reason: str = ""
    ended_by: Literal["caller", "application", "failure"] = "caller"
    closed_cleanly: bool = True
    seen: str = ""
    advice: str = ""


def first_message(content_type: str, headers: Mapping[str, Any]) -> str:
    """Return the first message: the announcement, and the NCCO's headers beside it (WebSockets
    guide).
    """
    return json.dumps({"event": "websocket:connected", "content-type": content_type, **headers})


class _NoRedirect(connect):
    """Whether the platform follows redirects is not published; the careful answer is that it does
    not.
    """

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


class Leg:
    """One socket, from dialling to the closing handshake.

    Args:
        uri: ws:// or wss://.
        content_type: `audio/l16;rate=N`.
        rate: Hz, the same N.
        headers: the endpoint's, for the first message.
        on_text: told about each text message while they are few.
    """

    def __init__(
        self,
        uri: str,
        content_type: str,
        rate: int,
        headers: Mapping[str, Any],
        on_text: Callable[[str], None] | None = None,
    ) -> None:
        self.uri = uri
        self.trace = LegTrace(rate)
        self._content_type = content_type
        self._headers = headers
        self._on_text = on_text
        self._socket: ClientConnection | None = None
        self._bytes_sent = 0
        self._bytes_received = 0
        self._started_at = 0.0

    async def dial(
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
        headers = {"Authorization": authorization} if authorization else None
        # `connect` hands what it does not know to the event loop, which alone knows `ssl`.
        secure: dict[str, Any] = {"ssl": tls} if tls and self.uri.startswith("wss:") else {}
        try:
            self._socket = await _NoRedirect(
                self.uri,
                compression=None,
                additional_headers=headers,
                user_agent_header=USER_AGENT,
                proxy=None,
                open_timeout=within,
                ping_interval=None,
                close_timeout=CLOSE_TIMEOUT,
                max_size=MESSAGE_MAX_BYTES,
                **secure,
            )
        except (OSError, InvalidHandshake, InvalidURI, ValueError, EOFError) as error:
            raise _explain(error, self.uri, within) from error
        elapsed = (now() - begin) * 1000
        with contextlib.suppress(ConnectionClosed, TimeoutError):  # `converse` will meet it again
            await self._send(first_message(self._content_type, self._headers))
        return elapsed

    async def converse(
        self,
        frames: Sequence[bytes],
        keys: Sequence[Key] = (),
        wait: float = 0.0,
        hang_up: asyncio.Event | None = None,
        on_frame: Callable[[int], None] | None = None,
    ) -> None:
        """Send the frames in real time while taking what comes back, then wait for the rest of it.

        Returns when everything came back, the wait is over, the caller hangs up, or the
        application closes.

        Args:
            frames: 20 ms each, sent from now on.
            keys: pressed on the way.
            wait: seconds for the rest of the echo after the last frame; it ends sooner when as much
                came back as was sent, or nothing for a while.
            hang_up: set when the caller hangs up early.
            on_frame: told how many frames were sent.
        """
        receiver = asyncio.create_task(self._receive(), name="receive")
        sender = asyncio.create_task(self._talk(frames, keys, wait, on_frame), name="send")
        tasks: set[asyncio.Task[Any]] = {receiver, sender}
        if hang_up is not None:
            tasks.add(asyncio.create_task(hang_up.wait(), name="hang up"))
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
        for result in results:
            if isinstance(result, Exception):
                raise result

    async def hang_up(self) -> None:
        """Close the socket with a bound; also after the application closed it."""
        if self._socket is None:
            return
        if self.trace.ended_by == "failure":
            self._socket.transport.abort()
        await self._socket.close(HANGUP_CODE)
        if self.trace.ended_by != "application":
            self.trace.close_code = self._socket.close_code
            self.trace.close_reason = printable(self._socket.close_reason or "")
            self.trace.closed_cleanly = self._socket.protocol.close_rcvd is not None

    def _fail(self, seen: str, advice: str) -> None:
        if self.trace.ended_by == "caller":
            self.trace.ended_by = "failure"
            self.trace.seen = seen
            self.trace.advice = advice

    async def _send(self, message: str | bytes) -> None:
        if self._socket is None:
            raise RuntimeError("dial first")
        async with asyncio.timeout(SEND_TIMEOUT):
            await self._socket.send(message)

    async def _talk(
        self,
        frames: Sequence[bytes],
        keys: Sequence[Key],
        wait: float,
        on_frame: Callable[[int], None] | None,
    ) -> None:
        pending = sorted(keys, key=lambda key: key.at)
        self._started_at = start = now()
        try:
            for index, frame in enumerate(frames):
                due = start + index * FRAME_SECONDS
                # Late frames leave at once, so that the clock stays absolute.
                await asyncio.sleep(max(0.0, due - now()))
                while pending and pending[0].at <= index * FRAME_SECONDS:
                    await self._press(pending.pop(0))
                leaving = now()
                await self._send(frame)
                self.trace.sent.append(frame)
                self.trace.sent_at.append(leaving)
                self.trace.lags_ms.append((leaving - due) * 1000)
                self._bytes_sent += len(frame)
                if on_frame is not None:
                    on_frame(index + 1)
            for key in pending:
                await self._press(key)
        except TimeoutError:
            self._fail(
                f"the application has read nothing for {SEND_TIMEOUT:g} s",
                "take messages off the socket while working on others",
            )
            return
        except ConnectionClosed:
            await asyncio.sleep(
                wait + CLOSE_TIMEOUT
            )  # the receiver sees it too, and says who closed
            return
        await self._rest(wait)

    async def _press(self, key: Key) -> None:
        event = {"event": "websocket:dtmf", "digit": key.digit, "duration": DTMF_MILLISECONDS}
        await self._send(json.dumps(event))

    async def _rest(self, wait: float) -> None:
        last_sent = now()
        while now() < last_sent + wait:
            if self._bytes_received >= self._bytes_sent:
                # Anything beyond an echo would follow on its heels.
                await asyncio.sleep(2 * FRAME_SECONDS)
                return
            last = self.trace.received_at[-1] if self.trace.received_at else last_sent
            quiet_from = max(last, last_sent)
            if now() > quiet_from + ECHO_QUIET:
                return
            await asyncio.sleep(FRAME_SECONDS)

    async def _receive(self) -> None:
        if self._socket is None:
            raise RuntimeError("dial first")
        size = frame_bytes(self.trace.rate)
        try:
            while True:
                message = await self._socket.recv()
                if isinstance(message, str):
                    if not self._take_text(message):
                        return
                    continue
                arrival = now()
                self._bytes_received += len(message)
                if len(message) != size:
                    self._odd(len(message))
                allowed = (arrival - self._started_at) * FRAMES_PER_SECOND + PLAY_BUFFER_MESSAGES
                too_many = len(self.trace.received) > FLOOD_FACTOR * allowed
                if too_many or self._bytes_received > FLOOD_FACTOR * allowed * size:
                    self._fail(
                        f"{counted(len(self.trace.received), 'audio message')} in "
                        f"{arrival - self._started_at:.1f} s, more than the platform can buffer",
                        f"send at most {PLAY_BUFFER_MESSAGES:,} messages ahead of real time",
                    )
                    return
                self.trace.received.append(message)
                self.trace.received_at.append(arrival)
        except ConnectionClosed as error:
            self._closed(error)
        except UnicodeDecodeError:
            self._fail("a text message that is not UTF-8", "send audio as binary messages")

    def _odd(self, size: int) -> None:
        sizes = self.trace.odd_sizes
        if size in sizes or len(sizes) < TEXTS_KEPT:
            sizes[size] = sizes.get(size, 0) + 1

    def _take_text(self, message: str) -> bool:
        self.trace.text_count += 1
        if self.trace.text_count <= TEXTS_KEPT:
            self.trace.texts.append(printable(message))
            if self._on_text is not None:
                self._on_text(message)
        if self.trace.text_count > TEXTS_MAX:
            self._fail(
                f"more than {TEXTS_MAX:,} text messages",
                'send audio as binary messages, text only for {"action": …}',
            )
            return False
        return True

    def _closed(self, error: ConnectionClosed) -> None:
        received = error.rcvd
        self.trace.closed_cleanly = received is not None
        self.trace.close_code = received.code if received else 1006
        self.trace.close_reason = printable(received.reason) if received else ""
        if received is None and error.sent is not None:
            # We gave up on the application: RFC 6455 7.4.1 says why.
            self._fail(
                f"the application broke the WebSocket protocol: {error.sent.code} "
                f"{printable(error.sent.reason)}",
                f"send whole, valid messages of at most {MESSAGE_MAX_BYTES // 1024} KiB",
            )
        elif self.trace.ended_by == "caller":
            self.trace.ended_by = "application"


def _explain(error: Exception, uri: str, timeout: float) -> DialError:
    uri = printable(uri)
    match error:
        case InvalidStatus():
            status = error.response.status_code
            body = printable(
                " ".join((error.response.body or b"")[:150].decode("utf-8", "replace").split())
            )
            seen = f"{uri} answered HTTP {status}" + (f" ({body})" if body else "")
            return DialError("failed", seen, _status_advice(status, error))
        case InvalidURI() | UnicodeError():
            return DialError(
                "failed", f"{uri} is no WebSocket URL", "give ws://host/path or wss://"
            )
        case ssl.SSLError():
            return DialError(
                "failed",
                f"TLS with {uri} failed: {printable(str(error))}",
                "serve a certificate with its whole chain from a public authority, use ws:// "
                "where the server speaks no TLS, or name your own authority with --ca",
            )
        case TimeoutError():
            return DialError(
                "unanswered",
                f"no handshake with {uri} within {timeout:g} s",
                "is it a WebSocket server, and not busy?",
            )
        case InvalidHandshake() | EOFError():
            return DialError(
                "failed",
                f"{uri} is no WebSocket server: {printable(str(error))}",
                "check the path and the port",
            )
        case _:
            return DialError(
                "failed",
                f"no connection to {uri}: {printable(str(error))}",
                "is the socket's server running, and is this its host and port?",
            )


def _status_advice(status: int, error: InvalidStatus) -> str:
    if code := error.response.headers.get("ngrok-error-code"):
        return (
            f"this is ngrok's own answer, {printable(code, 40)}: see https://ngrok.com/docs/errors"
        )
    if 300 <= status < 400:
        return "redirects are not followed; put the final URL into the NCCO"
    if status in (401, 403):
        return "the server wants authorization: put it into the NCCO's endpoint"
    if status == 404:
        return "check the path in the NCCO's uri"
    if status in (429, 503):
        return "the server takes no calls now; look at its log"
    return "the path must be a WebSocket's; look at the server's log"
