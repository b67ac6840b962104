"""Ask a neighbour over HTTP, with every step bounded."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from socket import SHUT_RDWR, socket
from urllib.parse import urlsplit

__all__ = ["FetchError", "get"]

CONNECT_SECONDS = 1.0
READ_SECONDS = 2.0  # for each piece of the answer
TOTAL_SECONDS = 4.0
MAX_BYTES = 1024 * 1024


class FetchError(Exception):
    """There was no answer, or none that can be used; the message says what was seen."""


def get(url: str) -> tuple[int, bytes]:
    """GET a URL, without redirects, proxies or retries.

    Args:
        url: an absolute http:// or https:// URL.

    Returns:
        The status and the body, of at most 1 MiB.

    Raises:
        FetchError: nobody there, too slow, too long, or not HTTP.

    """
    parts = urlsplit(url)
    kind = HTTPSConnection if parts.scheme == "https" else HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=CONNECT_SECONDS)
    try:
        connection.connect()
        connection.sock.settimeout(READ_SECONDS)
        with _deadline(connection.sock, TOTAL_SECONDS):
            connection.request("GET", parts.path or "/", headers={"Accept": "application/json"})
            response = connection.getresponse()
            body = response.read(MAX_BYTES + 1)
    except TimeoutError:
        raise FetchError(f"{url} did not answer in time") from None
    except OSError as error:
        raise FetchError(f"{url} cannot be reached: {error.strerror or error}") from None
    except (HTTPException, ValueError):
        raise FetchError(f"{url} broke off or sent something that is not HTTP") from None
    finally:
        connection.close()
    if len(body) > MAX_BYTES:
        raise FetchError(f"{url} sent more than {MAX_BYTES} bytes")
    return response.status, body


@contextmanager
def _deadline(connected: socket, seconds: float) -> Iterator[None]:
    """Cut a connection after so many seconds, however slowly its bytes still dribble in."""

    def cut() -> None:
        with suppress(OSError):
            connected.shutdown(SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
