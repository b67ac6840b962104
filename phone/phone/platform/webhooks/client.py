"""The platform's HTTP client: its methods, timeouts and retries (Webhook reference, webhook
retries).
"""

import json
import ssl
import time
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass, replace
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import aiohttp

from phone.constants import (
    ANSWER_TIMEOUT,
    ATTEMPTS,
    BODY_MAX_BYTES,
    CONNECT_TIMEOUT,
    EVENT_TIMEOUT,
    USER_AGENT,
    Method,
)
from phone.legs.log import Exchange
from phone.legs.urls import is_local
from phone.platform.webhooks.errors import AttemptFailed, explain, wrong_status
from phone.platform.webhooks.exchange import Attempt, Reply, WebhookError
from phone.platform.webhooks.redaction import without_secrets
from phone.platform.webhooks.signature import Signer, query_payload

__all__ = [
    "ANSWER",
    "EVENT",
    "PUBLIC",
    "Timeouts",
    "WebhookClient",
    "WebhookError",
]

PUBLIC = "start the platform with --public to let it call there"
REPLY_KEPT = 8192  # characters


@dataclass(frozen=True)
class Timeouts:
    """How long one attempt may take, in seconds."""

    connect: float
    total: float


ANSWER = Timeouts(CONNECT_TIMEOUT, ANSWER_TIMEOUT)
EVENT = Timeouts(CONNECT_TIMEOUT, EVENT_TIMEOUT)


class WebhookClient:
    """Asks an application's webhooks as the platform does; use it as an async context manager.

    Args:
        tls: the trusted certificates; None: the system's.
        signer: signs every webhook; None: they are unsigned.
        clock: for the times of exchanges.
        on_exchange: called with each request and its reply.
        local_only: refuse hosts on the internet.
        fresh_tokens: sign a second attempt anew. Whether the platform does is not published; with
            the same token an application that refuses tokens it has seen before is found out.

    """

    def __init__(
        self,
        tls: ssl.SSLContext | None = None,
        signer: Signer | None = None,
        clock: Callable[[], float] = time.perf_counter,
        *,
        on_exchange: Callable[[Exchange], None] | None = None,
        fresh_tokens: bool = False,
        local_only: bool = False,
    ) -> None:
        self._tls = tls
        self._signer = signer
        self._clock = clock
        self._on_exchange = on_exchange
        self._fresh_tokens = fresh_tokens
        self._local_only = local_only
        self._session: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        # A connection for each request: none can be half-closed by the last one's server. And as
        # many as there are requests: waiting for one would be blamed on the application.
        connector = aiohttp.TCPConnector(
            force_close=True, limit=0, ssl=True if self._tls is None else self._tls
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            headers={"User-Agent": USER_AGENT},
            cookie_jar=aiohttp.DummyCookieJar(),
        )
        # aiohttp repeats a GET on its own when the server closes the connection, which would double
        # the platform's attempts; its own test utilities switch that off in the same way.
        self._session._retry_connection = False
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._session is not None:
            await self._session.close()

    def noting(
        self, clock: Callable[[], float], on_exchange: Callable[[Exchange], None]
    ) -> "WebhookClient":
        """Return this client, open as it is, for one call that notes its own exchanges.

        Args:
            clock: for their times.
            on_exchange: called with each.

        """
        client = copy(self)
        client._clock, client._on_exchange = clock, on_exchange
        return client

    async def ask(
        self,
        method: Method,
        url: str,
        fields: Mapping[str, Any],
        timeouts: Timeouts,
    ) -> Reply:
        """Send one webhook; retry it once where the platform would.

        Args:
            method: GET puts the fields into the query, POST into a JSON body.
            url: the application's.
            fields: the webhook's.
            timeouts: of each attempt.

        Raises:
            WebhookError: no reply with status 2xx.

        """
        request = self._request(method, url, fields)
        attempts: list[Attempt] = []
        while True:
            start, begun = time.perf_counter(), self._clock()
            reply: Reply | None = None
            failure: AttemptFailed | None = None
            try:
                reply = await self._attempt(request, timeouts)
            except AttemptFailed as error:
                failure = error
            elapsed = (time.perf_counter() - start) * 1000
            if self._on_exchange is not None:
                what = (begun, method, url, fields)
                self._on_exchange(_exchange(what, reply, failure, elapsed))
            if reply is not None:
                attempts.append(Attempt(f"HTTP {reply.status}", elapsed, reply.status))
                return replace(reply, attempts=tuple(attempts))
            if failure is None:
                raise RuntimeError("an attempt ended in nothing")
            attempts.append(Attempt(failure.seen, elapsed, failure.status))
            if self._fresh_tokens:
                request = self._request(method, url, fields)
            if not failure.retried or len(attempts) == ATTEMPTS:
                raise WebhookError(
                    failure.reason, failure.seen, failure.advice, tuple(attempts), failure.status
                ) from failure.__cause__

    async def download(self, url: str, timeouts: Timeouts, most: int) -> bytes:
        """Fetch a file that an NCCO names: once, unsigned, without following redirects.

        Whether the platform tries again or follows is not published; the careful answer is no.

        Args:
            url: the file's.
            timeouts: of the attempt.
            most: how many bytes are taken.

        Raises:
            WebhookError: no reply with status 2xx, or a larger file.

        """
        begun, start = self._clock(), time.perf_counter()
        reply: Reply | None = None
        failure: AttemptFailed | None = None
        try:
            reply = await self._attempt(_Request("GET", url, {}, None), timeouts, most)
        except AttemptFailed as error:
            failure = error
        elapsed = (time.perf_counter() - start) * 1000
        if self._on_exchange is not None:
            shown = reply and replace(reply, body=b"")
            self._on_exchange(_exchange((begun, "GET", url, {}), shown, failure, elapsed))
        if reply is None:
            seen, advice = (failure.seen, failure.advice) if failure else ("nothing came", "")
            raise WebhookError("", seen, advice) from failure
        return reply.body

    def _request(self, method: Method, url: str, fields: Mapping[str, Any]) -> "_Request":
        headers = {"Accept": "application/json"}
        body: bytes | None = None
        if method == "GET":
            url = with_query(url, fields)
            payload = query_payload(parse_qsl(urlsplit(url).query, keep_blank_values=True))
        else:
            body = payload = json.dumps(fields, separators=(",", ":")).encode()
            headers["Content-Type"] = "application/json"
        if self._signer is not None:
            headers["Authorization"] = self._signer.authorization(payload)
        return _Request(method, url, headers, body)

    async def _attempt(
        self, request: "_Request", timeouts: Timeouts, most: int = BODY_MAX_BYTES
    ) -> Reply:
        if self._session is None:
            raise RuntimeError("use WebhookClient as an async context manager")
        if self._local_only and not is_local(request.url):
            host = urlsplit(request.url).hostname
            raise AttemptFailed("Invalid URL.", f"{host} is on the internet", PUBLIC, False)
        limit = aiohttp.ClientTimeout(total=timeouts.total, connect=timeouts.connect)
        try:
            async with self._session.request(
                request.method,
                request.url,
                data=request.body,
                headers=request.headers,
                timeout=limit,
                allow_redirects=False,
            ) as response:
                data = await _read(response, most)
        except Exception as error:
            raise explain(error, request.url, timeouts.connect, timeouts.total) from error
        if not 200 <= response.status < 300:
            raise wrong_status(response.status, response.headers, data)
        return Reply(response.status, response.content_type, dict(response.headers), data, ())


