"""Metrics for Prometheus and the list of live calls, on a port of their own.

Nothing here is done for a frame: the counters of the live calls and of those that have ended are
added up when somebody asks. Who may ask is a matter of who reaches the port, which is loopback
unless OBSERVE_HOST says otherwise; the gateway never leads there.
"""

from __future__ import annotations

import datetime
import http
import itertools
import logging
from collections.abc import Iterator
from types import TracebackType

from prometheus_client import (
    CONTENT_TYPE_LATEST,
    CollectorRegistry,
    GCCollector,
    PlatformCollector,
    ProcessCollector,
    generate_latest,
)
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response

from . import replies
from .listening import listening_socket, url_of
from .logs import event
from .recording import masked
from .switchboard import Switchboard
from .tally import GAPS_MS, Tally

__all__ = ["Observatory", "figures", "live_calls"]

logger = logging.getLogger(__name__)

REQUEST_SECONDS = 5.0
"""How long a request may take."""


class Observatory:
    """Listens for those who watch: an asynchronous context manager.

    Args:
        board: what is watched.
        host: to listen on.
        port: likewise; 0 takes a free one.

    """

    def __init__(self, board: Switchboard, host: str, port: int) -> None:
        self._board = board
        self._host = host
        self._port = port
        self._registry = CollectorRegistry()
        self._registry.register(_Figures(board))
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        GCCollector(registry=self._registry)
        self._server: Server

    async def __aenter__(self) -> Observatory:
        self._server = await serve(
            _nobody,
            sock=listening_socket("OBSERVE_HOST", self._host, "OBSERVE_PORT", self._port),
            compression=None,
            process_request=self._answer,
            server_header=None,
            open_timeout=REQUEST_SECONDS,
        )
        event(logger, "observing", url=self.url)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.close()
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        """Where it listens."""
        return url_of(self._server.sockets[0], self._host)

    def _answer(self, connection: ServerConnection, request: Request) -> Response:
        match request.path.partition("?")[0]:
            case "/metrics":
                return replies.reply(
                    http.HTTPStatus.OK, generate_latest(self._registry), CONTENT_TYPE_LATEST
                )
            case "/calls":
                return replies.json_reply(http.HTTPStatus.OK, {"calls": live_calls(self._board)})
            case "/healthz":
                return replies.json_reply(http.HTTPStatus.OK, {"status": "alive"})
            case path:
                return replies.not_found(path, "here are /metrics and /calls")


async def _nobody(connection: ServerConnection) -> None:
    """Serve no WebSocket: every request gets an ordinary answer."""


def live_calls(board: Switchboard) -> list[dict[str, object]]:
    """Return the live calls, the longest first, callers' numbers masked as in the logs."""
    calls = []
    for connection, call in board.calls.items():
        if not call.started:
            continue
        began = datetime.datetime.fromtimestamp(call.started_at, datetime.UTC)
        metadata = dict(call.metadata)
        calls.append(
            call.summary()
            | {
                "began": began.isoformat(timespec="milliseconds"),
                "peer": connection.address,
                "metadata": metadata if board.settings.log_numbers else masked(metadata),
                "notes": dict(call.notes),
            }
        )
    return calls


def figures(board: Switchboard) -> Tally:
    """Return the sum of what was counted of all calls, those that have ended and the live ones."""
    whole = Tally()
    whole.add_sum(board.ended_calls)
    for call in board.calls.values():
        whole.add(call.figures())
    return whole


class _Figures(Collector):
    """What the switchboard knows, as metrics."""

    def __init__(self, board: Switchboard) -> None:
        self._board = board

    def describe(self) -> list[Metric]:
        """Say nothing before it is asked: names are fixed below."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Add everything up."""
        board = self._board
        whole = figures(board)
        started = sum(call.started for call in board.calls.values())
        yield _gauge("live_calls", "Calls that are open now.", started)
        yield _gauge(
            "connections",
            "TCP connections that are open now, calls or not.",
            len(board.connections),
        )
        yield _gauge("max_calls", "Calls that may be open at once.", board.settings.max_calls)
        yield _labelled("calls_ended", "Calls that have ended.", "reason", board.endings)
        yield _labelled(
            "handshakes", "Handshakes, by what became of them.", "result", board.lobby.results
        )
        both = {"in": whole.frames_in, "out": whole.frames_out}
        yield _labelled("frames", "Audio frames.", "direction", both)
        both = {"in": whole.bytes_in, "out": whole.bytes_out}
        yield _labelled("audio_bytes", "Bytes of audio.", "direction", both)
        yield _counter("odd_frames", "Frames of another size than the call's.", whole.odd)
        yield _counter("late_frames", "Frames more than 60 ms after they were due.", whole.late)
        yield _counter("dropped_frames", "Frames a slow audio handler missed.", whole.dropped)
        yield _counter("texts", "Text messages.", whole.texts)
        yield _gaps(whole)
        yield _gauge("loop_lag_seconds", "How late the event loop was, last.", board.sweeper.lag)
        yield _gauge("loop_lag_worst_seconds", "The same, at worst.", board.sweeper.worst_lag)
        blocked = board.blockages
        yield _counter("handler_blocked", "Times an audio handler blocked the loop.", blocked.times)
        yield _counter("handler_blocked_seconds", "Seconds for which it did.", blocked.seconds)
        if board.recorder is not None:
            counts = board.recorder.counts
            results = {"finished": counts.finished, "failed": counts.failed}
            yield _labelled("recordings", "Recordings, by what became of them.", "result", results)
            yield _counter(
                "recording_dropped_frames", "Frames not recorded.", counts.dropped_frames
            )


def _gauge(name: str, help: str, value: float) -> Metric:
    return GaugeMetricFamily(f"echo_{name}", help, value=value)


def _counter(name: str, help: str, value: float) -> Metric:
    return CounterMetricFamily(f"echo_{name}", help, value=value)


def _labelled(name: str, help: str, label: str, values: dict[str, int]) -> Metric:
    family = CounterMetricFamily(f"echo_{name}", help, labels=[label])
    for word, value in values.items():
        family.add_metric([word], value)
    return family


def _gaps(whole: Tally) -> Metric:
    bounds = [*(str(bound) for bound in GAPS_MS), "+Inf"]
    counts = itertools.accumulate(whole.gaps)
    return HistogramMetricFamily(
        "echo_frame_gap_ms",
        "Milliseconds between two frames of a call.",
        buckets=list(zip(bounds, counts, strict=True)),
        sum_value=whole.gap_seconds * 1000,
    )
