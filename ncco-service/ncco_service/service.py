"""The parts of a running service, put together."""

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from flask import Request

from ncco_service import logs, template
from ncco_service.agent_watch import AgentWatch
from ncco_service.asker import Asker, TrustedProxies, asker_of
from ncco_service.background import Periodic
from ncco_service.echo_watch import EchoWatch
from ncco_service.gate import Gate
from ncco_service.probe import Probe
from ncco_service.public_url import NotKnown, PublicUrl
from ncco_service.settings import Settings
from ncco_service.signature import Verifier
from ncco_service.template import Template, TemplateError
from ncco_service.tickets import Tickets, without_call

__all__ = ["Service", "build"]

logger = logging.getLogger(__name__)

# Makes what a websocket endpoint of the call with this uuid carries, or None.
Authorize = Callable[[str], dict[str, str] | None]

_NOBODY = Asker("http", "")


@dataclass(frozen=True)
class Service:
    """What the webhooks work with. ``fallback`` and ``busy`` are whole documents as JSON text."""

    settings: Settings
    answer: Template
    fallback: str
    busy: str
    public_url: PublicUrl
    proxies: TrustedProxies
    agent: AgentWatch | None
    echo: EchoWatch | None
    probe: Probe | None
    gate: Gate | None
    authorization: Authorize
    jobs: tuple[Periodic, ...]

    def start(self) -> None:
        """Start the background threads, in the process that serves."""
        for warning in self.warnings:
            logs.event(logger, "open_to_anybody", logging.WARNING, message=warning)
        for job in self.jobs:
            job.start()

    def stop(self) -> None:
        """Stop them, without waiting for one that a neighbour keeps waiting."""
        for job in self.jobs:
            job.stop()
        for job in self.jobs:
            job.join(0.5)

    def asker(self, request: Request) -> Asker:
        """Tell by which origin a request reached us."""
        return asker_of(request.environ, trusted=request.remote_addr in self.proxies)

    @property
    def is_busy(self) -> bool:
        """Tell whether the echo service takes no more calls at present."""
        return self.echo is not None and self.echo.echo.state == "busy"

    @property
    def warnings(self) -> list[str]:
        """Name what stands open."""
        found = []
        if self.gate is None:
            found.append(
                "anybody can send webhooks, since none is verified: set VONAGE_SIGNATURE_SECRET"
            )
        if self.settings.socket_auth == "none":
            found.append(
                "anybody can open the socket (SOCKET_AUTH=none): "
                "set SOCKET_SECRET here and for the echo service, and SOCKET_AUTH=ticket"
            )
        return found


def build(settings: Settings) -> Service:
    """Put the parts together; nothing runs yet.

    Raises:
        TemplateError: a document is wrong.

    """
    agent = AgentWatch(settings) if settings.ngrok_api_url else None
    public_url = PublicUrl(settings, (lambda: agent.tunnel) if agent else None)
    proxies = TrustedProxies(settings.trusted_proxies)
    authorization = _authorization(settings)
    echo = None
    if settings.echo_ready_url:
        echo = EchoWatch(settings.echo_ready_url, settings.echo_poll_seconds)
    probe = _probe(settings, public_url, authorization) if settings.probe_socket else None
    wanted = {
        "agent": agent.look if agent else None,
        "echo": echo.look if echo else None,
        "probe": probe.look if probe else None,
        "proxies": proxies.refresh if proxies.names else None,
    }
    return Service(
        settings=settings,
        answer=_answer(settings),
        fallback=_spoken(settings.ncco_fallback_file),
        busy=_spoken(settings.ncco_busy_file),
        public_url=public_url,
        proxies=proxies,
        agent=agent,
        echo=echo,
        probe=probe,
        gate=_gate(settings),
        authorization=authorization,
        jobs=tuple(Periodic(name, job) for name, job in wanted.items() if job),
    )


def _answer(settings: Settings) -> Template:
    answer = template.load(settings.ncco_file)
    if settings.socket_auth == "ticket" and (problems := without_call(answer.document)):
        raise TemplateError(settings.ncco_file, problems)
    return answer


def _spoken(file: Path) -> str:
    return json.dumps(template.load(file, placeholders=False).fill({}))


def _gate(settings: Settings) -> Gate | None:
    if not settings.vonage_signature_secrets:
        return None
    verifier = Verifier(
        settings.vonage_signature_secrets, settings.vonage_api_key, settings.vonage_application_id
    )
    return Gate(verifier)


def _authorization(settings: Settings) -> Authorize:
    if settings.socket_auth == "ticket" and settings.socket_secret:
        return Tickets(settings.socket_secret, settings.ticket_seconds).authorization
    fixed = {"type": "vonage"} if settings.socket_auth == "vonage" else None
    return lambda call: fixed


def _probe(settings: Settings, public_url: PublicUrl, authorization: Authorize) -> Probe:
    def address() -> str | None:
        try:
            return public_url.socket(_NOBODY).url
        except NotKnown:
            return None

    def header() -> str | None:
        return (authorization("probe") or {}).get("value")

    vonage = settings.socket_auth == "vonage"
    return Probe(address, header, settings.probe_seconds, asks_for_vonage=vonage)
