"""Metrics for Prometheus, on a port of their own: the gateway never leads there."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import structlog
from gevent.pywsgi import WSGIServer  # type: ignore[import-untyped]  # gevent has no types
from prometheus_client import (
    CollectorRegistry,
    Counter,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    make_wsgi_app,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ncco_service.calls import Calls
from ncco_service.discovery import Discovery
from ncco_service.http.refusals import Refusals
from ncco_service.views.signature_check import SignatureCheck

__all__ = ["Metrics", "MetricsServer"]

logger = structlog.get_logger()

ANSWER_SECONDS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0)
"""Bounds of the histogram of answers. The platform waits a second for a connection, 5 s in all."""

ANSWER_RESULTS = ("answered", "busy", "fallback", "not_ready")
REPLIES = ("reconnect", "after", "fallback")


class Metrics(Collector):
    """All figures of the service; counters of other parts are read when metrics are requested.

    Attributes:
        registry: what is exported.

    Args:
        discovery: what is known of the public address.
        signature_check: of webhooks; None when they are not verified.
        refusals: of requests.
        calls: that we start; None when none can be.

    """

    def __init__(
        self,
        discovery: Discovery,
        signature_check: SignatureCheck | None,
        refusals: Refusals,
        calls: Calls | None,
    ) -> None:
        self._calls = calls
        self._discovery = discovery
        self._signature_check = signature_check
        self._refusals = refusals
        self.registry = CollectorRegistry()
        answers = Histogram(
            "ncco_answer_seconds",
            "Answer webhooks, by result: how long the answer took.",
            ["result"],
            buckets=ANSWER_SECONDS,
            registry=self.registry,
        )
        ends = Counter(
            "ncco_socket_ends",
            "Sockets that ended or did not open, by the reply to the event.",
            ["reply"],
            registry=self.registry,
        )
        self._answers = {result: answers.labels(result) for result in ANSWER_RESULTS}
        self._ends = {reply: ends.labels(reply) for reply in REPLIES}
        self.registry.register(self)
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self.registry)

    def answered(self, result: str, seconds: float) -> None:
        """Count an answer: one of ANSWER_RESULTS, and how long it took."""
        self._answers[result].observe(seconds)

    def socket_ended(self, reply: str) -> None:
        """Count the end of a socket: one of REPLIES."""
        self._ends[reply].inc()

    def describe(self) -> list[Metric]:
        """Return nothing: without this, registering would collect once to learn the names."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield what others know and count."""
        discovery = self._discovery
        known = discovery.public_url.webhooks is not None
        yield GaugeMetricFamily(
            "ncco_public_url_known", "Whether the public address is known.", value=known
        )
        if discovery.agent is not None:
            yield GaugeMetricFamily(
                "ncco_public_url_age_seconds",
                "How long ago the tunnel's agent answered; until it has, since the start.",
                value=discovery.agent.silence,
            )
        if discovery.echo is not None:
            state = discovery.echo.readiness.state
            yield GaugeMetricFamily(
                "ncco_echo_service_ready",
                "Whether echo-service takes calls.",
                value=state == "ready",
            )
        yield _counter(
            "ncco_requests_refused",
            "Requests that were refused, by reason.",
            "reason",
            self._refusals.counts,
        )
        if self._signature_check is not None:
            yield _counter(
                "ncco_signatures_refused",
                "Webhooks that Vonage did not sign, by the check that failed.",
                "check",
                self._signature_check.refused,
            )
        if self._calls is not None:
            results = self._calls.results
            yield _counter(
                "ncco_calls_placed", "Calls that we started, by result.", "result", results
            )
        if discovery.application is not None:
            yield _counter(
                "ncco_application_updates",
                "Attempts to point the Vonage application here, by result.",
                "result",
                discovery.application.results,
            )


def _counter(name: str, help: str, label: str, counts: Mapping[str, int]) -> Metric:
    family = CounterMetricFamily(name, help, labels=[label])
    for value, count in dict(counts).items():
        family.add_metric([value], count)
    return family


class MetricsServer:
    """Serves the metrics over HTTP, beside gunicorn and in its worker.

    Args:
        metrics: of the service.
        host: to listen on.
        port: likewise; 0 takes a free one.

    """

    def __init__(self, metrics: Metrics, host: str, port: int) -> None:
        self._server = WSGIServer((host, port), _only_metrics(metrics), log=None)

    def start(self) -> None:
        """Listen; if the port is taken, the log says so and calls are served without metrics."""
        try:
            self._server.start()
        except OSError as error:
            host, port = self._server.address[:2]
            logger.error(
                "no_metrics",
                message=f"METRICS_HOST={host} METRICS_PORT={port} cannot be listened on "
                f"({error.strerror}): set METRICS_PORT to a port that is free",
            )
            return
        host, port = self._server.address[:2]
        logger.info(
            "metrics_listening", url=f"http://{f'[{host}]' if ':' in host else host}:{port}"
        )

    def stop(self) -> None:
        """Stop listening."""
        if self._server.started:
            self._server.stop(timeout=1)


def _only_metrics(metrics: Metrics) -> Callable[..., Any]:
    serve = make_wsgi_app(metrics.registry)

    def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        if environ.get("PATH_INFO") == "/metrics":
            return serve(environ, start_response)
        start_response("404 Not Found", [("Content-Type", "application/json")])
        return [b'{"error": "not_found", "message": "nothing else is served here", '
                b'"hint": "the metrics are at /metrics"}\n']  # fmt: skip

    return application
