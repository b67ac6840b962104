"""One call as it runs: the answer webhook, then the NCCO's actions, then the hang-up."""

from collections.abc import Sequence
from typing import Any

from phone.constants import EVENT_TIMEOUT
from phone.platform.actions import Action, Connect, Input, Notify, Stream, Talk, Wait
from phone.platform.announcer import Announcer
from phone.platform.context import CallContext
from phone.platform.endpoints import WebSocket
from phone.platform.events import LegEvents, timestamp
from phone.platform.ncco import Ncco
from phone.platform.ncco_source import NccoSource, event_target
from phone.platform.socket_connect import connect_socket
from phone.platform.webhook_queue import EventTarget

__all__ = ["run_call"]

FLUSH_SECONDS = 2 * EVENT_TIMEOUT  # for the events that wait at the end: one hopeless URL
HASTY_FLUSH_SECONDS = 3.0  # when the person at the keyboard wants to go
TERMINAL = ("conversation", "transfer")  # nothing runs behind them
SKIPPED = {
    "record": "nothing is recorded, and no event with a recording_url comes",
    "conversation": "the caller would wait there, and nobody else is in it",
    "transfer": "the phone keeps no other conversation to move the caller to",
    "connect": "there is nobody to ring",
}


async def run_call(call: CallContext) -> None:
    """Place the call and see it through; what happens ends up in its log.

    Args:
        call: one that has not begun.
    """
    identity = call.identity
    phone = LegEvents(
        identity.caller, identity.called, identity.conversation_uuid, "inbound", identity.uuid
    )
    source = NccoSource(call)
    try:
        call.events.post(phone.event("started"))
        call.events.post(phone.event("ringing"))
        ncco = await call.unless_hung_up(source.answer())
        if ncco is not None:
            call.events.post(phone.answered())
            await _Runner(call, source).perform(ncco.actions)
        by_caller = call.hung_up or ncco is not None
        call.log.add("hangup", "the caller hung up" if by_caller else "the call ended")
        call.events.post(phone.completed("user" if by_caller else "platform"))
    finally:
        await call.events.close(HASTY_FLUSH_SECONDS if call.hung_up else FLUSH_SECONDS)


class _Runner:
    """Runs actions one after the other; an event's reply may replace those to come."""

    def __init__(self, call: CallContext, source: NccoSource) -> None:
        self._call = call
        self._source = source
        self._announcer = Announcer(call)

    async def perform(self, actions: Sequence[Action]) -> None:
        waiting = list(actions)
        while waiting and not self._call.hung_up:
            action = waiting.pop(0)
            replacement = await self._one(action)
            if replacement is not None:
                waiting = list(replacement.actions)
            elif action.action in TERMINAL:
                return

    async def _one(self, action: Action) -> Ncco | None:
        match action:
            case Talk():
                await self._announcer.talk(action)
            case Stream():
                await self._announcer.stream(action)
            case Wait():
                self._call.log.add("wait", f"{action.seconds:g} s")
                await self._announcer.pass_time(action.seconds)
            case Notify():
                self._call.log.add("notify", action.event_url[0])
                return await self._tell({"payload": action.payload}, event_target(action))
            case Input():
                return await self._input(action)
            case Connect() if isinstance(action.endpoint[0], WebSocket):
                return await connect_socket(self._call, self._source, action, action.endpoint[0])
            case _:
                self._skip(action)
        return None

    async def _input(self, action: Input) -> Ncco | None:
        """Press the caller's keys; say nothing that a recogniser could understand."""
        event: dict[str, Any] = {}
        if "dtmf" in action.type:
            most = action.dtmf.max_digits if action.dtmf else 4
            digits = self._call.caller.take_digits(most)
            event["dtmf"] = {"digits": digits, "timed_out": len(digits) < most}
        if "speech" in action.type:
            event["speech"] = {"timeout_reason": "start_timeout", "results": []}
        pressed = event.get("dtmf", {}).get("digits") or "nothing"
        self._call.log.add("input", f"the caller pressed {pressed}")
        return await self._tell(event, event_target(action))

    async def _tell(self, extra: dict[str, Any], target: EventTarget | None) -> Ncco | None:
        """Post an event without a status, whose reply may be an NCCO."""
        identity = self._call.identity
        event = {
            "from": identity.caller,
            "to": identity.called,
            "uuid": identity.uuid,
            "conversation_uuid": identity.conversation_uuid,
            "timestamp": timestamp(),
            **extra,
        }
        reply = await self._call.unless_hung_up(self._call.events.post(event, target))
        return self._source.replacement(reply)

    def _skip(self, action: Action) -> None:
        name: str = action.action
        if isinstance(action, Connect):
            name = f"connect to {action.endpoint[0].type}"
        why = SKIPPED[action.action]
        self._call.log.add("skipped", f"{name}: {why}")
        seen = f"the action {name} was skipped: {why}"
        self._call.problem("ncco", seen, "try it with a real call", "warning")
