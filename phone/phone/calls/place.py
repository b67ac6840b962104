"""Places one call, and reports what happened."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import uvloop

from phone.audio.files import AudioError, load, save
from phone.constants import PLATFORM_RATE, RATES
from phone.legs.callers import ScriptedCaller
from phone.legs.log import CallLog, Moment, Problem
from phone.legs.participant import Participant
from phone.plan import CallPlan, PlanError
from phone.platform.inbound import run_inbound
from phone.platform.leg import CallContext, Directory, Leg, Progress
from phone.platform.no_network import NoNetwork
from phone.platform.settings import Application, Behaviour
from phone.platform.webhooks.client import WebhookClient
from phone.platform.webhooks.events import LegEvents
from phone.platform.webhooks.queue import EventTarget, WebhookQueue
from phone.platform.webhooks.signature import Signer
from phone.report import CallReport, conclude
from phone.report.hearing import heard

__all__ = ["call", "place", "place_call"]


async def call(
    plan: CallPlan,
    *,
    hang_up: asyncio.Event | None = None,
    on_progress: Callable[[Progress], None] | None = None,
    on_moment: Callable[[Moment], None] | None = None,
) -> CallReport:
    """Place one call, from the answer webhook to the last event.

    An application that fails does not raise: the report says what happened, and `report.ok` whether
    the call worked. Cancelling closes the socket and posts the last events, within seconds.

    Args:
        plan: what to call and how.
        hang_up: set it to hang up early, as a caller does.
        on_progress: called for each frame sent.
        on_moment: called with each step as it happens.

    Raises:
        PlanError: the plan cannot be carried out; nothing was dialled.

    """
    plan.check()
    try:
        load(plan.audio, plan.rate or RATES[0])
    except AudioError as error:
        raise PlanError(str(error)) from error
    echo = plan.expect == "echo"
    caller = ScriptedCaller(plan.audio, plan.seconds, plan.dtmf, plan.listening, stays=not echo)
    return await place(plan, caller, hang_up or asyncio.Event(), on_progress, on_moment)


def place_call(plan: CallPlan) -> CallReport:
    """Place one call from blocking code; see `call`."""
    return uvloop.run(call(plan))


async def place(
    plan: CallPlan,
    caller: Participant,
    hang_up: asyncio.Event,
    on_progress: Callable[[Progress], None] | None = None,
    on_moment: Callable[[Moment], None] | None = None,
    *,
    log: CallLog | None = None,
    directory: Directory | None = None,
) -> CallReport:
    """Place the call of a checked plan with a given caller; see `call`.

    Args:
        plan: what to call and how.
        caller: who calls.
        hang_up: set it to hang up early, as a caller does.
        on_progress: called for each frame sent.
        on_moment: called with each step, unless `log` is given.
        log: takes what happens; None: a new one.
        directory: of the network that it runs in; None: no other parties.

    """
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
    report = await asyncio.to_thread(  # comparing a long call's sound takes seconds
        conclude,
        log,
        answer_url=plan.answer_url,
        identity=plan.identity,
        expect=plan.expect,
        strict=plan.strict,
        hung_up=hang_up.is_set(),
        seconds=log.seconds(),
    )
    return report if plan.save is None else _saved(report, plan.save)


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


def _saved(report: CallReport, path: Path) -> CallReport:
    """Write what was heard; return the report that says so."""
    traces = [s.trace for s in report.sockets if s.trace.playback.frames]
    rate = traces[0].rate if traces else PLATFORM_RATE
    sound = heard(report.played, traces, rate)
    if not len(sound):
        return report
    try:
        save(path, [sound.astype("<i2").tobytes()], rate)
    except OSError as error:
        advice = "is the folder writable, and the disk not full?"
        return replace(report, problems=[*report.problems, Problem("save", str(error), advice)])
    return replace(report, saved=str(path))
