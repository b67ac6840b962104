"""Is it alive; is it ready, which means: would a call work now?"""

from typing import Any

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from ncco_service.asker import Asker
from ncco_service.public_url import NotKnown
from ncco_service.service import Service

__all__ = ["blueprint"]

# A part of the report, and the reasons why a call would not work.
Finding = tuple[dict[str, Any], list[str]]


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
        reasons: list[str] = []
        findings = [_addresses(service, service.asker(request))]
        findings += [_agent(service), _probe(service), _echo(service)]
        for part, missing in findings:
            report |= part
            reasons += missing
        report |= _guards(service)
        if reasons:
            unique = list(dict.fromkeys(reasons))
            return jsonify({"status": "not ready", "reasons": unique, **report}), 503
        return jsonify({"status": "ready", **report})

    return health


def _addresses(service: Service, asker: Asker) -> Finding:
    report: dict[str, Any] = {}
    reasons = []
    urls = service.public_url
    for name, ask in (("socket", urls.socket), ("events", urls.events)):
        try:
            address = ask(asker)
            report[name] = {"url": address.url.partition("?")[0], "source": address.source}
        except NotKnown as error:
            report[name] = None
            reasons.append(f"{error}: {error.hint}")
    return report, reasons


def _agent(service: Service) -> Finding:
    """Report the tunnel's agent, and what it was to supply and has not.

    A local asker would be served, but whoever named an agent expects calls from outside.
    """
    if service.agent is None:
        return {}, []
    tunnel = service.agent.tunnel
    report = {
        "socket": tunnel.socket,
        "webhooks": tunnel.webhooks,
        "age_seconds": _rounded(service.agent.age),
        "error": tunnel.error,
    }
    wanted = [] if service.settings.socket_url else [("the socket", tunnel.socket)]
    wanted += [] if service.settings.public_url else [("the webhooks", tunnel.webhooks)]
    names = " and ".join(name for name, url in wanted if url is None)
    reason = f"the tunnel supplies no public URL for {names}: {tunnel.error}"
    return {"agent": report}, [reason] if names else []


def _probe(service: Service) -> Finding:
    if service.probe is None:
        return {}, []
    result, url = service.probe.result, service.probe.address()
    report = {
        "url": result.url.partition("?")[0] if result else None,
        "age_seconds": _rounded(service.probe.age),
        "error": result.error if result else None,
    }
    # Without an address there is a reason already.
    problem = service.probe.problem(url) if url else None
    return {"probe": report}, [problem] if problem else []


def _echo(service: Service) -> Finding:
    if service.echo is None:
        return {}, []
    echo = service.echo.echo
    report = {
        "state": echo.state,
        "age_seconds": _rounded(service.echo.age),
        "problem": echo.problem,
    }
    reason = f"the echo service is {echo.state}: {echo.problem}"
    return {"echo": report}, [] if echo.state == "ready" else [reason]


def _guards(service: Service) -> dict[str, Any]:
    gate = service.gate
    webhooks: dict[str, Any] = {"auth": "signature" if gate else "none"}
    if gate:
        webhooks |= {"refused": gate.refused, "last_failed_check": gate.last_check}
    return {
        "guards": {"webhooks": webhooks, "socket": {"auth": service.settings.socket_auth}},
        "warnings": service.warnings,
    }


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)
