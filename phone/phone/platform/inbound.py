"""A call from outside to the application's number, from the first ring to the last event."""

from phone.constants import EVENT_TIMEOUT
from phone.legs.callers import Caller
from phone.legs.telephone import Telephone
from phone.platform.leg import Leg
from phone.platform.mixing.conversation import Conversation
from phone.platform.running.runner import NccoRunner
from phone.platform.running.source import NccoSource

__all__ = ["run_inbound"]

FLUSH_SECONDS = 2 * EVENT_TIMEOUT  # for the events that wait at the end: one hopeless URL
HASTY_FLUSH_SECONDS = 3.0  # when the person at the keyboard wants to go


async def run_inbound(leg: Leg) -> None:
    """Place the call and see it through; what happens ends up in its log.

    Args:
        leg: the caller's, which has not begun.

    """
    call, source = leg.call, NccoSource(leg)
    try:
        leg.becomes("started")
        leg.becomes("ringing")
        ncco = await leg.unless_over(source.answer(leg.answer_fields()))
        if ncco is not None:
            leg.becomes("answered")
            leg.join(Conversation(leg.events.conversation_uuid))
            if isinstance(leg.participant, Telephone):
                leg.participant.answer(leg.participant.behaves)
            await NccoRunner(leg, source).run(ncco)
        # A caller with a script hangs up when there is nothing left to do.
        scripted = isinstance(leg.participant, Caller) and ncco is not None
        by_caller = leg.is_over or scripted
        call.log.add("hangup", "the caller hung up" if by_caller else "the call ended")
        leg.complete(leg.ended_by if leg.is_over else "user" if scripted else "platform")
    finally:
        leg.leave()
        await call.events.close(HASTY_FLUSH_SECONDS if leg.is_over else FLUSH_SECONDS)
