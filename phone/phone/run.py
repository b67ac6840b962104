"""One call as it runs: the answer webhook, then the NCCO's actions, then the hang-up."""

from collections.abc import Sequence
from typing import Any

from phone.actions import Action, Connect, Input, Notify, Stream, Talk, Wait
from phone.announce import Announcer
from phone.answering import Answering, event_target
from phone.constants import EVENT_TIMEOUT, RETRIED_STATUSES
from phone.endpoints import WebSocket
from phone.events import Leg, timestamp
from phone.ncco import Ncco
from phone.postbox import EventTarget
from phone.socket_call import connect_socket
from phone.state import CallState

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


async def run_call(state: CallState) -> None:
    """Place the call and see it through; what goes wrong ends up in the report.

    Args:
        state: of a call that has not begun.
    """
    identity = state.plan.identity
    phone = Leg(
        identity.caller, identity.called, identity.conversation_uuid, "inbound", identity.uuid
    )
    answering = Answering(state)
    try:
        state.post.post(phone.event("started"))
        state.post.post(phone.event("ringing"))
        ncco = await state.unless_hung_up(answering.answer())
        if ncco is not None:
            state.post.post(phone.answered())
            await _Runner(state, answering).perform(ncco.actions)
            _judge_sockets(state, ncco)
        by_caller = state.hung_up or ncco is not None
        state.timeline.add("hangup", "the caller hung up" if by_caller else "the call ended")
        state.post.post(phone.completed("user" if by_caller else "platform"))
    finally:
        await state.post.close(HASTY_FLUSH_SECONDS if state.hung_up else FLUSH_SECONDS)
        state.report.events = state.post.posted
        _judge_events(state)


class _Runner:
    """Runs actions one after the other; an event's reply may replace those to come."""

    def __init__(self, state: CallState, answering: Answering) -> None:
        self._state = state
        self._answering = answering
        self._announcer = Announcer(state)
        self._keys = state.plan.dtmf

    async def perform(self, actions: Sequence[Action]) -> None:
        waiting = list(actions)
        while waiting and not self._state.hung_up:
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
                self._state.timeline.add("wait", f"{action.seconds:g} s")
                await self._announcer.pass_time(action.seconds)
            case Notify():
                self._state.timeline.add("notify", action.event_url[0])
                return await self._tell({"payload": action.payload}, event_target(action))
            case Input():
                return await self._input(action)
            case Connect() if isinstance(action.endpoint[0], WebSocket):
                keys, self._keys = self._keys, ""
                return await connect_socket(
                    self._state, self._answering, action, action.endpoint[0], keys
                )
            case _:
                self._skip(action)
        return None

    async def _input(self, action: Input) -> Ncco | None:
        """Press the keys of the plan; say nothing that a recogniser could understand."""
        event: dict[str, Any] = {}
        if "dtmf" in action.type:
            most = action.dtmf.max_digits if action.dtmf else 4
            digits = "" if "@" in self._keys else self._keys
            event["dtmf"] = {"digits": digits[:most], "timed_out": len(digits) < most}
            self._keys = digits[most:] if digits else self._keys
        if "speech" in action.type:
            event["speech"] = {"timeout_reason": "start_timeout", "results": []}
        pressed = event.get("dtmf", {}).get("digits") or "nothing"
        self._state.timeline.add("input", f"the caller pressed {pressed}")
        return await self._tell(event, event_target(action))

    async def _tell(self, extra: dict[str, Any], target: EventTarget | None) -> Ncco | None:
        """Post an event without a status, whose reply may be an NCCO."""
        identity = self._state.plan.identity
        event = {
            "from": identity.caller,
            "to": identity.called,
            "uuid": identity.uuid,
            "conversation_uuid": identity.conversation_uuid,
            "timestamp": timestamp(),
            **extra,
        }
        reply = await self._state.unless_hung_up(self._state.post.post(event, target))
        return self._answering.replacement(reply)

    def _skip(self, action: Action) -> None:
        name: str = action.action
        if isinstance(action, Connect):
            name = f"connect to {action.endpoint[0].type}"
        why = SKIPPED[action.action]
        self._state.timeline.add("skipped", f"{name}: {why}")
        seen = f"the action {name} was skipped: {why}"
        self._state.problem("ncco", seen, "try it with a real call", "warning")


def _judge_sockets(state: CallState, ncco: Ncco) -> None:
    refused = any(problem.step == "ncco" for problem in state.report.failures)
    if state.report.sockets or refused or state.plan.expect == "any" or state.hung_up:
        return
    state.problem(
        "socket",
        f"the NCCO connected to no WebSocket ({ncco.names})",
        "add a connect action with a websocket endpoint, or use --expect any",
    )


def _judge_events(state: CallState) -> None:
    silent: dict[tuple[str, str], list[str]] = {}
    for posted in state.report.events:
        if posted.seen:
            silent.setdefault((posted.seen, posted.url), []).append(posted.status)
    for (seen, url), statuses in silent.items():
        first = next(p for p in state.report.events if p.seen == seen and p.url == url)
        state.problem(
            "event",
            f"{', '.join(statuses)} to {url}: {seen}",
            first.advice,
            # The platform shrugs at a refused event; one that nobody took, or that a gateway
            # answered in the application's place, means a dead application.
            "failure" if first.reply in (None, *RETRIED_STATUSES) else "warning",
        )
