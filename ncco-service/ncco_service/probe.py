"""Try the socket's public address now and then, the whole way: a WebSocket handshake."""

import base64
import hashlib
import logging
import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from ncco_service import fetch, logs
from ncco_service.fetch import FetchError, connected

__all__ = ["Probe", "Result", "handshake"]

logger = logging.getLogger(__name__)

CONNECT_SECONDS = 3.0
READ_SECONDS = 3.0
TOTAL_SECONDS = 8.0
AFTER_FAILURE_SECONDS = 5.0
_TICK_SECONDS = 1.0  # how soon a new address is noticed

_GUID = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 1.3


class Refused(FetchError):
    """Somebody answered, but with another status than 101."""

    def __init__(self, url: str, status: int) -> None:
        super().__init__(f"{url.partition('?')[0]} answered the WebSocket handshake with {status}")
        self.status = status


def handshake(url: str, authorization: str | None) -> None:
    """Open a WebSocket and close it at once, with a close frame.

    Args:
        url: ws:// or wss://; then the certificate has to be good.
        authorization: the header's value, or None for none.

    Raises:
        FetchError: it could not be opened; the message says what was seen.

    """
    key = base64.b64encode(os.urandom(16)).decode()
    headers = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": key,
        "User-Agent": "ncco-service-probe",
    }
    if authorization:
        headers["Authorization"] = authorization
    with connected(url, CONNECT_SECONDS, READ_SECONDS, TOTAL_SECONDS) as (connection, target):
        connection.request("GET", target, headers=headers)
        wire = connection.sock  # kept: the connection lets go of it when the peer means to close
        with connection.getresponse() as response:
            if response.status != 101:
                raise Refused(url, response.status)
            digest = hashlib.sha1(f"{key}{_GUID}".encode(), usedforsecurity=False).digest()
            if response.getheader("Sec-WebSocket-Accept") != base64.b64encode(digest).decode():
                shown = url.partition("?")[0]
                raise FetchError(f"{shown} answered the handshake, but not as a WebSocket does")
            wire.sendall(_close_frame())
            with suppress(OSError):  # it did open, which was the question
                while wire.recv(4096):
                    pass


def _close_frame() -> bytes:
    """Write a close frame with code 1000, masked as a client's has to be (RFC 6455 5.5.1)."""
    mask = os.urandom(4)
    code = (1000).to_bytes(2, "big")
    masked = bytes(byte ^ mask[n] for n, byte in enumerate(code))
    return bytes([0x88, 0x80 | len(code)]) + mask + masked


@dataclass(frozen=True)
class Result:
    """How the last attempt went: ``error`` is None when the socket opened."""

    url: str
    error: str | None
    at: float


class Probe:
    """Tries the address that callers are sent to. ``look`` is the job of a background thread.

    Args:
        address: gives the socket's public URL of the moment, or None.
        authorization: gives a fresh header value, or None.
        asks_for_vonage: the socket takes nobody's but the platform's own token, which nobody else
            can have: then being asked for it (401) is all that can be seen from here.
        pause: seconds between two attempts that succeed.
        clock: seconds that only go forward.

    """

    def __init__(
        self,
        address: Callable[[], str | None],
        authorization: Callable[[], str | None],
        pause: float,
        *,
        asks_for_vonage: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.address = address
        self._authorization = authorization
        self._pause = pause
        self._asks_for_vonage = asks_for_vonage
        self._clock = clock
        self.result: Result | None = None

    @property
    def age(self) -> float | None:
        """Seconds since the last attempt, or None before the first."""
        return None if self.result is None else self._clock() - self.result.at

    def look(self) -> float:
        """Try, if it is time to; return the seconds until the next look."""
        url = self.address()
        if url is not None and self._is_due(url):
            before = self.result
            self.result = Result(url, self._try(url), self._clock())
            if before is None or (before.url, before.error) != (url, self.result.error):
                level = logging.WARNING if self.result.error else logging.INFO
                shown = url.partition("?")[0]
                logs.event(logger, "socket_probe", level, url=shown, error=self.result.error)
        return _TICK_SECONDS

    def problem(self, url: str) -> str | None:
        """Say why calls to this URL cannot be promised, or None if they can."""
        if self.result is None or self.result.url != url:
            return "the socket's public address has not been tried yet"
        return self.result.error

    def _is_due(self, url: str) -> bool:
        if self.result is None or self.result.url != url:
            return True
        pause = AFTER_FAILURE_SECONDS if self.result.error else self._pause
        return self._clock() - self.result.at >= pause

    def _try(self, url: str) -> str | None:
        try:
            handshake(url, self._authorization())
        except Refused as refusal:
            return None if self._asks_for_vonage and refusal.status == 401 else str(refusal)
        except fetch.FetchError as error:
            return str(error)
        return None
