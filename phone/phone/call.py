"""The library's entry: place one call and report what happened."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import uvloop

from phone.audio import AudioError, load, save
from phone.constants import RATES
from phone.hearing import PLATFORM_RATE, heard
from phone.plan import CallPlan, PlanError
from phone.postbox import EventTarget, Postbox
from phone.report import CallReport, Problem
from phone.run import run_call
from phone.state import CallState, Progress
from phone.timeline import Moment, Timeline
from phone.webhooks import Webhooks

__all__ = ["call", "place_call"]


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
        on_progress: told about each frame sent.
        on_moment: told about each step as it happens.

    Raises:
        PlanError: the plan cannot be carried out; nothing was dialled.
    """
    plan.check()
    try:
        load(plan.audio, plan.rate or RATES[0])
    except AudioError as error:
        raise PlanError(str(error)) from error
    timeline = Timeline(on_moment)
    report = CallReport(plan.answer_url, plan.identity.uuid, plan.identity.conversation_uuid)
    report.moments = timeline.moments
    hang_up = hang_up or asyncio.Event()
    signer = plan.signer()
    fresh = plan.assume.retry_jti == "fresh"
    async with Webhooks(plan.tls(), signer, timeline.seconds, fresh_tokens=fresh) as webhooks:
        report.exchanges = webhooks.exchanges
        default = EventTarget(plan.event_url) if plan.event_url else None
        post = Postbox(webhooks, timeline, default)
        await run_call(
            CallState(plan, webhooks, timeline, report, post, hang_up, signer, on_progress)
        )
    report.seconds = timeline.seconds()
    report.interrupted = hang_up.is_set()
    if plan.save is not None:
        _save(plan.save, report)
    return report


def place_call(plan: CallPlan) -> CallReport:
    """Place one call without an event loop of one's own; see `call`."""
    return uvloop.run(call(plan))


def _save(path: Path, report: CallReport) -> None:
    traces = [s.trace for s in report.sockets if s.trace.playback.frames]
    rate = traces[0].rate if traces else PLATFORM_RATE
    sound = heard(report.played, traces, rate)
    if not len(sound):
        return
    try:
        save(path, [sound.astype("<i2").tobytes()], rate)
    except OSError as error:
        advice = "is the folder writable, and the disk not full?"
        report.problems.append(Problem("save", str(error), advice))
    else:
        report.saved = str(path)
