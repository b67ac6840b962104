"""Warns once of each reason why the platform's events may not reach this service.

Behind a proxy with TLS the request itself says http, and the proxy's X-Forwarded-* headers count
only if it is trusted; some proxies put a name of this machine into Host. The platform's events are
then lost, and nothing else would show it.
"""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import structlog

from ncco_service.discovery import Discovery, RequestOrigin
from ncco_service.settings import Settings

__all__ = ["PlainEventsWarning"]

logger = structlog.get_logger()


class PlainEventsWarning:
    """Checks each answer until it has warned.

    Args:
        discovery: which proxies are trusted.
        settings: SOCKET_URL, LOCAL_HOSTS.

    """

    def __init__(self, discovery: Discovery, settings: Settings) -> None:
        self._proxies = discovery.proxies
        self._local_hosts = settings.local_hosts
        socket = RequestOrigin("https", urlsplit(settings.socket_url or "").netloc)
        self._outside = socket.host if socket.is_public(self._local_hosts) else None
        self._said: set[str] = set()
        self._fine: str | None = None  # the last URL that was, when no proxy claimed another

    def check(self, environ: Mapping[str, Any], url: str) -> None:
        """Warn if the events' URL, taken from this request, does not lead back to this service.

        Args:
            environ: WSGI environment of the request.
            url: of the events, in the answer.

        """
        claimed = self._proxies.ignored_origin(environ)
        if claimed is None and url == self._fine:
            return
        peer = environ.get("REMOTE_ADDR")
        origin = self._proxies.origin(environ)
        if claimed is not None:
            kind = "proxy"
            message = (
                f"a proxy at {peer} says that this request was sent to {_written(claimed)}, and is "
                f"not trusted: set TRUSTED_PROXIES={peer}, or PUBLIC_URL={_written(claimed)}"
            )
        elif origin.scheme == "http" and origin.is_public(self._local_hosts):
            kind = "plain"
            message = (
                "the platform posts its events to this URL without TLS: if there is a proxy with "
                f"TLS in front, set PUBLIC_URL=https://{origin.host}"
            )
        elif self._outside and origin.is_local(self._local_hosts):
            kind = "local"
            message = (
                "this URL is of this machine, and SOCKET_URL is not: unless the call came from "
                f"here, set PUBLIC_URL, such as to https://{self._outside}"
            )
        else:
            self._fine = url
            return
        if kind in self._said:
            return
        self._said.add(kind)
        logger.warning("events_url_is_doubtful", events=url, message=message)


def _written(origin: RequestOrigin) -> str:
    return f"{origin.scheme}://{origin.host}"
