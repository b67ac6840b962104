"""An outbound call, created through the API: from the first ring to the last event."""

import asyncio
import contextlib
from dataclasses import dataclass
from typing import Literal

from phone.constants import EVENT_TIMEOUT
from phone.legs.dial import DialError
from phone.legs.socket import SocketLeg
from phone.legs.telephone import Callee, Telephone
from phone.platform.leg import Leg
from phone.platform.mixing.conversation import Conversation
from phone.platform.ncco.document import Ncco
from phone.platform.ncco.endpoints import WebSocket
from phone.platform.running.phone_connect import DETAILS, detect_machine, reach
from phone.platform.running.runner import NccoRunner
from phone.platform.running.socket_connect import open_socket, tell_late
from phone.platform.running.source import NccoSource

__all__ = ["OutboundPlan", "run_outbound"]

FLUSH_SECONDS = 2 * EVENT_TIMEOUT


@dataclass(frozen=True)
class OutboundPlan:
    """Settings of an outbound call.

    Args:
        ncco: run once answered; None: the answer URL is asked.
        ringing: seconds of ringing at most.
        length: seconds from the answer at most.
        detection: action when a machine answers; None: no detection.
        detects_beep: report an answering machine's beep.
        keys: pressed for the callee once they have answered.

    """

    ncco: Ncco | None
    ringing: float
    length: float
    detection: Literal["continue", "hangup"] | None = None
    detects_beep: bool = False
    keys: str = ""


async def run_outbound(
    leg: Leg, party: tuple[Telephone, Callee] | WebSocket, plan: OutboundPlan
) -> None:
    """Place the call and see it through.

    Args:
        leg: which has not begun.
        party: who is called: a telephone and how it takes calls, or a socket's endpoint.
        plan: what happens then.

    """
    try:
        if isinstance(party, WebSocket):
            await _to_socket(leg, party, plan)
        else:
            await _to_phone(leg, *party, plan)
    finally:
        if not leg.has_ended:
            leg.complete("platform")
        await leg.call.events.close(FLUSH_SECONDS)


async def _to_phone(leg: Leg, telephone: Telephone, callee: Callee, plan: OutboundPlan) -> None:
    outcome = await reach(leg, callee, plan.ringing)
    if outcome != "answered":
        leg.post(leg.fails(outcome, **DETAILS.get(outcome, {})))
        return
    leg.becomes("answered")
    leg.join(Conversation(leg.events.conversation_uuid))
    for digit in plan.keys.replace("p", ""):
        telephone.hear_key(digit)
    telephone.answer(callee)
    detecting = asyncio.create_task(
        detect_machine(leg, telephone, callee, plan.detection, plan.detects_beep)
    )
    try:
        await _run(leg, plan)
    finally:
        detecting.cancel()
        await asyncio.gather(detecting, return_exceptions=True)
        leg.complete(leg.ended_by if leg.is_over else "platform")


async def _to_socket(leg: Leg, endpoint: WebSocket, plan: OutboundPlan) -> None:
    socket = leg.participant
    if not isinstance(socket, SocketLeg):
        raise TypeError("a socket's endpoint, and another participant")
    leg.becomes("started")
    leg.becomes("ringing")
    try:
        opened = await leg.unless_over(open_socket(leg.call, socket, endpoint, plan.ringing))
        if opened is None:
            leg.post(leg.fails("cancelled"))
            return
        leg.becomes("answered")
        socket.start()
        leg.join(Conversation(leg.events.conversation_uuid))
        await _run(leg, plan)
    except DialError as error:
        leg.call.problem("socket", error.seen, error.advice)
        leg.call.log.add("socket", f"{error.status}: {error.seen}")
        leg.post(leg.fails(error.status))
        return
    finally:
        leg.leave()
        await socket.close()
    tell_late(leg.call, socket)
    if socket.trace.disconnected:
        leg.post(leg.events.disconnected())
        leg.complete("user")
    else:
        leg.complete("platform")


async def _run(leg: Leg, plan: OutboundPlan) -> None:
    """Get the NCCO, and run it for at most the call's maximum length."""
    source = NccoSource(leg)
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(plan.length):
            ncco = plan.ncco or await leg.unless_over(source.answer(leg.answer_fields()))
            if ncco is not None:
                await NccoRunner(leg, source).run(ncco)
