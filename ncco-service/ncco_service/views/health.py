"""Health: whether the process is alive, and whether a call would work now."""

from collections.abc import Sequence
from typing import Any

from flask import Blueprint, jsonify, request
from flask.typing import ResponseReturnValue

from ncco_service.discovery import Discovery, NotKnown, RequestOrigin
from ncco_service.http.refusals import Refusals
from ncco_service.settings import Settings
from ncco_service.views.signature_check import SignatureCheck

__all__ = ["blueprint"]

OFF = "off: set VONAGE_APPLICATION_ID and VONAGE_PRIVATE_KEY_FILE to start calls (docs/outbound.md)"

# A part of the report, and the reasons why a call would not work.
Finding = tuple[dict[str, Any], list[str]]


def blueprint(
    settings: Settings,
    discovery: Discovery,
    signature_check: SignatureCheck | None,
    warnings: Sequence[str],
    refusals: Refusals,
) -> Blueprint:
    """Make the health pages.

    Args:
        settings: which URLs are set, and who may open the socket.
        discovery: its sources are reported.
        signature_check: its refusals are reported; None when webhooks are not verified.
        warnings: what anyone may use without proof.
        refusals: counted since the start.

    """
    health = Blueprint("health", __name__)

    @health.get("/healthz")
    def alive() -> ResponseReturnValue:
        """Answer as long as the process serves."""
        return {"status": "alive"}

    @health.get("/readyz")
    def ready() -> ResponseReturnValue:
        """Return whether a call that arrived as this request did would work, and if not, why."""
        report: dict[str, Any] = {}
        reasons: list[str] = []
        for part, missing in (
            _addresses(discovery, discovery.proxies.origin(request.environ)),
            _agent(discovery, settings),
            _probe(discovery),
            _echo(discovery),
        ):
            report |= part
            reasons += missing
        webhooks: dict[str, Any] = {"auth": "signature" if signature_check else "none"}
        if signature_check:
            webhooks["refused"] = signature_check.refused.total()
            webhooks["last_failed_check"] = signature_check.last_failed_check
        report["authentication"] = {"webhooks": webhooks, "socket": {"auth": settings.socket_auth}}
        report["refused"] = dict(refusals.counts)
        report["calls"] = "on" if settings.vonage_private_key else OFF
        report["warnings"] = list(warnings)
        if reasons:
            unique = list(dict.fromkeys(reasons))
            return jsonify({"status": "not ready", "reasons": unique, **report}), 503
        return jsonify({"status": "ready", **report})

    return health


def _addresses(discovery: Discovery, origin: RequestOrigin) -> Finding:
    report: dict[str, Any] = {}
    reasons = []
    urls = discovery.public_url
    for name, find in (("socket", urls.socket), ("events", urls.events)):
        try:
            address = find(origin)
            report[name] = {"url": address.url.partition("?")[0], "source": address.source}
        except NotKnown as error:
            report[name] = None
            reasons.append(f"{error}: {error.hint}")
    return report, reasons


def _agent(discovery: Discovery, settings: Settings) -> Finding:
    """Report the tunnel's agent, and the URLs that it should have supplied but has not.

    A local call would work without it, but with an agent, calls from outside are expected.
    """
    if discovery.agent is None:
        return {}, []
    tunnel = discovery.agent.tunnel
    report = {
        "socket": tunnel.socket,
        "webhooks": tunnel.webhooks,
        "age_seconds": _rounded(discovery.agent.age),
        "error": tunnel.doubt,
    }
    wanted = [] if settings.socket_url else [("the socket", tunnel.socket)]
    wanted += [] if settings.public_url else [("the webhooks", tunnel.webhooks)]
    names = " and ".join(name for name, url in wanted if url is None)
    reason = f"the tunnel supplies no public URL for {names}: {tunnel.error}"
    return {"agent": report}, [reason] if names else []


def _probe(discovery: Discovery) -> Finding:
    if discovery.probe is None:
        return {}, []
    result, url = discovery.probe.result, discovery.probe.address()
    report = {
        "url": result.url.partition("?")[0] if result else None,
        "age_seconds": _rounded(discovery.probe.age),
        "error": result.error if result else None,
    }
    # A missing address is a reason already (see _addresses).
    problem = discovery.probe.problem(url) if url else None
    return {"probe": report}, [problem] if problem else []


def _echo(discovery: Discovery) -> Finding:
    if discovery.echo is None:
        return {}, []
    readiness = discovery.echo.readiness
    report = {
        "state": readiness.state,
        "age_seconds": _rounded(discovery.echo.age),
        "problem": readiness.problem,
    }
    reason = f"the echo service is {readiness.state}: {readiness.problem}"
    return {"echo": report}, [] if readiness.state == "ready" else [reason]


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds, 1)
