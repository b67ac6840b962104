"""Probe of the socket's public address: a WebSocket handshake, all the way through the tunnel."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import structlog
from websockets.exceptions import (
    InvalidHandshake,
    InvalidMessage,
    InvalidStatus,
)
from websockets.sync.client import connect

from ncco_service.http.fetch import FetchError, bounded

__all__ = ["Probe", "Result", "handshake"]

logger = structlog.get_logger()

OPEN_SECONDS = 6.0
CLOSE_SECONDS = 2.0
AFTER_FAILURE_SECONDS = 5.0
DOUBTFUL_SECONDS = 30.0  # longest pause while the agent is silent or not connected
_TICK_SECONDS = 1.0  # how soon a new address is noticed


class RefusedError(FetchError):
    """A peer answered the handshake with another status than 101."""

    def __init__(self, url: str, status: int) -> None:
        super().__init__(f"{url.partition('?')[0]} answered the WebSocket handshake with {status}")
        self.status = status


def handshake(url: str, authorization: str | None) -> None:
    """Open a WebSocket and close it at once, with a close frame.

    Args:
        url: ws://, or wss://, whose certificate is verified.
        authorization: the header's value, or None for none.

    Raises:
        FetchError: it could not be opened; the message says what was seen.

    """
    headers = {"Authorization": authorization} if authorization else None
    with bounded(url, OPEN_SECONDS + CLOSE_SECONDS):
        try:
            with connect(
                url,
                additional_headers=headers,
                compression=None,
                open_timeout=OPEN_SECONDS,
                close_timeout=CLOSE_SECONDS,
                ping_interval=None,
                proxy=None,
                user_agent_header="ncco-service-probe",
            ):
                pass
        except InvalidStatus as refusal:
            raise RefusedError(url, refusal.response.status_code) from None
        except InvalidMessage:
            raise ValueError from None
        except InvalidHandshake:
            seen = f"{url.partition('?')[0]} answered the handshake, but not as a WebSocket does"
            raise FetchError(seen) from None


@dataclass(frozen=True)
class Result:
    """How the last attempt went: `error` is None when the socket opened.

    `answered` is whether anything answered: then a call would meet the same error.
    """

    url: str
    error: str | None
    at: float
    answered: bool = True


class Probe:
    """Tries the socket's public address, to which calls are sent. `poll` is a background job.

    Args:
        address: returns the socket's public URL of the moment, or None.
        authorization: returns a fresh header value, or None.
        pause: seconds between two attempts while they succeed.
        only_vonage: the socket accepts only the platform's own token, so a refusal for lack of it
            (401) counts as success.
        once: end with the first success. The socket may be another application's: a demand for an
            authorization that we do not have (401, 403) counts as success, and silence as nothing,
            since it may be reachable for the platform alone.
        doubt: returns why the address may be out of date, or None; a new doubt is a reason to
            try at once.
        clock: seconds, monotonic.

    """

    def __init__(
        self,
        address: Callable[[], str | None],
        authorization: Callable[[], str | None],
        pause: float,
        *,
        only_vonage: bool = False,
        once: bool = False,
        doubt: Callable[[], str | None] = lambda: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.address = address
        self._authorization = authorization
        self._pause = pause
        self._only_vonage = only_vonage
        self._once = once
        self._doubt = doubt
        self._doubted: str | None = None
        self._clock = clock
        self.result: Result | None = None

    @property
    def age(self) -> float | None:
        """Seconds since the last attempt, or None before the first."""
        return None if self.result is None else self._clock() - self.result.at

    def poll(self) -> float:
        """Try if an attempt is due; return the seconds until the next poll."""
        url = self.address()
        doubt = self._doubt()
        new, self._doubted = doubt != self._doubted, doubt
        if url is not None and (new or self._is_due(url)):
            before = self.result
            error, answered = self._try(url)
            self.result = Result(url, error, self._clock(), answered)
            if before is None or (before.url, before.error) != (url, self.result.error):
                log = logger.warning if self.result.error else logger.info
                log("socket_probe", url=url.partition("?")[0], error=self.result.error)
        return _TICK_SECONDS

    def problem(self, url: str) -> str | None:
        """Return why calls to this URL may fail; None if the last attempt succeeded."""
        if self.result is None or self.result.url != url:
            return None if self._once else "the socket's public address has not been tried yet"
        return None if self._once and not self.result.answered else self.result.error

    def _is_due(self, url: str) -> bool:
        if self.result is None or self.result.url != url:
            return True
        if self._once and self.result.error is None:
            return False
        soon = self.result.error is not None and (self.result.answered or not self._once)
        pause = min(DOUBTFUL_SECONDS, self._pause) if self._doubted else self._pause
        pause = AFTER_FAILURE_SECONDS if soon else pause
        return self._clock() - self.result.at >= pause

    def _try(self, url: str) -> tuple[str | None, bool]:
        """Return what was wrong, or None, and whether anything answered."""
        authorization = self._authorization()
        try:
            handshake(url, authorization)
        except RefusedError as refusal:
            demands = refusal.status == 401 or (self._once and refusal.status == 403)
            ours = authorization is not None or not (self._once or self._only_vonage)
            if demands and not ours:
                return None, True
            hint, parts = "", urlsplit(url)
            if refusal.status == 404 and parts.path != "/socket":
                host = parts.netloc.rpartition("@")[2]
                right = f"{parts.scheme}://{host}/socket"
                hint = f"; the echo service's socket is at /socket: set SOCKET_URL={right}"
            return f"{refusal}{hint}", True
        except FetchError as error:
            return str(error), False
        return None, True
