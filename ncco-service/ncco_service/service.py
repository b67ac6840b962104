"""The service: its parts, put together from the settings."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from ncco_service.calls import Bodies, Bot, Calls, Journal, Signals, VoiceApi
from ncco_service.discovery import Discovery, NotKnown
from ncco_service.http.errors import Problem
from ncco_service.http.refusals import Refusals
from ncco_service.ncco import Documents
from ncco_service.settings import Settings, SettingsError
from ncco_service.signature import Verifier
from ncco_service.views.metrics import Metrics, MetricsServer
from ncco_service.views.signature_check import SignatureCheck

if TYPE_CHECKING:
    from ncco_service.calls.traces import Traces

__all__ = ["Service"]

logger = structlog.get_logger()


@dataclass(frozen=True)
class Service:
    """The parts of a service.

    `signature_check` is None when webhooks are not verified, `calls` when none can be started,
    `traces` without a collector.
    """

    settings: Settings
    documents: Documents
    discovery: Discovery
    signature_check: SignatureCheck | None
    calls: Calls | None
    refusals: Refusals
    metrics: Metrics
    metrics_server: MetricsServer
    traces: "Traces | None"

    @classmethod
    def build(cls, settings: Settings) -> "Service":
        """Make the parts; nothing runs yet.

        Raises:
            TemplateError: a document is wrong.
            SettingsError: what a setting needs is not installed.

        """
        traces = _traces(settings)
        documents = Documents.load(settings)

        def probe_authorization() -> str | None:
            return (documents.authorization("probe") or {}).get("value")

        discovery = Discovery.build(settings, probe_authorization)
        signature_check = None
        if secrets := settings.vonage_signature_secrets:
            verifier = Verifier(secrets, settings.vonage_api_key, settings.vonage_application_id)
            signature_check = SignatureCheck(verifier)
        calls = _calls(settings, documents, discovery, traces)
        refusals = Refusals()
        metrics = Metrics(discovery, signature_check, refusals, calls)
        return cls(
            settings,
            documents,
            discovery,
            signature_check,
            calls,
            refusals,
            metrics,
            MetricsServer(metrics, settings.metrics_host, settings.metrics_port),
            traces,
        )

    @property
    def warnings(self) -> list[str]:
        """What anyone may use without proof, and how to change that."""
        found = []
        if self.signature_check is None:
            found.append(
                "anyone can send webhooks, since none is verified: set VONAGE_SIGNATURE_SECRET"
            )
        if self.settings.socket_auth == "none":
            found.append(
                "anyone can open the socket (SOCKET_AUTH=none): "
                "set SOCKET_SECRET here and for the echo service, and SOCKET_AUTH=ticket"
            )
        return found

    def start(self) -> None:
        """Log the warnings and start the background jobs, in the process that serves."""
        given = self.settings
        # Without a public address only this machine can send webhooks, so that is no warning; the
        # socket may be reachable all the same.
        public = given.ngrok_api_url or given.socket_url or given.public_url
        log = logger.warning if public or given.socket_auth == "none" else logger.info
        for warning in self.warnings:
            log("open_to_anybody", message=warning)
        for warning in self.documents.warnings:
            logger.warning("document_warning", message=warning)
        self.discovery.start()
        self.metrics_server.start()
        if self.traces:
            self.traces.start()
        if self.calls:
            self.calls.start()

    def stop(self) -> None:
        """Stop the background jobs."""
        self.metrics_server.stop()
        if self.calls:
            self.calls.stop()
        self.discovery.stop()
        if self.traces:
            self.traces.stop()


def _traces(settings: Settings) -> "Traces | None":
    if settings.otel_exporter_otlp_endpoint is None:
        return None
    try:
        from ncco_service.calls.traces import Traces  # noqa: PLC0415 - an optional extra
    except ImportError as error:
        problem = (
            f"OTEL_EXPORTER_OTLP_ENDPOINT is set, but OpenTelemetry is not installed ({error}): "
            "install ncco-service[traces], or build the image with --build-arg "
            "REQUIREMENTS=requirements-traces.txt (with Compose: docker compose up --build), "
            "or unset it"
        )
        raise SettingsError([problem]) from None
    return Traces(settings.otel_exporter_otlp_endpoint)


def _calls(
    settings: Settings, documents: Documents, discovery: Discovery, traces: "Traces | None"
) -> Calls | None:
    if settings.vonage_private_key is None or settings.vonage_application_id is None:
        return None
    api = VoiceApi(
        settings.vonage_api_url, settings.vonage_application_id, settings.vonage_private_key
    )
    signals = Signals(settings.answered_key, settings.machine_key)
    bodies = Bodies(documents, settings.vonage_number, signals)

    def addresses() -> tuple[str, str]:
        try:
            return discovery.public_url.of_our_calls()
        except NotKnown as error:
            raise Problem(503, "not_ready", str(error), error.hint, {"Retry-After": "5"}) from None

    mode = settings.meeting_socket
    bot = None if mode == "none" else Bot(listen_only=mode == "listen")
    journal = Journal(settings.calls_file) if settings.calls_file else None
    return Calls(api, bodies, addresses, settings.calls_per_second, bot, traces, journal)
