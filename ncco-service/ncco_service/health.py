"""Is it alive; is it ready, which means: would a call work now?"""

from typing import Any

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from ncco_service.public_url import NotKnown
from ncco_service.service import Service

__all__ = ["blueprint"]


def blueprint(service: Service) -> Blueprint:
    """Make the health pages of a service."""
    health = Blueprint("health", __name__)

    @health.get("/healthz")
    def alive() -> ResponseReturnValue:
        """Answer as long as the process serves."""
        return {"status": "alive"}

    @health.get("/readyz")
    def ready() -> ResponseReturnValue:
        """Say whether a call that came the same way as this request would work, and if not, why."""
        report: dict[str, Any] = {}
        reasons = []
        asker = service.asker(request)
        for name, ask in (
            ("socket", service.public_url.socket),
            ("events", service.public_url.events),
        ):
            try:
                address = ask(asker)
                report[name] = {"url": address.url.partition("?")[0], "source": address.source}
            except NotKnown as error:
                report[name] = None
                reasons.append(f"{error}: {error.hint}")
        if service.agent:
            tunnel = service.agent.tunnel
            report["agent"] = {
                "socket": tunnel.socket,
                "webhooks": tunnel.webhooks,
                "age_seconds": _rounded(service.agent.age),
                "error": tunnel.error,
            }
            reasons += _missing(service)
        if reasons:
            unique = list(dict.fromkeys(reasons))
            return jsonify({"status": "not ready", "reasons": unique, **report}), 503
        return jsonify({"status": "ready", **report})

    return health


def _missing(service: Service) -> list[str]:
    """Say what the agent was to supply and has not.

    A local asker would be served, but whoever named an agent expects calls from outside.
    """
    settings, tunnel = service.settings, service.agent.tunnel if service.agent else None
    if tunnel is None:
        return []
    wanted = [] if settings.socket_url else [("the socket", tunnel.socket)]
    wanted += [] if settings.public_url else [("the webhooks", tunnel.webhooks)]
    names = " and ".join(name for name, url in wanted if url is None)
    return [f"the tunnel supplies no public URL for {names}: {tunnel.error}"] if names else []


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)
