"""Ask a neighbour over HTTP, with every step bounded."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from socket import SHUT_RDWR, socket
from ssl import SSLCertVerificationError
from urllib.parse import urlsplit

__all__ = ["FetchError", "connected", "get"]

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
    with connected(url, CONNECT_SECONDS, READ_SECONDS, TOTAL_SECONDS) as (connection, target):
        connection.request("GET", target, headers={"Accept": "application/json"})
        with connection.getresponse() as response:
            body = response.read(MAX_BYTES + 1)
    if len(body) > MAX_BYTES:
        raise FetchError(f"{url} sent more than {MAX_BYTES} bytes")
    return response.status, body


@contextmanager
def connected(
    url: str, connect: float, read: float, total: float
) -> Iterator[tuple[HTTPConnection, str]]:
    """Connect to a URL's host, for one exchange; certificates are verified.

    Args:
        url: http(s):// or ws(s)://.
        connect: seconds for each step of connecting.
        read: seconds for each piece that comes.
        total: seconds for the exchange.

    Returns:
        The connection, and the path with its query to ask for.

    Raises:
        FetchError: whatever goes wrong in here or in the exchange, in words.

    """
    parts = urlsplit(url)
    shown = url.partition("?")[0]
    kind = HTTPSConnection if parts.scheme in ("https", "wss") else HTTPConnection
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    connection = kind(parts.hostname or "", parts.port, timeout=connect)
    try:
        connection.connect()
        connection.sock.settimeout(read)
        with _deadline(connection.sock, total):
            yield connection, target
    except TimeoutError:
        raise FetchError(f"{shown} did not answer in time") from None
    except SSLCertVerificationError as error:
        raise FetchError(f"{shown} has a bad certificate: {error.verify_message}") from None
    except OSError as error:
        raise FetchError(f"{shown} cannot be reached: {error.strerror or error}") from None
    except (HTTPException, ValueError):
        raise FetchError(f"{shown} broke off or sent something that is not HTTP") from None
    finally:
        connection.close()


@contextmanager
def _deadline(connection: socket, seconds: float) -> Iterator[None]:
    """Cut a connection after so many seconds, however slowly its bytes still dribble in."""

    def cut() -> None:
        with suppress(OSError):
            connection.shutdown(SHUT_RDWR)

    timer = threading.Timer(seconds, cut)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
