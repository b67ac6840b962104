"""Where the platform reaches the socket and the webhooks.

First what a setting says; else what the tunnel agent said last; else, when the asker came by a name
of this machine, the way the asker came.
"""

from collections.abc import Callable
from dataclasses import dataclass

from ncco_service.agent_watch import Tunnel
from ncco_service.asker import Asker
from ncco_service.settings import Settings

__all__ = ["EVENTS_PATH", "SOCKET_PATH", "Address", "NotKnown", "PublicUrl"]

SOCKET_PATH = "/socket"
EVENTS_PATH = "/webhooks/events"


@dataclass(frozen=True)
class Address:
    """A URL, and who said so: ``setting``, ``agent`` or ``asker``."""

    url: str
    source: str


class NotKnown(Exception):
    """Nobody knows the address; the message says why, ``hint`` what to do."""

    def __init__(self, reason: str, hint: str) -> None:
        super().__init__(reason)
        self.hint = hint


class PublicUrl:
    """Answers from what is known at the moment; never waits.

    Args:
        settings: SOCKET_URL, PUBLIC_URL, LOCAL_HOSTS.
        tunnel: gives what is known of the tunnel; None without an agent.

    """

    def __init__(self, settings: Settings, tunnel: Callable[[], Tunnel] | None) -> None:
        self._settings = settings
        self._tunnel = tunnel

    def socket(self, asker: Asker) -> Address:
        """Say where the platform can open the socket (ws:// or wss://).

        Raises:
            NotKnown: nothing says so.

        """
        if self._settings.socket_url:
            return Address(self._settings.socket_url, "setting")
        tunnel = self._tunnel() if self._tunnel else None
        if tunnel and tunnel.socket:
            return Address("wss" + tunnel.socket.removeprefix("https") + SOCKET_PATH, "agent")
        if asker.is_local(self._settings.local_hosts):
            scheme = {"http": "ws", "https": "wss"}[asker.scheme]
            return Address(f"{scheme}://{asker.host}{SOCKET_PATH}", "asker")
        if tunnel:
            raise NotKnown(
                f"the socket's public address is not known yet: {tunnel.error}",
                "look at the tunnel agent's log, or set SOCKET_URL",
            )
        raise NotKnown(
            f"the socket's public address is not known, and {asker.host or 'the host asked'!r} "
            "is not a name of this machine",
            "set SOCKET_URL to where the platform reaches the socket (wss://<host>/socket), or "
            "start the tunnel and set NGROK_API_URL",
        )

    def events(self, asker: Asker) -> Address:
        """Say where the platform can post its events.

        Raises:
            NotKnown: nothing says so, and the request came without a usable Host.

        """
        if self._settings.public_url:
            return Address(self._settings.public_url + EVENTS_PATH, "setting")
        tunnel = self._tunnel() if self._tunnel else None
        if tunnel and tunnel.webhooks:
            return Address(tunnel.webhooks + EVENTS_PATH, "agent")
        if asker.host:
            return Address(f"{asker.scheme}://{asker.host}{EVENTS_PATH}", "asker")
        raise NotKnown(
            "the webhooks' public address is not known: the request has no usable Host header",
            "set PUBLIC_URL to where the platform reaches the webhooks (https://<host>)",
        )
