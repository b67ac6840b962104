"""Places one call: a plan in, the log of what happened out."""

import asyncio
from collections.abc import Callable

from phone.audio.files import AudioError, load
from phone.constants import RATES
from phone.legs.callers import ScriptedCaller
from phone.legs.log import CallLog, Moment
from phone.legs.participant import Participant
from phone.legs.plan import CallPlan, PlanError
from phone.platform.inbound import run_inbound
from phone.platform.leg import CallContext, Directory, Leg, Progress
from phone.platform.no_network import NoNetwork
from phone.platform.settings import Application, Behaviour
from phone.platform.webhooks.client import WebhookClient
from phone.platform.webhooks.events import LegEvents
from phone.platform.webhooks.queue import EventTarget, WebhookQueue
from phone.platform.webhooks.signature import Signer

__all__ = ["place"]


async def place(
    plan: CallPlan,
    caller: Participant | None = None,
    *,
    hang_up: asyncio.Event | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    on_moment: Callable[[Moment], None] | None = None,
    log: CallLog | None = None,
    directory: Directory | None = None,
) -> CallLog:
    """Place one call, from the answer webhook to the last event; return its log.

    An application that fails does not raise: the log says what happened. Cancelling closes the
    socket and posts the last events, within seconds.

    Args:
        plan: what to call and how.
        caller: who calls; None: one who says and presses what the plan says.
        hang_up: set it to hang up early, as a caller does.
        on_progress: called for each frame sent.
        on_moment: called with each step as it happens, unless `log` is given.
        log: takes what happens; None: a new one.
        directory: of the network that it runs in; None: no other parties.

    Raises:
        PlanError: the plan cannot be carried out; nothing was dialled.

    """
    plan.check()
    caller = caller or _scripted(plan)
    hang_up = hang_up or asyncio.Event()
    log = log or CallLog(on_moment)
    behaviour = _behaviour(plan)
    identity = plan.identity
    async with WebhookClient(
        behaviour.tls,
        behaviour.signer,
        log.seconds,
        on_exchange=log.exchange,
        fresh_tokens=plan.assume.retry_jti == "fresh",
    ) as webhooks:
        target = EventTarget(plan.event_url) if plan.event_url else None
        context = CallContext(
            Application(plan.answer_url, plan.method, plan.event_url, plan.fallback_url),
            behaviour,
            webhooks,
            WebhookQueue(webhooks, log, target),
            log,
            directory or NoNetwork(),
            on_progress,
        )
        events = LegEvents(
            identity.caller,
            identity.called,
            identity.conversation_uuid,
            "inbound",
            identity.uuid,
        )
        endpoint = {"type": "phone", "number": identity.caller}
        await run_inbound(Leg(context, events, endpoint, caller, over=hang_up))
    log.close(hang_up.is_set())
    return log


def _scripted(plan: CallPlan) -> ScriptedCaller:
    try:
        load(plan.audio, plan.rate or RATES[0])
    except AudioError as error:
        raise PlanError(str(error)) from error
    stays = plan.expect != "echo"
    return ScriptedCaller(plan.audio, plan.seconds, plan.dtmf, plan.listening, stays=stays)


def _behaviour(plan: CallPlan) -> Behaviour:
    return Behaviour(
        talk=plan.talk,
        rate=plan.rate,
        strict=plan.strict,
        faults=plan.faults,
        assume=plan.assume,
        handshake_timeout=plan.handshake_timeout,
        signer=Signer.of(plan.signature_secret, plan.api_key, plan.application_id),
        tls=plan.tls(),
    )
