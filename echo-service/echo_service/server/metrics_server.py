"""HTTP server for metrics, live calls and recently ended calls, on a port of its own.

Whoever reaches the port may read them: it is on loopback unless METRICS_HOST says otherwise, and
the gateway never forwards to it.
"""

from __future__ import annotations

import http
import urllib.parse

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from ..handlers import METRICS
from ..logs import TokenBucket, get_logger
from . import responses
from .listening import listening_socket, url_of
from .metrics import Metrics

__all__ = ["MetricsServer"]

logger = get_logger(__name__)

LOGGED_AT_ONCE = 10  # refusals that are logged at once; after them one a second
REQUEST_SECONDS = 5.0  # how long a request may take


class MetricsServer:
    """Serves metrics over HTTP: an asynchronous context manager.

    Args:
        metrics: of the service.
        host: to listen on.
        port: likewise; 0 takes a free one.

    Raises:
        CannotListen: on entry, if the host is unknown or the port is taken.

    """

    def __init__(self, metrics: Metrics, host: str, port: int) -> None:
        self._metrics = metrics
        self._host = host
        self._port = port
        self._log_lines = TokenBucket(LOGGED_AT_ONCE, 1)
        self._prometheus = CollectorRegistry()
        self._prometheus.register(metrics)
        ProcessCollector(registry=self._prometheus)
        PlatformCollector(registry=self._prometheus)
        GCCollector(registry=self._prometheus)
        self._server: Server

    async def __aenter__(self) -> MetricsServer:
        self._server = await serve(
            _no_websocket,
            sock=listening_socket("METRICS_HOST", self._host, "METRICS_PORT", self._port),
            compression=None,
            process_request=self._respond,
            server_header=None,
            open_timeout=REQUEST_SECONDS,
        )
        logger.info("metrics_listening", url=self.url)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        """URL that it listens at."""
        return url_of(self._server.sockets[0], self._host)

    def _respond(self, connection: ServerConnection, request: Request) -> Response:
        match request.path.partition("?")[0]:
            case "/metrics":
                body = generate_latest(self._prometheus) + generate_latest(METRICS)
                return responses.response(http.HTTPStatus.OK, body, CONTENT_TYPE_LATEST)
            case "/calls":
                calls = {"calls": self._metrics.live_calls()}
                return responses.json_response(http.HTTPStatus.OK, calls)
            case path if path.startswith("/calls/"):
                return self._call(urllib.parse.unquote(path.removeprefix("/calls/")))
            case "/healthz":
                return responses.json_response(http.HTTPStatus.OK, {"status": "alive"})
            case path:
                if self._log_lines.take():
                    logger.warning(
                        "request_refused",
                        method=request.method,
                        path=path[:80],
                        status=404,
                        message="the metrics' port has no such path",
                        unlogged=self._log_lines.reset_denied(),
                    )
                return responses.not_found(
                    path, "the paths here are /metrics, /calls, /calls/{uuid} and /healthz"
                )

    def _call(self, call_id: str) -> Response:
        state = self._metrics.state_of(call_id)
        if state is None:
            hint = "this replica has no live or recent call with that id: ask the other replicas"
            return responses.not_found(f"call {call_id}", hint)
        return responses.json_response(http.HTTPStatus.OK, state)


async def _no_websocket(connection: ServerConnection) -> None:
    """Serve no WebSocket: every request gets an ordinary response."""
