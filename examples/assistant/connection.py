"""Connection to the model's server: opened in bounded time, bounded in both directions.

What the caller says before it is open waits, and so do messages that the server does not take fast
enough: up to 5 s of audio, then the oldest audio is dropped and counted; a server that
takes nothing for `STALLED_SECONDS` has failed. Nothing is read ahead that was not asked for.

A session cannot be resumed (the protocol has nothing for it), so only opening is tried again.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import deque
from collections.abc import AsyncIterator
from typing import Literal
from urllib.parse import urlencode, urlsplit, urlunsplit

from echo_service.logs import get_logger
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidStatus,
    WebSocketException,
)

from .settings import Settings

__all__ = ["Cause", "Connection", "ModelError"]

logger = get_logger(__name__)

Cause = Literal["down", "key", "limit", "session ended", "refused", "stalled"]

WAITING_PIECES = 125
"""Pieces of the caller's audio that may wait for the server: 5 s of them."""

STALLED_SECONDS = 10.0
"""How long the server may take nothing."""

ATTEMPT_SECONDS = 5.0
"""How long one attempt to open may take."""

FIRST_PAUSE = 0.25
"""Seconds between the first two attempts; each pause is twice as long as the one before."""

CLOSE_SECONDS = 1.0
"""How long the server may take to close: some send no CLOSE frame."""

LONGEST_MESSAGE = 16 * 2**20
"""Bytes: more than 15 MiB, the protocol's own limit of a piece of audio."""

MESSAGES_AHEAD = 32
"""Messages that are read from the network before they are asked for."""

WAITING_MESSAGES = 512
"""Messages without audio that may wait; a server that lets more wait has stalled."""


class ModelError(Exception):
    """The model cannot be talked to.

    Args:
        cause: in a word, for metrics.
        message: what was seen, and what to do.

    """

    def __init__(self, cause: Cause, message: str) -> None:
        super().__init__(message)
        self.cause: Cause = cause


