"""A connect to a telephone number: rings a subscriber, and lets the two talk."""

import asyncio
import contextlib
from typing import Literal, Protocol

from phone.constants import CALLS_PER_SECOND, DETECTION_SECONDS
from phone.legs.telephone import Callee, Rung, Takes, Telephone
from phone.platform.leg import Leg
from phone.platform.mixing.conversation import Conversation
from phone.platform.ncco.actions import Connect
from phone.platform.ncco.document import Ncco
from phone.platform.ncco.endpoints import OnAnswer, Phone
from phone.platform.running.music import ringback
from phone.platform.running.offer import offer
from phone.platform.running.source import NccoSource, event_target
from phone.platform.webhooks.events import LegEvents
from phone.words import printable

__all__ = ["connect_phone", "detect_machine", "reach"]

Detection = Literal["continue", "hangup"]
OUTCOMES: dict[Takes, str] = {
    "answer": "answered",
    "machine": "answered",
    "busy": "busy",
    "reject": "rejected",
    "no-answer": "timeout",
}
DETAILS = {"rejected": {"detail": "declined"}, "unanswered": {"detail": "unavailable"}}


class RunNcco(Protocol):
    """Function that runs an NCCO on a leg."""

    async def __call__(self, leg: Leg, source: NccoSource, ncco: Ncco) -> None:
        """Run it, and those that replace it, to the end or until the leg is over."""


async def connect_phone(
    leg: Leg, source: NccoSource, action: Connect, endpoint: Phone, run: RunNcco
) -> Ncco | None:
    """Run the action.

    Args:
        leg: whose party is connected.
        source: reads the replies to events.
        action: the connect.
        endpoint: its only endpoint.
        run: runs the NCCO of `onAnswer`.

    Returns:
        The NCCO that replaces the rest, when an event's reply held one.

    """
    call = leg.call
    events = LegEvents(
        action.caller or leg.events.caller,
        endpoint.number,
        leg.events.conversation_uuid,
        "outbound",
    )
    found = call.directory.callee(endpoint.number)
    telephone, callee = found or (Telephone(endpoint.number), Callee("no-answer"))
    other = Leg(
        call,
        events,
        {"type": "phone", "number": endpoint.number},
        telephone,
        over=telephone.over,
        target=event_target(action) or leg.target,
        root=False,
    )
    if found is None:
        seen = f"{printable(endpoint.number)} rang, but no subscriber has that number"
        advice = "give it to a subscriber of `phone platform`"
        call.problem("ncco", seen, advice, "warning")
    if not call.directory.may_connect():
        seen = f"more than {CALLS_PER_SECOND} new calls in a second, and this connect is one"
        call.problem("ncco", seen, "connect more slowly, or try --assume connects=free", "warning")
        event = other.fails("failed")
        return await offer(leg, source, action, other.post(event), event)
    async with ringback(leg, action.ringback_tone):
        outcome = await leg.unless_over(reach(other, callee, action.timeout))
    if outcome is None:
        other.post(other.fails("cancelled"))
        return None
    if outcome != "answered":
        event = other.fails(outcome, **DETAILS.get(outcome, {}))
        return await offer(leg, source, action, other.post(event), event)
    other.becomes("answered")
    for digit in (endpoint.dtmf_answer or "").replace("p", ""):
        telephone.hear_key(digit)
    telephone.answer(callee)
    if endpoint.on_answer is not None:
        await _greet(leg, other, endpoint.on_answer, run)
    if leg.conversation is not None and not (leg.is_over or other.is_over):
        other.join(leg.conversation)
    detecting = asyncio.create_task(
        detect_machine(other, telephone, callee, action.detection, action.detects_beep)
    )
    try:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(action.limit):
                await leg.unless_over(other.over.wait())
    finally:
        detecting.cancel()
        await asyncio.gather(detecting, return_exceptions=True)
        other.complete(other.ended_by if other.is_over else "platform")
    return None


async def _greet(leg: Leg, other: Leg, wanted: OnAnswer, run: RunNcco) -> None:
    """Run the NCCO of `onAnswer` on the leg of who was called, apart from the caller."""
    other.join(Conversation(other.events.conversation_uuid))
    source = NccoSource(other)

    async def greet() -> None:
        ncco = await source.fetch(wanted.url, "onAnswer")
        if ncco is not None:
            await run(other, source, ncco)

    async with ringback(leg, wanted.ringback_tone or wanted.ringback):
        await leg.unless_over(greet())
    other.transfer = None  # nothing runs on it any more


async def reach(leg: Leg, callee: Callee, seconds: float) -> str:
    """Ring a telephone; return the status that the leg has then, which is not posted yet.

    Args:
        leg: the telephone's.
        callee: how it takes calls.
        seconds: how long it rings at most.

    """
    leg.becomes("started")
    leg.becomes("ringing")
    if isinstance(leg.participant, Rung):
        return await _asked(leg, leg.participant, seconds)
    outcome = OUTCOMES[callee.takes]
    rings = seconds if outcome == "timeout" else callee.answer_after
    if leg.call.behaviour.talk != "at-once":
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(rings, seconds)):
                await leg.over.wait()
                return "cancelled"
    return outcome if rings <= seconds else "timeout"


async def _asked(leg: Leg, telephone: Rung, seconds: float) -> str:
    """Ring a telephone in somebody's hand; return the status that the leg has then."""
    try:
        async with asyncio.timeout(seconds):
            ringing = telephone.ring(leg.events.caller, leg.events.conversation_uuid)
            takes = await leg.unless_over(ringing)
    except TimeoutError:
        return "timeout"
    return OUTCOMES[takes] if takes else "cancelled"


async def detect_machine(
    leg: Leg, telephone: Telephone, callee: Callee, detection: Detection | None, beep: bool
) -> None:
    """Post whether a machine answered, if detection was requested (advanced-machine-detection).

    Args:
        leg: the telephone's.
        telephone: it.
        callee: how it takes calls.
        detection: action when a machine answers; None: no detection.
        beep: report an answering machine's beep.

    """
    if detection is None:
        return
    await asyncio.sleep(DETECTION_SECONDS)
    if callee.takes != "machine":
        leg.post(leg.events.detected("human"))
        return
    leg.post(leg.events.detected("machine"))
    if detection == "hangup":
        leg.hang_up()
    elif beep:
        await telephone.beeped.wait()
        leg.post(leg.events.detected("machine", sub_state="beep_start"))
