"""Public URLs of the socket and the webhooks.

They come from a setting; else from what the tunnel agent said last; else, for a request that was
sent to a name of this machine, from the request's own origin.
"""

from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from ncco_service.discovery.agent_poller import Tunnel
from ncco_service.discovery.request_origin import RequestOrigin
from ncco_service.settings import Settings

__all__ = ["EVENTS_PATH", "SOCKET_PATH", "Address", "NotKnown", "PublicUrl"]

SOCKET_PATH = "/socket"
EVENTS_PATH = "/webhooks/events"


@dataclass(frozen=True)
class Address:
    """A URL and its source: `setting`, `agent` or `request`."""

    url: str
    source: str


class NotKnown(Exception):
    """A public address is not known; the message says why, `hint` what to do."""

    def __init__(self, reason: str, hint: str) -> None:
        super().__init__(reason)
        self.hint = hint


class PublicUrl:
    """Chooses public URLs from what is known at the moment; never waits.

    Args:
        settings: SOCKET_URL, PUBLIC_URL, LOCAL_HOSTS.
        tunnel: returns what is known of the tunnel; None without an agent.

    """

    def __init__(self, settings: Settings, tunnel: Callable[[], Tunnel] | None) -> None:
        self._settings = settings
        self._tunnel = tunnel
        local = urlsplit(settings.local_url or "")
        self._local_origin = RequestOrigin(local.scheme or "http", local.netloc)
        self._local_hosts = (*settings.local_hosts, *filter(None, [local.hostname]))

    def of_our_calls(self) -> tuple[str, str]:
        """Return the URLs of the socket and of the events of calls that we start.

        No request tells where the platform reaches us; LOCAL_URL stands for one.

        Raises:
            NotKnown: no source has them.

        """
        try:
            return self.socket(self._local_origin).url, self.events(self._local_origin).url
        except NotKnown as error:
            if self._tunnel is not None:
                raise
            raise NotKnown(
                "where the platform would reach us is not known, so no call can be started",
                "set SOCKET_URL and PUBLIC_URL, or start the tunnel and set NGROK_API_URL, or set "
                "LOCAL_URL for a telephone network on this machine",
            ) from error

    @property
    def webhooks(self) -> str | None:
        """Where the platform reaches the webhooks (https://host); None while that is not known."""
        if self._settings.public_url:
            return self._settings.public_url
        tunnel = self._tunnel() if self._tunnel else None
        return tunnel.webhooks if tunnel else None

    def socket(self, origin: RequestOrigin) -> Address:
        """Return the URL where the platform can open the socket (ws:// or wss://).

        Raises:
            NotKnown: no source has one.

        """
        if self._settings.socket_url:
            return Address(self._settings.socket_url, "setting")
        tunnel = self._tunnel() if self._tunnel else None
        if tunnel and tunnel.socket:
            return Address("wss" + tunnel.socket.removeprefix("https") + SOCKET_PATH, "agent")
        if origin.is_local(self._local_hosts):
            scheme = {"http": "ws", "https": "wss"}[origin.scheme]
            return Address(f"{scheme}://{origin.host}{SOCKET_PATH}", "request")
        if tunnel:
            raise NotKnown(
                f"the socket's public address is not known yet: {tunnel.error}",
                "look at the tunnel agent's log, or set SOCKET_URL",
            )
        raise NotKnown(
            f"the socket's public address is not known, and the request's host {origin.host!r} "
            "is not a name of this machine",
            "set SOCKET_URL to where the platform reaches the socket (wss://<host>/socket), or "
            "start the tunnel and set NGROK_API_URL",
        )

    def events(self, origin: RequestOrigin) -> Address:
        """Return the URL where the platform can post its events.

        Raises:
            NotKnown: no source has one, and the request has no usable Host header.

        """
        if self._settings.public_url:
            return Address(self._settings.public_url + EVENTS_PATH, "setting")
        tunnel = self._tunnel() if self._tunnel else None
        if tunnel and tunnel.webhooks:
            return Address(tunnel.webhooks + EVENTS_PATH, "agent")
        if origin.host:
            return Address(f"{origin.scheme}://{origin.host}{EVENTS_PATH}", "request")
        raise NotKnown(
            "the webhooks' public address is not known: the request has no usable Host header",
            "set PUBLIC_URL to where the platform reaches the webhooks (https://<host>)",
        )
