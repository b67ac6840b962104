"""Traces of calls, sent to an OpenTelemetry collector.

A call's trace begins with the answer. Its `traceparent` (W3C Trace Context) goes into the headers
of the socket, so that echo-service, and whatever answers when the socket is gone, continue it.
OpenTelemetry is an optional extra: this module is imported only where the setting asks for it.
"""

import socket
import threading
import time

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span as LibrarySpan
from opentelemetry.trace import SpanKind, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

__all__ = ["Span", "Traces"]

MOST_SPANS = 2048  # spans that wait for the collector; beyond it the oldest are dropped
BATCH_SPANS = 64  # spans of one request: encoding them takes 2 ms, in which answers wait

BATCH_SECONDS = 1.0
EXPORT_SECONDS = 5.0
STOP_SECONDS = 2.0

_W3C = TraceContextTextMapPropagator()


class Span:
    """Part of a call's trace, from its beginning until `end`.

    Args:
        span: the library's.

    Attributes:
        traceparent: names this span, for what continues it elsewhere; None if the library is
            switched off (OTEL_SDK_DISABLED).

    """

    def __init__(self, span: LibrarySpan) -> None:
        self._span = span
        carrier: dict[str, str] = {}
        _W3C.inject(carrier, set_span_in_context(span))
        self.traceparent = carrier.get("traceparent")

    def end(self, **facts: str | int | float | None) -> None:
        """End it, with facts as in the log; those that are None are left out."""
        self._span.set_attributes({name: fact for name, fact in facts.items() if fact is not None})
        self._span.end()


class Traces:
    """Sends spans to a collector, in the background: OTLP over HTTP.

    Args:
        endpoint: of the collector, such as http://collector:4318.

    """

    def __init__(self, endpoint: str) -> None:
        names = {"service.name": "ncco-service", "service.instance.id": socket.gethostname()}
        self._endpoint = endpoint
        self._provider = TracerProvider(resource=Resource.create(names), shutdown_on_exit=False)
        self._tracer = self._provider.get_tracer("ncco_service")

    def start(self) -> None:
        """Start sending; after a fork, since threads do not survive one."""
        exporter = OTLPSpanExporter(f"{self._endpoint}/v1/traces", timeout=EXPORT_SECONDS)
        processor = BatchSpanProcessor(
            exporter,
            max_queue_size=MOST_SPANS,
            schedule_delay_millis=BATCH_SECONDS * 1000,
            max_export_batch_size=BATCH_SPANS,
        )
        self._provider.add_span_processor(processor)

    def begin(self, name: str, parent: object = None, ago: float = 0.0) -> Span:
        """Begin a span.

        Args:
            name: what happens.
            parent: the `traceparent` that it continues; without one it begins a trace.
            ago: seconds since it began.

        """
        context = Context()
        if isinstance(parent, str):
            context = _W3C.extract({"traceparent": parent}, context)
        began = time.time_ns() - int(ago * 1e9)
        return Span(self._tracer.start_span(name, context, SpanKind.SERVER, start_time=began))

    def stop(self) -> None:
        """Send what is left; waits at most 2 s."""
        thread = threading.Thread(target=self._provider.shutdown, name="traces", daemon=True)
        thread.start()
        thread.join(STOP_SECONDS)
