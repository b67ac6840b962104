"""An OpenTelemetry collector: takes spans by OTLP over HTTP, and keeps them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)

from tests.web_server import QuietHandler, WebServer

__all__ = ["Collector", "Span"]


@dataclass(frozen=True)
class Span:
    """A span as it was sent: ids in hexadecimal, "" for no parent, times in ns since 1970."""

    service: str
    name: str
    trace: str
    id: str
    parent: str
    begin: int
    end: int
    facts: dict[str, Any]


class Collector(WebServer):
    """The collector: a context manager that listens on a port of its own."""

    def __init__(self) -> None:
        self.spans: list[Span] = []
        collector = self

        class Handler(QuietHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                found = self.path == "/v1/traces"
                if found:
                    collector.spans += _spans(ExportTraceServiceRequest.FromString(body))
                self.send_response(200 if found else 404)
                self.send_header("Content-Type", "application/x-protobuf")
                self.end_headers()
                self.wfile.write(ExportTraceServiceResponse().SerializeToString())

        super().__init__(Handler)


def _spans(request: ExportTraceServiceRequest) -> list[Span]:
    return [
        Span(
            _facts(resource.resource.attributes)["service.name"],
            span.name,
            span.trace_id.hex(),
            span.span_id.hex(),
            span.parent_span_id.hex(),
            span.start_time_unix_nano,
            span.end_time_unix_nano,
            _facts(span.attributes),
        )
        for resource in request.resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]


def _facts(attributes: Any) -> dict[str, Any]:
    return {
        each.key: getattr(each.value, str(each.value.WhichOneof("value"))) for each in attributes
    }