@dataclass(frozen=True)
class _Request:
    method: Method
    url: str
    headers: Mapping[str, str]
    body: bytes | None


def _exchange(
    what: tuple[float, str, str, Mapping[str, Any]],
    reply: Reply | None,
    failure: AttemptFailed | None,
    elapsed: float,
) -> Exchange:
    seen = failure.seen if failure else ""
    if reply is None:
        return Exchange(*what, failure.status if failure else None, "", "", seen, elapsed)
    text = without_secrets(reply.body.decode("utf-8", "replace"))[:REPLY_KEPT]
    return Exchange(*what, reply.status, reply.media_type, text, seen, elapsed)


def with_query(url: str, fields: Mapping[str, Any]) -> str:
    """Return `url` with the fields behind its own query; values that are no strings become JSON."""
    parts = urlsplit(url)
    pairs = parse_qsl(parts.query, keep_blank_values=True)
    for name, value in fields.items():
        pairs.append((name, value if isinstance(value, str) else json.dumps(value)))
    return urlunsplit(parts._replace(query=urlencode(pairs)))


async def _read(response: aiohttp.ClientResponse, most: int) -> bytes:
    data = bytearray()
    async for chunk in response.content.iter_any():
        data += chunk
        if len(data) > most:
            raise AttemptFailed(
                "Invalid response code.",
                f"a reply of more than {most // 1024:,} KiB",
                "answer with what was asked for, and nothing else",
                retried=False,
                status=response.status,
            )
    return bytes(data)
