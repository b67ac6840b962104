"""Listening sockets, and the limit of open files."""

from __future__ import annotations

import resource
import socket
from typing import cast

from ..logs import get_logger

__all__ = ["BACKLOG", "CannotListen", "listening_socket", "raise_file_limit", "url_of"]

logger = get_logger(__name__)

BACKLOG = 1024  # connections that the kernel queues while the event loop is busy

SOCKET_BUFFER = 65536
"""Bytes of SO_SNDBUF and SO_RCVBUF, 2 s of audio at 16 kHz.

By default the kernel buffers 9 to 12 MB for a peer that does not read; this slows no call down.
"""


class CannotListen(Exception):
    """The service cannot listen; says which settings to change."""


def listening_socket(host_name: str, host: str, port_name: str, port: int) -> socket.socket:
    """Open a listening socket; accepted connections inherit its options.

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
        any_address = family == socket.AF_INET6 and host == "::"
        sock = socket.create_server(
            cast("tuple[str, int]", address[:2]),
            family=family,
            backlog=BACKLOG,
            dualstack_ipv6=any_address and socket.has_dualstack_ipv6(),
        )
    except OSError as error:
        raise CannotListen(
            f"cannot listen on {host} port {port} ({error}): set {host_name} and {port_name} "
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


def raise_file_limit(needed: int) -> None:
    """Raise the limit of open files to what is needed; log a warning if that is not allowed.

    Args:
        needed: files, connections included.

    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    wanted = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
        soft = wanted
    except (OSError, ValueError):
        pass  # The warning below says it.
    if soft < needed:
        logger.warning(
            "few_files",
            allowed=soft,
            needed=needed,
            message="raise the limit of open files (ulimit -n, LimitNOFILE, --ulimit nofile), "
            "or lower MAX_CALLS and MAX_HANDSHAKES",
        )
