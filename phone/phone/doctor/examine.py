"""The examination: runs every check, in the order of a call."""

from collections.abc import Callable
from dataclasses import dataclass

from phone.doctor.checks import Check, Diagnosis
from phone.doctor.network_checks import check_name, check_tls
from phone.doctor.socket_checks import check_socket
from phone.doctor.webhook_checks import (
    check_answer,
    check_events,
    check_latency,
    check_ncco,
    check_readiness,
    check_stream,
)
from phone.legs.plan import CallPlan
from phone.legs.urls import is_local
from phone.platform.ncco.actions import Connect, Stream
from phone.platform.ncco.endpoints import WebSocket
from phone.platform.running.source import event_target
from phone.platform.webhooks.client import WebhookClient
from phone.platform.webhooks.queue import EventTarget
from phone.platform.webhooks.signature import Signer

__all__ = ["DoctorPlan", "examine"]

REQUESTS = 50


@dataclass(frozen=True)
class DoctorPlan:
    """What to examine.

    Args:
        call: the call that shall work.
        requests: how many answers are timed.

    """

    call: CallPlan
    requests: int = REQUESTS


async def examine(plan: DoctorPlan, on_check: Callable[[Check], None] | None = None) -> Diagnosis:
    """Check everything that a call needs, in order; some failures end the examination.

    Args:
        plan: what to examine.
        on_check: called with each check when it is done.

    Raises:
        PlanError: the plan cannot be carried out.

    """
    call = plan.call
    call.check()
    url, tls = call.answer_url, call.tls()
    signer = Signer.of(call.signature_secret, call.api_key, call.application_id)
    public = not is_local(url)
    diagnosis = Diagnosis(url, on_check)
    if not await check_name(diagnosis, url) or not await check_tls(diagnosis, "tls", url, tls):
        return diagnosis
    async with WebhookClient(tls, signer) as webhooks:
        await check_readiness(diagnosis, webhooks, url)
        reply = await check_answer(diagnosis, webhooks, url, call.method)
        if reply is None:
            return diagnosis
        await check_latency(diagnosis, webhooks, url, call.method, plan.requests)
        ncco = check_ncco(diagnosis, reply)
        if ncco is None:
            return diagnosis
        connects = [action for action in ncco.actions if isinstance(action, Connect)]
        named = next(filter(None, map(event_target, ncco.actions)), None)
        given = EventTarget(call.event_url) if call.event_url else None
        await check_events(diagnosis, webhooks, given or named, public)
        for action in ncco.actions:
            if isinstance(action, Stream):
                await check_stream(diagnosis, webhooks, action.stream_url[0], public)
        endpoints = [c.endpoint[0] for c in connects if isinstance(c.endpoint[0], WebSocket)]
        if not endpoints:
            seen = f"the NCCO connects to none ({ncco.names})"
            advice = "add a connect action with a websocket endpoint"
            diagnosis.add("socket", "failure", seen, advice)
        for endpoint in endpoints:
            await check_socket(diagnosis, endpoint, public, signer, tls)
    return diagnosis
