"""Opens the socket as the platform does, and explains why it did not open."""

import ssl
from typing import Any, Literal

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI

from phone.constants import CLOSE_TIMEOUT, MESSAGE_MAX_BYTES, USER_AGENT
from phone.words import excuse, printable

__all__ = ["DialError", "dial"]


class DialError(Exception):
    """The socket could not be opened.

    Args:
        status: the event that the platform posts: "failed", or "unanswered" when time ran out.
        seen: what happened.
        advice: what to try.
        http: the HTTP status of a handshake that was refused.

    """

    def __init__(
        self,
        status: Literal["failed", "unanswered"],
        seen: str,
        advice: str,
        http: int | None = None,
    ) -> None:
        super().__init__(f"{seen}; {advice}")
        self.status = status
        self.seen = seen
        self.advice = advice
        self.http = http


class _NoRedirect(connect):
    """Whether the platform follows redirects is not published; the careful answer is no."""

    def process_redirect(self, exc: Exception) -> Exception | str:
        return exc


async def dial(
    uri: str,
    within: float,
    authorization: str | None = None,
    tls: ssl.SSLContext | None = None,
    max_queue: int = 16,
    factory: type[ClientConnection] = ClientConnection,
) -> ClientConnection:
    """Open a socket: no extension, subprotocol, origin, ping or proxy.

    Args:
        uri: ws:// or wss://.
        within: seconds for the whole handshake.
        authorization: the handshake's Authorization header.
        tls: trusted certificates for wss; None: the system's.
        max_queue: messages read ahead.
        factory: the class of the connection.

    Raises:
        DialError: the socket did not open.

    """
    headers = {"Authorization": authorization} if authorization else None
    # `connect` hands what it does not know to the event loop, which alone knows `ssl`.
    secure: dict[str, Any] = {"ssl": tls} if tls and uri.startswith("wss:") else {}
    try:
        return await _NoRedirect(
            uri,
            compression=None,
            additional_headers=headers,
            user_agent_header=USER_AGENT,
            proxy=None,
            open_timeout=within,
            ping_interval=None,
            close_timeout=CLOSE_TIMEOUT,
            max_size=MESSAGE_MAX_BYTES,
            max_queue=max_queue,
            create_connection=factory,
            **secure,
        )
    except (OSError, InvalidHandshake, InvalidURI, ConnectionClosed, ValueError, EOFError) as error:
        raise _explain(error, uri, within) from error


def _explain(error: Exception, uri: str, timeout: float) -> DialError:
    uri = printable(uri)
    match error:
        case InvalidStatus():
            status = error.response.status_code
            said = excuse(bytes(error.response.body or b""))
            seen = f"{uri} answered HTTP {status}" + (f" ({said})" if said else "")
            return DialError("failed", seen, _status_advice(status, error), status)
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
