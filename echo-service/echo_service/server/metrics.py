"""Metrics for Prometheus, and the list of live calls.

Nothing here is done for a frame: the counters of live and ended calls are summed up when somebody
asks, and asking changes nothing.
"""

from __future__ import annotations

import datetime
import itertools
from collections.abc import Iterator, Mapping

from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from ..call import CallTotals
from ..call.stats import GAP_BOUNDS_MS
from ..calls import CallRegistry, PendingHandshakes
from ..logs import masked
from ..loop_monitor import LoopMonitor
from ..recording import Recorder
from ..settings import Settings

__all__ = ["Metrics"]


class Metrics(Collector):
    """All figures of the service.

    Args:
        registry: of calls.
        pending: handshakes.
        monitor: of the event loop.
        recorder: of calls, if there is one.
        settings: of the process.

    """

    def __init__(
        self,
        registry: CallRegistry,
        pending: PendingHandshakes,
        monitor: LoopMonitor,
        recorder: Recorder | None,
        settings: Settings,
    ) -> None:
        self._registry = registry
        self._pending = pending
        self._monitor = monitor
        self._recorder = recorder
        self._settings = settings

    def live_calls(self) -> list[dict[str, object]]:
        """Return the live calls, the longest first, callers' numbers masked as in the logs."""
        calls = []
        for connection, call in self._registry.calls.items():
            if not call.started:
                continue
            began = datetime.datetime.fromtimestamp(call.started_at, datetime.UTC)
            metadata = dict(call.metadata)
            calls.append(
                call.summary()
                | {
                    "began": began.isoformat(timespec="milliseconds"),
                    "peer": connection.address,
                    "metadata": metadata if self._settings.log_numbers else masked(metadata),
                    "notes": dict(call.notes),
                }
            )
        return calls

    def state_of(self, call_id: str) -> Mapping[str, object] | None:
        """Return whether a call is live or how it ended recently; None for an unknown one."""
        return self._registry.state_of(call_id)

    def describe(self) -> list[Metric]:
        """Return nothing: without this, registering would collect once to learn the names."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield all metrics."""
        registry, monitor = self._registry, self._monitor
        totals = registry.totals()
        started = sum(call.started for call in registry.calls.values())
        for name, help, value in (
            ("live_calls", "Calls that are open now.", started),
            ("connections", "Open TCP connections, calls or not.", len(registry.connections)),
            ("max_calls", "Calls that may be open at once.", self._settings.max_calls),
            ("loop_lag_seconds", "Latest lag of the event loop.", monitor.lag),
            ("loop_lag_worst_seconds", "Largest lag of the event loop.", monitor.worst_lag),
        ):
            yield GaugeMetricFamily(f"echo_{name}", help, value=value)
        for name, help, value in (
            ("odd_frames", "Frames of an unexpected size.", totals.odd_frames),
            ("late_frames", "Frames more than 60 ms after they were due.", totals.late_frames),
            ("dropped_frames", "Frames a slow audio handler missed.", totals.dropped_frames),
            ("texts", "Text messages.", totals.texts),
            ("calls_resumed", "Calls that were connected again.", registry.resumed),
            ("handler_blocked", "Times the loop was blocked.", monitor.blocked_times),
            (
                "handler_blocked_seconds",
                "Seconds the loop was blocked.",
                monitor.blocked_seconds,
            ),
        ):
            yield CounterMetricFamily(f"echo_{name}", help, value=value)
        yield _labelled("calls_ended", "Ended calls.", "reason", registry.close_reasons)
        yield _labelled("handshakes", "Handshakes, by result.", "result", self._pending.results)
        both = {"in": totals.frames_in, "out": totals.frames_out}
        yield _labelled("frames", "Audio frames.", "direction", both)
        both = {"in": totals.bytes_in, "out": totals.bytes_out}
        yield _labelled("audio_bytes", "Bytes of audio.", "direction", both)
        yield _gaps(totals)
        if self._recorder is not None:
            counts = self._recorder.counts
            results = {"finished": counts.finished, "failed": counts.failed}
            yield _labelled("recordings", "Recordings, by result.", "result", results)
            yield CounterMetricFamily(
                "echo_recording_dropped_frames", "Frames not recorded.", counts.dropped_frames
            )


def _labelled(name: str, help: str, label: str, values: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(f"echo_{name}", help, labels=[label])
    for word, value in values.items():
        family.add_metric([word], value)
    return family


def _gaps(totals: CallTotals) -> Metric:
    bounds = [*(str(bound) for bound in GAP_BOUNDS_MS), "+Inf"]
    counts = itertools.accumulate(totals.gaps)
    return HistogramMetricFamily(
        "echo_frame_gap_ms",
        "Milliseconds between two frames of a call.",
        buckets=list(zip(bounds, counts, strict=True)),
        sum_value=totals.gap_seconds * 1000,
    )
