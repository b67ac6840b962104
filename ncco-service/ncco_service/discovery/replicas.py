"""Replicas of echo-service: their addresses, behind one name of the network."""

import socket
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlsplit

from ncco_service.http import fetch

__all__ = ["Replicas", "addresses"]

REFRESH_SECONDS = 1.0
HEALTH_SECONDS = 1.0
MAX_REPLICAS = 256
CHECKS_AT_ONCE = 16


def addresses(name: str, port: int) -> list[str]:
    """Return `address:port` of everyone behind a name; [] if nobody is at present."""
    try:
        found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    except OSError:
        return []
    hosts = dict.fromkeys(str(address[0]) for *_, address in found)
    return [f"[{host}]:{port}" if ":" in host else f"{host}:{port}" for host in hosts]


class Replicas:
    """Base URLs (http://address:port) of all replicas behind the name in a URL.

    `poll`, a background job, resolves the name, since a name server can take seconds. An
    orchestrator takes a replica that is to stop out of the name at once (Docker Swarm 2 s before
    SIGTERM), while its calls may continue for hours: so an address stays as long as it answers.

    Args:
        url: of a page of any replica.

    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._name = parts.hostname or ""
        self._port = parts.port or 80
        self.urls: tuple[str, ...] = ()

    def poll(self) -> float:
        """Resolve the addresses again; return the seconds until the next poll."""
        current = [f"http://{address}" for address in addresses(self._name, self._port)]
        gone = [url for url in self.urls if url not in current]
        with ThreadPoolExecutor(CHECKS_AT_ONCE) as pool:  # the lost ones each take a second
            lives = dict(zip(gone, pool.map(_answers, gone), strict=True))
        self.urls = (*current, *(url for url in gone if lives[url]))[:MAX_REPLICAS]
        return REFRESH_SECONDS


def _answers(url: str) -> bool:
    try:
        return fetch.send("GET", f"{url}/healthz", seconds=HEALTH_SECONDS).status == 200
    except fetch.FetchError:
        return False