class Connection:
    """One session with the server.

    Args:
        settings: where it is, and the key.
        call_id: sent as `X-Call-Id`, so that the server's logs can be told apart.

    """

    def __init__(self, settings: Settings, call_id: str) -> None:
        self._settings = settings
        self._call_id = call_id
        self._socket: ClientConnection | None = None
        self._waiting: deque[tuple[bool, str]] = deque()
        self._audio = 0
        self._more = asyncio.Event()
        self.dropped = 0
        """Pieces of the caller's audio that were dropped."""

    async def open(self) -> None:
        """Connect; try again while that may help, within `realtime_connect_seconds`.

        Raises:
            ModelError: it could not be reached in time, or refuses.

        """
        pause = FIRST_PAUSE
        failed = ModelError("down", f"{self._host} did not answer; see REALTIME_URL")
        try:
            async with asyncio.timeout(self._settings.realtime_connect_seconds):
                while True:
                    try:
                        self._socket = await self._connect()
                        return
                    except ModelError as error:
                        failed = error
                        if error.cause != "down":
                            raise
                        if pause == FIRST_PAUSE:
                            logger.warning(
                                "model_unreachable", call=self._call_id, message=f"{error}"
                            )
                    await asyncio.sleep(pause)
                    pause *= 2
        except TimeoutError:
            raise failed from None

    async def close(self) -> None:
        """End the session."""
        if self._socket is None:
            return
        if self.dropped:
            logger.warning("model_slow", call=self._call_id, dropped=self.dropped)
        try:
            async with asyncio.timeout(2 * CLOSE_SECONDS):
                await self._socket.close()
        except TimeoutError:
            # It takes nothing, not even that.
            self._socket.transport.abort()

    def send(self, message: str) -> None:
        """Queue a message; it is sent in order."""
        self._waiting.append((False, message))
        self._more.set()

    def send_audio(self, message: str) -> None:
        """Queue a piece of the caller's audio; the oldest is dropped when too much waits."""
        if self._audio >= WAITING_PIECES:
            for at, (audio, _) in enumerate(self._waiting):
                if audio:
                    del self._waiting[at]
                    break
            self.dropped += 1
        else:
            self._audio += 1
        self._waiting.append((True, message))
        self._more.set()

    async def run_sender(self) -> None:
        """Send what is queued, until the session ends.

        Raises:
            ModelError: the server takes nothing any more.

        """
        socket = self._opened()
        try:
            while True:
                while self._waiting:
                    if len(self._waiting) - self._audio > WAITING_MESSAGES:
                        raise TimeoutError
                    audio, message = self._waiting.popleft()
                    self._audio -= audio
                    async with asyncio.timeout(STALLED_SECONDS):
                        await socket.send(message)
                self._more.clear()
                await self._more.wait()
        except TimeoutError:
            raise ModelError(
                "stalled", f"{self._host} has taken nothing for {STALLED_SECONDS:g} s"
            ) from None
        except ConnectionClosed as error:
            raise self._ended(error) from None

    async def messages(self) -> AsyncIterator[str | bytes]:
        """Yield what the server sends.

        Raises:
            ModelError: the session is over; says why.

        """
        socket = self._opened()
        try:
            while True:
                yield await socket.recv()
        except ConnectionClosed as error:
            raise self._ended(error) from None

    @property
    def _host(self) -> str:
        # Without query and user, where some servers have their keys.
        parts = urlsplit(self._settings.realtime_url)
        return parts._replace(query="", netloc=parts.netloc.rpartition("@")[2]).geturl()

    @property
    def _url(self) -> str:
        parts = urlsplit(self._settings.realtime_url)
        model = urlencode({"model": self._settings.realtime_model})
        query = f"{parts.query}&{model}" if parts.query else model
        return urlunsplit(parts._replace(query=query))

    def _headers(self) -> dict[str, str]:
        headers = {"X-Call-Id": self._call_id} if self._call_id.isprintable() else {}
        key = self._settings.api_key
        if key and self._settings.realtime_key_header == "api-key":
            headers["api-key"] = key
        elif key:
            headers["Authorization"] = f"Bearer {key}"
        if self._settings.realtime_protocol == "beta":
            headers["OpenAI-Beta"] = "realtime=v1"
        return headers

    def _opened(self) -> ClientConnection:
        if self._socket is None:
            raise ModelError("down", f"{self._host} is not connected")
        return self._socket

    async def _connect(self) -> ClientConnection:
        try:
            return await connect(
                self._url,
                additional_headers=self._headers(),
                compression=None,
                max_size=LONGEST_MESSAGE,
                max_queue=MESSAGES_AHEAD,
                open_timeout=ATTEMPT_SECONDS,
                close_timeout=CLOSE_SECONDS,
            )
        except InvalidStatus as error:
            raise self._answered(error.response.status_code) from None
        except ssl.SSLError as error:
            raise ModelError(
                "refused", f"{self._host} has no certificate that is trusted: {error.reason}"
            ) from None
        except (OSError, TimeoutError, InvalidHandshake, WebSocketException) as error:
            said = str(error) or type(error).__name__
            raise ModelError(
                "down", f"{self._host} cannot be reached ({said}); is REALTIME_URL right?"
            ) from None

    def _answered(self, status: int) -> ModelError:
        seen = f"{self._host} answers {status}"
        match status:
            case 401 | 403:
                return ModelError("key", f"{seen}: see REALTIME_API_KEY")
            case 429:
                return ModelError("limit", f"{seen}: the account's limit is reached")
            case _ if status >= 500:
                return ModelError("down", seen)
        return ModelError("refused", f"{seen}: see REALTIME_URL and REALTIME_MODEL")

    def _ended(self, error: ConnectionClosed) -> ModelError:
        if error.rcvd is None:
            return ModelError("down", f"the connection to {self._host} broke; does it still run?")
        code, reason = error.rcvd.code, error.rcvd.reason
        seen = f"{self._host} closed with {code}: {reason or 'no reason given'}"
        # RFC 6455, 7.4.1. OpenAI ends a session of 60 minutes with 1001; 1008 is a limit at other
        # servers; 4000 is the end of the beta shape.
        if code == 1001 or "maximum duration" in reason or "session_expired" in reason:
            return ModelError("session ended", seen)
        if code == 1008 or "limit" in reason:
            return ModelError("limit", seen)
        if code == 4000:
            return ModelError("refused", f"{seen}; set REALTIME_PROTOCOL=ga")
        return ModelError("down", seen)
