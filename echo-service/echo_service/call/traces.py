"""Traces of calls, sent to an OpenTelemetry collector.

ncco-service begins the trace of a call, and the socket's first message names it: `traceparent`, W3C
Trace Context. OpenTelemetry is an optional extra: this module is imported only where the setting
asks for it. Nothing here runs per frame.
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Iterator, Mapping

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import (
    SpanKind,
    StatusCode,
    Tracer,
    set_span_in_context,
    set_tracer_provider,
    use_span,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

__all__ = ["CallTrace", "Traces"]

MOST_SPANS = 2048  # spans that wait for the collector; beyond it the oldest are dropped
BATCH_SPANS = 64  # spans of one request: encoding them takes 2 ms, in which calls may wait
BATCH_SECONDS = 1.0
EXPORT_SECONDS = 5.0
STOP_SECONDS = 2.0

_W3C = TraceContextTextMapPropagator()


class CallTrace:
    """Spans of one call: `call`, and in it `handshake` and `handler`.

    Args:
        tracer: makes spans.
        traceparent: of the span that led to the call; without one a trace begins here.
        handshake_seconds: how long the handshake took.
        ago: seconds since it was done.

    """

    def __init__(
        self, tracer: Tracer, traceparent: object, handshake_seconds: float, ago: float
    ) -> None:
        context = Context()
        if isinstance(traceparent, str):
            context = _W3C.extract({"traceparent": traceparent}, context)
        accepted = time.time_ns() - int(ago * 1e9)
        began = accepted - int(handshake_seconds * 1e9)
        self._tracer = tracer
        self._call = tracer.start_span("call", context, SpanKind.SERVER, start_time=began)
        self._context = set_span_in_context(self._call, Context())
        tracer.start_span("handshake", self._context, start_time=began).end(accepted)

    @contextlib.contextmanager
    def handler(self) -> Iterator[None]:
        """Make a span of the handler the current one, so that spans of its own belong to it."""
        span = self._tracer.start_span("handler", self._context)
        with use_span(span, True, record_exception=False, set_status_on_exception=False):
            yield

    def end(self, facts: Mapping[str, object], *, failed: bool) -> None:
        """End the call.

        Args:
            facts: as in the log; those that are None are left out.
            failed: whether its handler did.

        """
        for name, fact in facts.items():
            if isinstance(fact, str | int | float):
                self._call.set_attribute(name, fact)
        if failed:
            self._call.set_status(StatusCode.ERROR)
        self._call.end()


class Traces:
    """Sends spans to a collector, in a thread: OTLP over HTTP.

    Args:
        endpoint: of the collector, such as http://collector:4318.

    """

    def __init__(self, endpoint: str) -> None:
        names = {"service.name": "echo-service", "service.instance.id": socket.gethostname()}
        self._provider = TracerProvider(resource=Resource.create(names), shutdown_on_exit=False)
        exporter = OTLPSpanExporter(f"{endpoint}/v1/traces", timeout=EXPORT_SECONDS)
        processor = BatchSpanProcessor(
            exporter,
            max_queue_size=MOST_SPANS,
            schedule_delay_millis=BATCH_SECONDS * 1000,
            max_export_batch_size=BATCH_SPANS,
        )
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("echo_service")
        set_tracer_provider(self._provider)  # of spans that handlers make

    def call(self, traceparent: object, handshake_seconds: float, ago: float) -> CallTrace:
        """Begin the spans of a call; arguments as of `CallTrace`."""
        return CallTrace(self._tracer, traceparent, handshake_seconds, ago)

    def stop(self) -> None:
        """Send what is left; waits at most 2 s."""
        thread = threading.Thread(target=self._provider.shutdown, name="traces", daemon=True)
        thread.start()
        thread.join(STOP_SECONDS)
