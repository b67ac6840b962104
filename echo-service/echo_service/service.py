"""Composition of the service, and its drain."""

from __future__ import annotations

import asyncio
import contextlib
import functools
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.frames import CloseCode

from . import handlers
from .call import Call
from .calls import CallRegistry, PendingHandshakes, Reaper
from .handlers.echo import echo, record
from .logs import get_logger
from .loop_monitor import LoopMonitor
from .recording import Recorder
from .server import responses
from .server.authentication import UNSET, authenticator
from .server.handshake import Handshakes
from .server.health import OPEN, Health
from .server.listening import BACKLOG, listening_socket, raise_file_limit, url_of
from .server.metrics import Metrics
from .settings import Settings, SettingsError
from .websocket import CallConnection, ConnectionOptions, FairQueue, FastConnection, private_api

if TYPE_CHECKING:
    from .call.traces import Traces

__all__ = ["EchoService"]

logger = get_logger(__name__)

CLOSE_SECONDS = 5.0  # how long a peer may take to answer a close
DONE_SECONDS = 2.0  # how long ncco-service may still ask how a call ended, after a normal end
SPARE_FILES = 100
"""Open files that are not connections of peers: logs, the event loop's, readers of metrics."""


class EchoService:
    """The service: an asynchronous context manager that listens while it is entered.

    Args:
        settings: of the process.

    Raises:
        HandlerError: the audio handler cannot be used.
        SettingsError: what a setting needs is not installed.
        CannotListen: on entry, if the host is unknown or the port is taken.

    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        handler = handlers.load(settings)
        records = settings.record or handler is record
        self.monitor = LoopMonitor()
        # Old recordings are removed even if no new ones are made any more.
        self._recorder: Recorder | None = None
        if records or settings.recordings_days:
            self._recorder = Recorder(Path(settings.recordings_dir), settings.recordings_days)
        # Connections echo on their own if neither a handler nor a recording needs the audio.
        self._runner: handlers.HandlerRunner | None = None
        if records or handler is not echo:
            recorder = self._recorder if records else None
            self._runner = handlers.HandlerRunner(handler, settings, self.monitor, recorder)
        self.pending = PendingHandshakes(
            settings.max_handshakes, settings.max_handshakes_per_address
        )
        self._traces = _traces(settings.otel_exporter_otlp_endpoint)
        self.registry = CallRegistry(
            self.pending,
            self._runner,
            self._traces,
            texts_per_second=settings.max_texts_per_second,
            log_numbers=settings.log_numbers,
            clock=asyncio.get_running_loop().time,
        )
        self.reaper = Reaper(self.registry.connections, settings, CLOSE_SECONDS)
        self._health = Health(settings, self.registry.calls)
        self.metrics = Metrics(self.registry, self.pending, self.monitor, self._recorder, settings)
        self._handshakes = Handshakes(
            self.pending,
            authenticator(
                settings.socket_auth_mode, settings.socket_secrets, settings.signature_secrets
            ),
            self._health,
            self.registry.accepted,
        )
        self._server: Server
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> EchoService:
        settings = self.settings
        # A call may have a recording's file as well.
        raise_file_limit(2 * settings.max_calls + settings.max_handshakes + SPARE_FILES)
        self._server = await serve(
            _serve_call,
            sock=listening_socket("HOST", settings.host, "PORT", settings.port),
            backlog=BACKLOG,
            compression=None,
            create_connection=cast("Any", self._connection_factory()),
            process_request=self._handshakes.request,
            process_response=self._handshakes.response,
            server_header=None,
            # HANDSHAKE_SECONDS is up to the reaper: one timer instead of one for each connection.
            open_timeout=None,
            ping_interval=settings.ping_interval or None,
            # A peer that answers no pings may still send audio: silence is what ends a call.
            ping_timeout=None,
            close_timeout=CLOSE_SECONDS,
            max_size=settings.max_message_bytes,
            write_limit=settings.slow_reader_bytes,
        )
        if self._traces is not None:
            self._stack.push_async_callback(asyncio.to_thread, self._traces.stop)
        self.monitor.start()
        self._stack.callback(self.monitor.stop)
        if self._recorder is not None:
            await self._stack.enter_async_context(self._recorder)
        if self._runner is not None:
            self._stack.push_async_callback(self._runner.stop)
        self.reaper.start()
        self._stack.push_async_callback(self.reaper.stop)
        if settings.socket_auth_mode == "none":
            logger.warning("open_to_anybody", message=OPEN)
        if settings.socket_auth_mode == "unset":
            logger.error("closed_to_everybody", message=UNSET)
        logger.info("listening", url=self.url)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close(reason="the service stops")
        await self._server.wait_closed()
        await self._stack.aclose()

    @property
    def port(self) -> int:
        """Port that it listens on."""
        return int(self._server.sockets[0].getsockname()[1])

    @property
    def url(self) -> str:
        """URL that it listens at."""
        return url_of(self._server.sockets[0], self.settings.host)

    async def drain(self) -> None:
        """Take no new calls; wait for the live ones as long as is allowed, and move the rest."""
        self._health.draining = True
        registry, limit = self.registry, self.settings.drain_seconds
        for connection, call in list(registry.calls.items()):
            if not call.started:
                connection.end_call(CloseCode.GOING_AWAY, "the service stops", "stopped")
        logger.info("draining", calls=len(registry.calls), seconds=limit)
        try:
            async with asyncio.timeout(limit):
                await registry.idle.wait()
        except TimeoutError:
            await self._move()
        done_at, now = registry.ended_calls.last_done_at, asyncio.get_running_loop().time()
        if done_at is not None and done_at + DONE_SECONDS > now:
            await asyncio.sleep(done_at + DONE_SECONDS - now)

    async def _move(self) -> None:
        """Close the sockets of the calls that are left, so that the platform dials another process.

        With 1012, service restart (RFC 6455, 7.4.2, and IANA's registry of close codes).
        """
        registry, spread = self.registry, self.settings.move_seconds
        connections = list(registry.calls)
        logger.info("moving", calls=len(connections), seconds=spread)
        for number, connection in enumerate(connections):
            if number:
                await asyncio.sleep(spread / len(connections))
            if connection in registry.calls:
                connection.end_call(
                    CloseCode.SERVICE_RESTART, "the service restarts", handlers.MOVED
                )
        try:
            async with asyncio.timeout(CLOSE_SECONDS + 1):
                await registry.idle.wait()
        except TimeoutError:
            logger.warning("drain_timed_out", calls=len(registry.calls))

    def abort(self) -> None:
        """End every connection at once, without a close frame."""
        for connection in list(self.registry.connections):
            connection.abort()

    def _connection_factory(self) -> Callable[..., CallConnection]:
        """Return what makes a connection: on the fast path, if the library allows it."""
        settings = self.settings
        options = ConnectionOptions(
            handshake_bytes=settings.handshake_bytes,
            too_large=functools.partial(responses.too_large, settings.handshake_bytes),
            message_bytes=settings.max_message_bytes,
            close_seconds=CLOSE_SECONDS,
            echo=self._runner is None,
            echo_text=settings.echo_text_for_tests,
        )
        known: dict[str, Any] = {"options": options, "events": self.registry}
        if settings.echo_engine == "auto" and private_api.problem is None:
            queue = FairQueue(asyncio.get_running_loop())
            accept = self._handshakes.accept
            return functools.partial(FastConnection, fair_queue=queue, accept=accept, **known)
        if settings.echo_engine == "auto":
            logger.warning(
                "fast_path_unavailable",
                message=f"{private_api.problem}: using the documented path, which holds fewer "
                "calls (bench/README.md)",
            )
        return functools.partial(CallConnection, **known)


def _traces(endpoint: str) -> Traces | None:
    if not endpoint:
        return None
    try:
        from .call.traces import Traces  # noqa: PLC0415 - an optional extra
    except ImportError as error:
        problem = (
            f"OTEL_EXPORTER_OTLP_ENDPOINT is set, but OpenTelemetry is not installed ({error}): "
            "install echo-service[traces], or build the image with --build-arg "
            "REQUIREMENTS=requirements-traces.txt (with Compose: docker compose up --build), "
            "or unset it"
        )
        raise SettingsError([problem]) from None
    return Traces(endpoint)


def _serve_call(connection: ServerConnection) -> Awaitable[None]:
    accepted = cast(CallConnection, connection)
    return accepted.serve(cast(Call, accepted.call))
