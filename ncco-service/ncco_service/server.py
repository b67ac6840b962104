"""How gunicorn serves the application: its configuration, and its gevent worker with deadlines.

One process, since the tunnel's address, used tokens, calls and meetings are kept in its memory. It
serves two ports: the webhooks, and, if calls can be started, the
operator's interface. A connection costs a greenlet, so a slow or silent peer holds up nobody else.
Each port has at most WORKER_CONNECTIONS of them, so all bodies that are coming in on one have at
most WORKER_CONNECTIONS x MAX_BODY_BYTES, and hold about 2.5 times as much memory.
"""

import os
import socket
import time
from contextlib import suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any

import gevent  # type: ignore[import-untyped]  # has no types
import structlog
from gevent.socket import wait_read  # type: ignore[import-untyped]
from gunicorn.glogging import Logger  # type: ignore[import-untyped]
from gunicorn.http.errors import (  # type: ignore[import-untyped]
    ExpectationFailed,
    InvalidResponseHeader,
    InvalidResponseHeaderName,
    LimitRequestHeaders,
    LimitRequestLine,
    ParseException,
    UnsupportedTransferCoding,
)
from gunicorn.util import write_error  # type: ignore[import-untyped]
from gunicorn.workers.ggevent import GeventWorker  # type: ignore[import-untyped]

from ncco_service import logs
from ncco_service.app import create_operator_app, service_of
from ncco_service.periodic import Periodic
from ncco_service.settings import Settings
from ncco_service.settings.watch import SettingsWatch

logger = structlog.get_logger()

_STATUSES = {
    LimitRequestLine: HTTPStatus.REQUEST_URI_TOO_LONG,
    LimitRequestHeaders: HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE,
    UnsupportedTransferCoding: HTTPStatus.NOT_IMPLEMENTED,
    ExpectationFailed: HTTPStatus.EXPECTATION_FAILED,
}
OPERATOR_SECONDS = 45.0  # more than a call waits for its turn

_watch = SettingsWatch(Path(file)) if (file := os.environ.get("SETTINGS_FILE")) else None
_settings = Settings.from_env(os.environ)


class OnlyErrors(Logger):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's logger without its line of each request, which it would make and then drop."""

    def access(self, resp: Any, req: Any, environ: Any, request_time: Any) -> None:
        """Log nothing: each webhook logs a line itself."""


