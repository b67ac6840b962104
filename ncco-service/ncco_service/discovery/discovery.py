"""All sources of discovery together, and the background jobs that poll them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ncco_service.discovery.agent_poller import AgentPoller
from ncco_service.discovery.application_api import ApplicationApi, ApplicationPointer
from ncco_service.discovery.call_status import CallStatus
from ncco_service.discovery.echo_poller import EchoPoller
from ncco_service.discovery.public_url import NotKnown, PublicUrl
from ncco_service.discovery.request_origin import RequestOrigin, TrustedProxies
from ncco_service.periodic import Periodic
from ncco_service.settings import Settings

if TYPE_CHECKING:
    from ncco_service.discovery.probe import Probe

__all__ = ["Discovery"]


@dataclass(frozen=True)
class Discovery:
    """What is known at the moment; a source that no setting asks for is None.

    Attributes:
        public_url: where the platform reaches the socket and the webhooks.
        proxies: the proxies whose X-Forwarded-* headers are trusted.
        agent: polls the tunnel agent.
        echo: polls the echo service's readiness.
        call_status: asks the echo service how a call's socket ended.
        application: points the Vonage application here.
        probe: tries the socket's public address.
        jobs: run all of it in the background, once started.

    """

    public_url: PublicUrl
    proxies: TrustedProxies
    agent: AgentPoller | None
    echo: EchoPoller | None
    call_status: CallStatus
    application: ApplicationPointer | None
    probe: "Probe | None"
    jobs: tuple[Periodic, ...]

    @classmethod
    def build(cls, settings: Settings, authorization: Callable[[], str | None]) -> "Discovery":
        """Make the sources that the settings ask for; nothing runs yet.

        Args:
            settings: which sources, and where they are.
            authorization: makes the Authorization header of each probe, or None.

        """
        agent = AgentPoller(settings) if settings.ngrok_api_url else None
        public_url = PublicUrl(settings, (lambda: agent.tunnel) if agent else None)
        proxies = TrustedProxies(settings.trusted_proxies)
        echo = probe = None
        if settings.echo_ready_url:
            echo = EchoPoller(settings.echo_ready_url, settings.echo_poll_seconds)
        if settings.probe != "never":
            # A WebSocket client is loaded only where it is used.
            from ncco_service.discovery.probe import Probe  # noqa: PLC0415

            probe = Probe(
                lambda: _socket_url(public_url),
                authorization,
                settings.probe_seconds,
                only_vonage=settings.socket_auth == "vonage",
                once=settings.probe == "once",
                doubt=(lambda: agent.tunnel.doubt) if agent else lambda: None,
            )
        call_status = CallStatus(settings.echo_status_url, settings.disconnected_means)
        replicas = call_status.replicas
        application = None
        if settings.points_application:
            api = ApplicationApi(settings)
            application = ApplicationPointer(api, lambda: public_url.webhooks)
        jobs = {
            "agent": agent.poll if agent else None,
            "echo": echo.poll if echo else None,
            "probe": probe.poll if probe else None,
            "replicas": replicas.poll if replicas else None,
            "application": application.poll if application else None,
            "proxies": proxies.poll if proxies.names else None,
        }
        periodic = tuple(Periodic(name, job) for name, job in jobs.items() if job)
        return cls(public_url, proxies, agent, echo, call_status, application, probe, periodic)

    @property
    def all_lines_are_busy(self) -> bool:
        """Whether the echo service accepts no more calls at present."""
        return self.echo is not None and self.echo.readiness.state == "busy"

    def start(self) -> None:
        """Start the background jobs, in the process that serves."""
        for job in self.jobs:
            job.start()

    def stop(self) -> None:
        """Stop the background jobs; waits at most half a second for each."""
        for job in self.jobs:
            job.stop()
        for job in self.jobs:
            job.join(0.5)


def _socket_url(public_url: PublicUrl) -> str | None:
    try:
        return public_url.socket(RequestOrigin("http", "")).url
    except NotKnown:
        return None
