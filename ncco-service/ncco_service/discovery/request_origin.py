"""Request origin; X-Forwarded-* from trusted proxies only."""

import ipaddress
import re
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ncco_service.settings import Network

__all__ = ["RequestOrigin", "TrustedProxies"]

_HOST = re.compile(r"(?P<name>[A-Za-z0-9._-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?")
_REFRESH_SECONDS = 5.0
_FORWARDED = ("HTTP_X_FORWARDED_PROTO", "HTTP_X_FORWARDED_HOST")


@dataclass(frozen=True)
class RequestOrigin:
    """The origin that a request was sent to: `scheme` http or https, `host` with its port.

    `host` is "" when the request names none that could stand in a URL.
    """

    scheme: str
    host: str

    @classmethod
    def of(cls, environ: Mapping[str, Any], trusted: bool) -> "RequestOrigin":
        """Read the origin from a WSGI environment.

        Args:
            environ: of the request.
            trusted: whether X-Forwarded-Proto and X-Forwarded-Host may be believed. Of several
                values the last counts: it is the nearest proxy's own.

        """
        scheme = str(environ.get("wsgi.url_scheme", "http"))
        host = str(environ.get("HTTP_HOST", ""))
        if trusted:
            scheme = _last(environ.get("HTTP_X_FORWARDED_PROTO")) or scheme
            host = _last(environ.get("HTTP_X_FORWARDED_HOST")) or host
        scheme = "https" if scheme.lower() == "https" else "http"
        return cls(scheme, host if _HOST.fullmatch(host) else "")

    def is_local(self, names: Sequence[str]) -> bool:
        """Return whether the host is this machine: localhost, loopback, or one of the names."""
        match = _HOST.fullmatch(self.host)
        if match is None:
            return False
        name = match["name"].strip("[]").lower()
        if name == "localhost" or name in names:
            return True
        try:
            return ipaddress.ip_address(name).is_loopback
        except ValueError:
            return False

    def is_public(self, names: Sequence[str]) -> bool:
        """Return whether the host looks like a public name or address."""
        name = self.host.rpartition(":")[0] or self.host
        try:
            return ipaddress.ip_address(name.strip("[]")).is_global
        except ValueError:
            return "." in name and not self.is_local(names)


class TrustedProxies:
    """The peers whose X-Forwarded-* headers are trusted.

    `poll`, a background job, resolves host names, since a name server can take seconds; until
    then a name matches no peer.
    """

    def __init__(self, entries: Sequence[Network | str]) -> None:
        self._networks = [entry for entry in entries if not isinstance(entry, str)]
        self.names = tuple(entry for entry in entries if isinstance(entry, str))
        self._addresses: frozenset[str] = frozenset()

    def __contains__(self, address: object) -> bool:
        if not self._networks and not self._addresses:
            return False
        try:
            peer = ipaddress.ip_address(str(address))
        except ValueError:
            return False
        if isinstance(peer, ipaddress.IPv6Address) and peer.ipv4_mapped:
            peer = peer.ipv4_mapped
        return str(peer) in self._addresses or any(peer in network for network in self._networks)

    def origin(self, environ: Mapping[str, Any]) -> RequestOrigin:
        """Read a request's origin from its WSGI environment."""
        return RequestOrigin.of(environ, environ.get("REMOTE_ADDR") in self)

    def ignored_origin(self, environ: Mapping[str, Any]) -> RequestOrigin | None:
        """Return the origin that an untrusted peer claims, if it differs from the one used."""
        if not any(environ.get(name) for name in _FORWARDED):
            return None
        claimed = RequestOrigin.of(environ, trusted=True)
        return None if claimed == self.origin(environ) or not claimed.host else claimed

    def poll(self) -> float:
        """Resolve the names again; return the seconds until the next poll."""
        addresses: set[str] = set()
        for name in self.names:
            try:
                found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
            except OSError:
                continue  # the proxy is not running, so it is not our peer
            addresses.update(str(address[0]) for *_, address in found)
        self._addresses = frozenset(addresses)
        return _REFRESH_SECONDS


def _last(header: Any) -> str:
    return str(header or "").rpartition(",")[2].strip()
