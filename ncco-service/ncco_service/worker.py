"""gunicorn's threaded worker, with an end for every request.

The original hands a new connection to a thread before anything came, and lets a peer that dribbles
its request keep that thread: a few slow peers would stop everybody else's webhooks.
"""

import socket
import time
from contextlib import suppress
from functools import partial
from selectors import EVENT_READ
from typing import Any

from gunicorn.workers.gthread import ThreadWorker  # type: ignore[import-untyped]  # has no types

__all__ = ["Worker"]

REQUEST_SECONDS = 3.0  # gunicorn_conf.py sets what REQUEST_SECONDS says


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """Serves a connection from a thread only while a request comes in and is answered."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._began: dict[Any, float] = {}

    def enqueue_req(self, conn: Any) -> None:
        """Take a connection; a new one waits in the poller until its first bytes come."""
        if conn.initialized or conn.data_ready:
            super().enqueue_req(conn)
            return
        conn.sock.setblocking(False)
        conn.timeout = time.monotonic() + REQUEST_SECONDS
        self.pending_conns.append(conn)
        readable = partial(self.on_pending_socket_readable, conn)
        self.poller.register(conn.sock, EVENT_READ, readable)

    def handle(self, conn: Any) -> Any:
        """Serve one request; runs in a thread."""
        self._began[conn] = time.monotonic()
        try:
            return super().handle(conn)
        finally:
            self._began.pop(conn, None)

    def notify(self) -> None:
        """Show the arbiter a sign of life, about once a second, and cut requests that last."""
        super().notify()
        latest = time.monotonic() - REQUEST_SECONDS
        for conn, began in list(self._began.items()):
            if began < latest:
                with suppress(OSError):
                    conn.sock.shutdown(socket.SHUT_RDWR)
