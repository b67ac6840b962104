"""HTTP GET with a deadline for all of it (under gevent), and errors in words."""

import http.client
from collections.abc import Iterator
from contextlib import contextmanager
from ssl import SSLCertVerificationError
from urllib.parse import urlsplit

import gevent  # type: ignore[import-untyped]  # has no types

__all__ = ["FetchError", "bounded", "get"]

TOTAL_SECONDS = 2.0
MAX_BYTES = 1024 * 1024


class FetchError(Exception):
    """There was no usable response; the message says what was seen."""


def get(url: str, seconds: float = TOTAL_SECONDS) -> tuple[int, bytes]:
    """GET a URL, without redirects, proxies or retries.

    Args:
        url: an absolute http:// or https:// URL.
        seconds: for all of it.

    Returns:
        The status and the body, of at most 1 MiB.

    Raises:
        FetchError: nobody there, too slow, too long, or not HTTP.

    """
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    with bounded(url, seconds):
        connection = kind(parts.hostname or "", parts.port, timeout=seconds)
        try:
            connection.request("GET", target, headers={"Accept": "application/json"})
            with connection.getresponse() as response:
                body = response.read(MAX_BYTES + 1)
        finally:
            connection.close()
    if len(body) > MAX_BYTES:
        raise FetchError(f"{url} sent more than {MAX_BYTES} bytes")
    return response.status, body


@contextmanager
def bounded(url: str, seconds: float) -> Iterator[None]:
    """End an exchange with a URL's host after so many seconds, however slowly bytes still arrive.

    Raises:
        FetchError: too late, or whatever else goes wrong in here, in words.

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