class Worker(GeventWorker):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's gevent worker, with a deadline for every request.

    The original bounds only the time until a request's head is there. Here REQUEST_SECONDS bound
    the head, the body and the answer together, and an idle connection ends when the worker stops.
    An operator's request may take longer once its head is there: it waits for the platform.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._idle: set[socket.socket] = set()

    def load_wsgi(self) -> None:
        """Make both applications, and choose between them by the listener of a connection."""
        self.webhooks: Any = self.app.wsgi()
        self.operator = create_operator_app(service_of(self.webhooks))
        self.wsgi = self._serve

    def _serve(self, environ: Any, start_response: Any) -> Any:
        operator = self.operator if gevent.getcurrent().is_operators else None
        return (operator or self.webhooks)(environ, start_response)

    def handle_exit(self, sig: Any, frame: Any) -> None:
        """Stop on a signal: no further calls are placed."""
        if calls := service_of(self.webhooks).calls:
            calls.refuse()
        super().handle_exit(sig, frame)

    def handle(self, listener: Any, client: socket.socket, peer: Any) -> None:
        """Serve one connection, unless listening stopped before its greenlet could begin."""
        if listener.fileno() < 0:
            client.close()
        else:
            current = gevent.getcurrent()
            current.is_operators = listener is not self.sockets[0]
            super().handle(listener, client, peer)

    def timeout_ctx(self) -> gevent.Timeout:
        """Start the deadline of a request; without its head by then, the connection is closed."""
        gevent.getcurrent().deadline = time.monotonic() + _settings.request_seconds
        return gevent.Timeout(_settings.request_seconds, False)

    def handle_request(self, listener: Any, req: Any, sock: socket.socket, peer: Any) -> None:
        """Answer one request before its deadline, then wait until the next one begins.

        Raises:
            StopIteration: no other follows; gunicorn closes the connection.

        """
        current = gevent.getcurrent()
        left = OPERATOR_SECONDS if current.is_operators else current.deadline - time.monotonic()
        with gevent.Timeout(max(left, 0)) as deadline:
            try:
                super().handle_request(listener, req, sock, peer)
            except gevent.Timeout as timeout:
                if timeout is not deadline:
                    raise
                self._refuse(408, "request_timeout", "not here and answered in time", peer, req)
                raise StopIteration from None
        pipelined = req.unreader.take_buffered()
        req.unreader.unread(pipelined)
        if not pipelined:
            self._wait_for_more(sock)

    def handle_error(self, req: Any, client: socket.socket, addr: Any, exc: Exception) -> None:
        """Refuse a request that is not valid HTTP, counted and logged as every other refusal.

        gunicorn would log each, at any rate, with the line that it saw and callers' numbers in it.
        """
        ours = (InvalidResponseHeader, InvalidResponseHeaderName)
        if not isinstance(exc, ParseException) or isinstance(exc, ours):
            super().handle_error(req, client, addr, exc)
            return
        status = _STATUSES.get(type(exc), HTTPStatus.BAD_REQUEST)
        seen = f"not valid HTTP: {type(exc).__name__}"
        self._refuse(status, "bad_request", seen, addr)
        with suppress(OSError):
            write_error(client, status, status.phrase, type(exc).__name__)

    def _refuse(self, status: int, slug: str, seen: str, peer: Any, req: Any = None) -> None:
        method, path = (req.method, req.path) if req else ("-", "-")
        address = peer[0] if peer else None
        service_of(self.webhooks).refusals.note(method, path, status, slug, seen, address)

    def notify(self) -> None:
        """Notify gunicorn's arbiter that the worker is alive; close idle ones at a stop."""
        super().notify()
        if not self.alive:
            if calls := service_of(self.webhooks).calls:
                calls.stop()
            for sock in self._idle:
                with suppress(OSError):
                    sock.shutdown(socket.SHUT_RDWR)

    def _wait_for_more(self, sock: socket.socket) -> None:
        self._idle.add(sock)
        try:
            wait_read(sock.fileno(), keepalive)
        except TimeoutError:
            raise StopIteration from None
        finally:
            self._idle.discard(sock)


def _address(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


bind = [_address(_settings.host, _settings.port)]
if _settings.vonage_private_key:
    bind.append(_address(_settings.operator_host, _settings.operator_port))
worker_class = Worker
workers = 1
worker_connections = _settings.worker_connections
keepalive = 30  # seconds: longer than the gateway's own, which keeps connections for reuse
graceful_timeout = 10  # seconds for requests that are under way when told to stop
limit_request_line = 8190  # a GET webhook carries all its fields in here
# Whether a peer's X-Forwarded-* headers count is decided for each request.
secure_scheme_headers: dict[str, str] = {}
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108 - memory, not disk
control_socket_disable = True  # nothing uses it, and it would need a writable home
accesslog = None
logger_class = OnlyErrors
logconfig_dict = logs.stdlib_configuration(_settings.log_level, _settings.log_format)


def post_worker_init(running: Any) -> None:
    """Start the background jobs, which do not survive a fork, and log where we listen."""
    service_of(running.webhooks).start()
    if _watch:
        Periodic("settings", _watch.poll).start()
    for name, listener in zip(("listening", "operator"), running.sockets, strict=False):
        logger.info(name, url=f"http://{_address(*listener.getsockname()[:2])}")


def worker_exit(_server: Any, exiting: Any) -> None:
    """Stop the background jobs."""
    if getattr(exiting, "webhooks", None):
        service_of(exiting.webhooks).stop()
