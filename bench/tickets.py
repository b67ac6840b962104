"""Tickets for handshakes, as ncco-service makes them, in a file for the load generator."""

from __future__ import annotations

import contextlib
import secrets
import tempfile
import time
from collections.abc import Iterator

import jwt

from bench.peers.catalogue import SOCKET_SECRET, Peer

__all__ = ["tickets"]

COUNT = 40_000
"""More than a server takes in one measurement: a ticket opens one socket."""
VALID_SECONDS = 600


@contextlib.contextmanager
def tickets(peer: Peer) -> Iterator[str]:
    """Yield the path of a file with tickets, one a line; empty if the peer wants none.

    They name no call, as those of calls without a uuid do: the generator's calls get any of them.
    """
    if not peer.authenticates:
        yield ""
        return
    now = int(time.time())
    claims = {"iss": "ncco-service", "aud": "socket", "sub": "", "iat": now}
    with tempfile.NamedTemporaryFile("w") as file:
        for _ in range(COUNT):
            unique = {"exp": now + VALID_SECONDS, "jti": secrets.token_urlsafe(16)}
            print(jwt.encode(claims | unique, SOCKET_SECRET, "HS256"), file=file)
        file.flush()
        yield file.name
