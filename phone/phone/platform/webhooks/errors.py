"""One failed attempt at a webhook: in the platform's words, in a person's, and whether it is
retried.
"""

import ssl
from collections.abc import Mapping
from urllib.parse import urlsplit

import aiohttp

from phone.constants import RETRIED_STATUSES
from phone.words import excuse, printable

__all__ = ["AttemptFailed", "explain", "wrong_status"]


class AttemptFailed(Exception):
    """One attempt failed.

    Args:
        reason: the platform's own wording.
        seen: what happened.
        advice: what to try.
        retried: whether the platform tries it once more (webhook retries).
        status: the HTTP status, if there was one.

    """

    def __init__(
        self, reason: str, seen: str, advice: str, retried: bool, status: int | None = None
    ) -> None:
        super().__init__(seen)
        self.reason = reason
        self.seen = seen
        self.advice = advice
        self.retried = retried
        self.status = status


def wrong_status(status: int, headers: Mapping[str, str], data: bytes) -> AttemptFailed:
    """Return what a status other than 2xx means, and what to do about it."""
    ngrok = headers.get("ngrok-error-code")
    if ngrok:
        advice = f"this is ngrok's own answer, {ngrok[:40]}: see https://ngrok.com/docs/errors"
    elif 300 <= status < 400:
        advice = "redirects are not followed; give the final URL"
    elif status in (404, 405):
        advice = "check the URL's path and that it takes this method (--method GET or POST)"
    elif status in (401, 403):
        advice = "the application wants a signature: set the same signature secret on both sides"
    elif status in RETRIED_STATUSES:
        advice = (
            "the application says it is not ready; look at its log, and at /readyz if it has one"
        )
    else:
        advice = "look at the application's log; the platform does not retry this status"
    said = excuse(data)
    seen = f"HTTP {status}" + (f" ({said})" if said else "")
    return AttemptFailed("Invalid response code.", seen, advice, status in RETRIED_STATUSES, status)


def explain(error: Exception, url: str, connect: float, total: float) -> AttemptFailed:
    """Return what an exception of the HTTP client means.

    Args:
        error: the exception.
        url: what was asked.
        connect: seconds that the connection was given.
        total: seconds that the whole attempt was given.

    """
    where = printable(urlsplit(url).netloc or url)
    match error:
        case AttemptFailed():
            return error
        # Before ValueError, which a refused certificate is, too.
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientSSLError() | ssl.SSLError():
            return AttemptFailed(
                "Connection closed.",
                f"TLS with {where} failed: {printable(str(error))}",
                "serve a certificate with its whole chain from a public authority, give http:// "
                "where the server speaks no TLS, or name your own authority with --ca",
                False,
            )
        case aiohttp.InvalidURL() | ValueError():
            return AttemptFailed(
                "Invalid URL.", f"{printable(url)!r} is no URL", "give http:// or https://", False
            )
        case aiohttp.ClientConnectorDNSError():
            return AttemptFailed(
                "Connection closed.",
                f"the name {where} is not known",
                "check the host in the URL; is the tunnel still up?",
                False,
            )
        case aiohttp.ConnectionTimeoutError():
            return AttemptFailed(
                "Socket timeout.",
                f"no connection to {where} within {connect:g} s",
                "is the application running, and reachable from here?",
                True,
            )
        case TimeoutError():
            return AttemptFailed(
                "Socket timeout.",
                f"no complete reply within {total:g} s",
                "answer first, work later: the caller hears silence in the meantime",
                True,
            )
        case aiohttp.ServerDisconnectedError() | aiohttp.ClientPayloadError():
            return AttemptFailed(
                "Connection closed.",
                f"{where} closed the connection without a complete reply",
                "look at the application's log for a crash",
                True,
            )
        case OSError():
            return AttemptFailed(
                "Connection reset.",
                f"no connection to {where}: {printable(error.strerror or str(error))}",
                "is the application running, and is this its port?",
                True,
            )
        case _:
            return AttemptFailed(
                "Invalid response code.",
                f"{where} does not speak HTTP: {printable(str(error))}",
                "check the port: it may be another service's",
                False,
            )
