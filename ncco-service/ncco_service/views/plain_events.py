"""Warns once when the platform would be told to post its events over http://.

Behind a proxy with TLS the request itself says http, and the proxy's X-Forwarded-* headers count
only if it is trusted. The platform's events are then lost, and nothing else would show it.
"""

from collections.abc import Mapping
from typing import Any

import structlog

from ncco_service.discovery import Discovery, RequestOrigin

__all__ = ["PlainEventsWarning"]

logger = structlog.get_logger()


class PlainEventsWarning:
    """Checks each answer until it has warned.

    Args:
        discovery: which proxies are trusted.
        local_hosts: names of this machine.

    """

    def __init__(self, discovery: Discovery, local_hosts: tuple[str, ...]) -> None:
        self._proxies = discovery.proxies
        self._local_hosts = local_hosts
        self._said = False
        self._fine: str | None = None  # the last URL that was, when no proxy claimed another

    def check(self, environ: Mapping[str, Any], url: str) -> None:
        """Warn if the events' URL, taken from this request, does not lead back to this service.

        Args:
            environ: WSGI environment of the request.
            url: of the events, in the answer.

        """
        if self._said:
            return
        claimed = self._proxies.ignored_origin(environ)
        if claimed is None and url == self._fine:
            return
        peer = environ.get("REMOTE_ADDR")
        origin = self._proxies.origin(environ)
        if claimed is not None:
            message = (
                f"a proxy at {peer} says that this request was sent to {_written(claimed)}, and is "
                f"not trusted: set TRUSTED_PROXIES={peer}, or PUBLIC_URL={_written(claimed)}"
            )
        elif origin.scheme == "http" and origin.is_public(self._local_hosts):
            message = (
                "the platform posts its events to this URL without TLS: if there is a proxy with "
                f"TLS in front, set PUBLIC_URL=https://{origin.host}"
            )
        else:
            self._fine = url
            return
        self._said = True
        logger.warning("events_url_is_doubtful", events=url, message=message)


def _written(origin: RequestOrigin) -> str:
    return f"{origin.scheme}://{origin.host}"
