"""The parts of a running service, put together."""

import json
from dataclasses import dataclass

from flask import Request

from ncco_service import template
from ncco_service.agent_watch import AgentWatch
from ncco_service.asker import Asker, TrustedProxies, asker_of
from ncco_service.background import Periodic
from ncco_service.public_url import PublicUrl
from ncco_service.settings import Settings
from ncco_service.template import Template

__all__ = ["Service", "build"]


@dataclass(frozen=True)
class Service:
    """What the webhooks work with. ``fallback`` is a whole document as JSON text."""

    settings: Settings
    answer: Template
    fallback: str
    public_url: PublicUrl
    proxies: TrustedProxies
    agent: AgentWatch | None
    jobs: tuple[Periodic, ...]

    def start(self) -> None:
        """Start the background threads, in the process that serves."""
        for job in self.jobs:
            job.start()

    def stop(self) -> None:
        """Stop them."""
        for job in self.jobs:
            job.stop()

    def asker(self, request: Request) -> Asker:
        """Tell by which origin a request reached us."""
        return asker_of(request.environ, trusted=request.remote_addr in self.proxies)


def build(settings: Settings) -> Service:
    """Put the parts together; nothing runs yet.

    Raises:
        TemplateError: a document is wrong.

    """
    answer = template.load(settings.ncco_file)
    fallback = template.load(settings.ncco_fallback_file, placeholders=False).fill({})
    agent = AgentWatch(settings) if settings.ngrok_api_url else None
    proxies = TrustedProxies(settings.trusted_proxies)
    jobs = []
    if agent:
        jobs.append(Periodic("agent", agent.look))
    if proxies.names:
        jobs.append(Periodic("proxies", proxies.refresh))
    return Service(
        settings=settings,
        answer=answer,
        fallback=json.dumps(fallback),
        public_url=PublicUrl(settings, (lambda: agent.tunnel) if agent else None),
        proxies=proxies,
        agent=agent,
        jobs=tuple(jobs),
    )
