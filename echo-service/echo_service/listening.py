"""Sockets to listen on, and the file descriptors for what they accept."""

from __future__ import annotations

import logging
import resource
import socket
from typing import cast

from .logs import event

__all__ = ["BACKLOG", "CannotListen", "allow_files", "listening_socket", "url_of"]

logger = logging.getLogger(__name__)

BACKLOG = 1024
"""Connections that the kernel keeps for us while the loop is busy."""

SOCKET_BUFFER = 65536
"""Bytes of SO_SNDBUF and SO_RCVBUF, 2 s of audio at 16 kHz.

Left alone, the kernel lets a peer that does not read park 9 to 12 MB; no call is slower for it.
"""


class CannotListen(Exception):
    """There is nothing to listen on; says which settings to change."""


def listening_socket(host_name: str, host: str, port_name: str, port: int) -> socket.socket:
    """Open a socket to listen on; what is set here, accepted connections inherit.

    Args:
        host_name: the setting that the host comes from.
        host: a name or an address of this machine.
        port_name: the setting that the port comes from.
        port: 0 takes a free one.

    Raises:
        CannotListen: if the host is unknown or the port is taken.

    """
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        everywhere = family == socket.AF_INET6 and host == "::"
        sock = socket.create_server(
            cast("tuple[str, int]", address[:2]),
            family=family,
            backlog=BACKLOG,
            dualstack_ipv6=everywhere and socket.has_dualstack_ipv6(),
        )
    except OSError as error:
        raise CannotListen(
            f"it cannot listen on {host} port {port} ({error}): set {host_name} and {port_name} "
            "to an address of this machine and a port that is free"
        ) from error
    for option in (socket.SO_SNDBUF, socket.SO_RCVBUF):
        sock.setsockopt(socket.SOL_SOCKET, option, SOCKET_BUFFER)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def url_of(sock: socket.socket, host: str) -> str:
    """Return the URL of a socket that listens on a host."""
    name = f"[{host}]" if ":" in host else host
    return f"http://{name}:{sock.getsockname()[1]}"


def allow_files(needed: int) -> None:
    """Raise the limit of open files to what is needed, or say that it cannot be.

    Args:
        needed: files, connections among them.

    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    wanted = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    except (OSError, ValueError):
        pass  # As below.
    if soft < needed:
        event(
            logger,
            "few_files",
            logging.WARNING,
            allowed=soft,
            needed=needed,
            message="raise the limit of open files (ulimit -n, LimitNOFILE, --ulimit nofile), "
            "or lower MAX_CALLS and MAX_HANDSHAKES",
        )
