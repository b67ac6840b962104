"""gunicorn's threaded worker, with an end for every request.

The original hands a connection to a thread as soon as something came, and that thread then waits
for a peer that dribbles its request; and it waits in its only loop for peers that do not hang up
after their answer. A few slow peers would stop everybody else's webhooks. Here the loop takes in
whole requests, from all peers at once; threads only answer them.
"""

import socket
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from selectors import EVENT_READ
from typing import Any

from gunicorn.workers.gthread import ThreadWorker  # type: ignore[import-untyped]  # has no types

from ncco_service.incoming import Incoming

__all__ = ["Worker"]

REQUEST_SECONDS = 3.0  # gunicorn_conf.py sets what REQUEST_SECONDS says
MAX_BODY_BYTES = 65_536  # likewise

_HELD_BYTES = 32 * 2**20  # of all requests that are coming in; beyond it the largest are dropped
_RECEIVE_BYTES = 16_384  # from one peer in one turn
_LINGER_SECONDS = 2.0  # for a peer to read its answer, and
_LINGER_BYTES = 2**20  # what it may still send meanwhile: a reset would destroy the answer
_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Worker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """Serves a connection from a thread only while a request is answered."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._began: dict[Any, float] = {}
        self._held = 0

    def enqueue_req(self, conn: Any) -> None:
        """Take in a request; a thread gets it when it is whole."""
        conn.incoming = Incoming(MAX_BODY_BYTES)
        conn.came = time.monotonic()
        self._wait(conn, self._receive, REQUEST_SECONDS)
        # gunicorn may have read this request's beginning together with the one before.
        early = conn.parser.unreader.take_buffered() if conn.initialized else b""
        if early:
            self._take(conn, early)
        else:
            self._receive(conn, conn.sock)

    def handle(self, conn: Any) -> Any:
        """Serve one request; runs in a thread."""
        self._began[conn] = time.monotonic() - conn.spent
        try:
            return super().handle(conn)
        finally:
            self._began.pop(conn, None)

    def finish_request(self, conn: Any, fs: Any) -> None:
        """Keep the connection for more, or end it without waiting for the peer."""
        if fs.cancelled() or fs.exception() or fs.result():
            super().finish_request(conn, fs)
            return
        conn.discarded = 0
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._drop(conn)
        else:
            self._wait(conn, self._discard, _LINGER_SECONDS)

    def murder_pending(self) -> None:
        """Drop those who take too long, and the largest when all together are too large."""
        now = time.monotonic()
        for conn in [conn for conn in self.pending_conns if conn.timeout <= now]:
            self._leave(conn)
            self._drop(conn)
        while self._held > max(_HELD_BYTES, 4 * MAX_BODY_BYTES):
            largest = max(self.pending_conns, key=lambda conn: len(conn.incoming.data))
            self._leave(largest)
            self._drop(largest)

    def notify(self) -> None:
        """Show the arbiter a sign of life, about once a second, and cut requests that last."""
        super().notify()
        latest = time.monotonic() - REQUEST_SECONDS
        for conn, began in list(self._began.items()):
            if began < latest:
                with suppress(OSError):
                    conn.sock.shutdown(socket.SHUT_RDWR)

    def _keepalive_after(self, conn: Any, keepalive: bool) -> bool:
        return not conn.incoming.over and super()._keepalive_after(conn, keepalive)

    def _receive(self, conn: Any, _sock: Any) -> None:
        try:
            piece = conn.sock.recv(_RECEIVE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            self._leave(conn)
            self._drop(conn)
            return
        if piece:
            self._take(conn, piece)
        elif conn.incoming.data:
            self._hand_over(conn)  # gunicorn says what is missing
        else:
            self._leave(conn)
            self._drop(conn)

    def _take(self, conn: Any, piece: bytes) -> None:
        before = len(conn.incoming.data)
        conn.incoming.feed(piece)
        self._held += len(conn.incoming.data) - before
        if conn.incoming.asks:
            conn.incoming.asks = False
            with suppress(OSError):
                conn.sock.send(_CONTINUE)
        if conn.incoming.whole:
            self._hand_over(conn)

    def _hand_over(self, conn: Any) -> None:
        request = bytes(conn.incoming.data)
        self._leave(conn)
        conn.spent = time.monotonic() - conn.came
        conn.init()
        conn.parser.unreader.unread(request)
        if conn.incoming.cut:
            with suppress(OSError):
                conn.sock.shutdown(socket.SHUT_RD)
        super().enqueue_req(conn)

    def _discard(self, conn: Any, _sock: Any) -> None:
        try:
            piece = conn.sock.recv(_RECEIVE_BYTES)
        except BlockingIOError:
            return
        except OSError:
            piece = b""
        conn.discarded += len(piece)
        if not piece or conn.discarded > _LINGER_BYTES:
            self._leave(conn)
            self._drop(conn)

    def _wait(self, conn: Any, readable: Callable[[Any, Any], None], seconds: float) -> None:
        conn.sock.setblocking(False)
        conn.timeout = time.monotonic() + seconds
        self.pending_conns.append(conn)
        self.poller.register(conn.sock, EVENT_READ, partial(readable, conn))

    def _leave(self, conn: Any) -> None:
        self.poller.unregister(conn.sock)
        self.pending_conns.remove(conn)
        self._held -= len(conn.incoming.data)
        conn.incoming.data.clear()

    def _drop(self, conn: Any) -> None:
        self.nr_conns -= 1
        conn.close()
