"""HTTP requests with one deadline for the whole exchange (under gevent), and readable errors."""

import http.client
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from ssl import SSLCertVerificationError
from urllib.parse import urlsplit

import gevent  # type: ignore[import-untyped]  # has no types

__all__ = ["FetchError", "Response", "bounded", "send"]

TOTAL_SECONDS = 2.0
MAX_BYTES = 1024 * 1024


class FetchError(Exception):
    """There was no usable response; the message says what was seen.

    Attributes:
        sent: whether the request may have reached its host all the same.

    """

    sent = False


@dataclass(frozen=True)
class Response:
    """A response: its status, its body of at most 1 MiB, and its headers by lower-case name."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


def send(
    method: str,
    url: str,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    seconds: float = TOTAL_SECONDS,
) -> Response:
    """Send one request, without redirects, proxies or retries.

    Args:
        method: such as GET.
        url: an absolute http:// or https:// URL.
        body: as it is sent; None for none.
        headers: further headers.
        seconds: for all of it.

    Raises:
        FetchError: no connection, timeout, oversized response, or not HTTP.

    """
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    connected = False
    try:
        with bounded(url, seconds):
            connection = kind(parts.hostname or "", parts.port, timeout=seconds)
            try:
                connection.connect()
                connected = True
                fields = {"Accept": "application/json"} | dict(headers or {})
                connection.request(method, target, body, fields)
                with connection.getresponse() as response:
                    content = response.read(MAX_BYTES + 1)
                    if response.length and len(content) <= MAX_BYTES:
                        raise http.client.IncompleteRead(content, response.length)
            finally:
                connection.close()
    except FetchError as error:
        error.sent = connected
        raise
    if len(content) > MAX_BYTES:
        too_long = FetchError(f"{url.partition('?')[0]} sent more than {MAX_BYTES} bytes")
        too_long.sent = True
        raise too_long
    names = {name.lower(): value for name, value in response.getheaders()}
    return Response(response.status, content, names)


@contextmanager
def bounded(url: str, seconds: float) -> Iterator[None]:
    """End an exchange with a URL's host after so many seconds, even if bytes still arrive.

    Raises:
        FetchError: timeout, or any other error of the exchange, in readable words.

    """
    shown = url.partition("?")[0]  # a query may hold a secret
    try:
        with gevent.Timeout(seconds, TimeoutError):
            yield
    except TimeoutError:
        raise FetchError(f"{shown} did not answer in time") from None
    except SSLCertVerificationError as error:
        raise FetchError(f"{shown} has a bad certificate: {error.verify_message}") from None
    except OSError as error:
        raise FetchError(f"{shown} cannot be reached: {error.strerror or error}") from None
    except (http.client.HTTPException, ValueError):
        raise FetchError(f"{shown} broke off or sent something that is not HTTP") from None
