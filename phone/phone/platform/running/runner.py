"""Runs an NCCO on a leg, action after action."""

import asyncio
from typing import Any

from phone.audio.tape import Tape
from phone.constants import FRAME_SECONDS
from phone.legs.callers import Caller
from phone.platform.leg import Leg
from phone.platform.mixing.conversation import Conversation, ConversationFull
from phone.platform.ncco.actions import (
    Action,
    Connect,
    DtmfInput,
    Input,
    Join,
    Notify,
    Record,
    Stream,
    Talk,
    Transfer,
    Wait,
)
from phone.platform.ncco.document import Ncco
from phone.platform.ncco.endpoints import Phone, WebSocket
from phone.platform.ncco.unsimulated import unsimulated
from phone.platform.running.announcer import Announcer
from phone.platform.running.phone_connect import connect_phone
from phone.platform.running.recorder import record
from phone.platform.running.rooms import enter_room
from phone.platform.running.socket_connect import connect_socket
from phone.platform.running.source import NccoSource, event_target
from phone.platform.waiting import first_of
from phone.platform.webhooks.queue import EventTarget

__all__ = ["NccoRunner"]

TERMINAL = (Join, Transfer)  # nothing runs behind them
NOT_SIMULATED = "the phone has neither SIP nor VBC nor users of apps"


class NccoRunner:
    """Runs actions one after the other; an event's reply may replace those to come.

    Args:
        leg: answered, and in a conversation.
        source: reads the replies to events.

    """

    def __init__(self, leg: Leg, source: NccoSource) -> None:
        self._leg = leg
        self._call = leg.call
        self._source = source
        self._announcer = Announcer(leg)
        self._replaced = False
        self._recordings: set[asyncio.Task[None]] = set()
        self._over = asyncio.Event()

    async def run(self, ncco: Ncco) -> None:
        """Run an NCCO, and those that replace it, until nothing is left or the leg is over."""
        try:
            waiting = list(ncco.actions)
            while waiting and not self._leg.is_over:
                action = waiting.pop(0)
                replacement = await self._until_transferred(action)
                if replacement is not None:
                    self._replaced = True
                    waiting = list(replacement.actions)
                elif isinstance(action, TERMINAL):
                    return
        finally:
            self._over.set()
            await asyncio.gather(*self._recordings, return_exceptions=True)

    async def _until_transferred(self, action: Action) -> Ncco | None:
        """Run an action; the API may replace it, and all behind it, with another NCCO."""
        leg = self._leg
        leg.transfer = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(self._one(action))
        try:
            await asyncio.wait({task, leg.transfer}, return_when=asyncio.FIRST_COMPLETED)
            if not leg.transfer.done():
                return task.result()
        finally:
            if not task.done():
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        ncco: Ncco = leg.transfer.result()
        self._call.log.add("transfer", f"to another NCCO: {ncco.names}")
        self._moved(Conversation())
        return ncco

    async def _one(self, action: Action) -> Ncco | None:
        leg = self._leg
        if names := unsimulated(action):
            self._call.log.add("skipped", f"{action.action}: {', '.join(names)} not simulated")
        match action:
            case Talk() | Stream() if action.barge_in:
                await self._until_a_key(action)
            case Talk():
                await self._announcer.talk(action)
            case Stream():
                await self._announcer.stream(action)
            case Wait():
                self._call.log.add("wait", f"{action.seconds:g} s")
                # Whoever waits in the reply to an event waits for something to come back.
                await self._announcer.pass_time(action.seconds, always=self._replaced)
            case Notify():
                self._call.log.add("notify", action.event_url[0])
                return await self._tell({"payload": action.payload}, event_target(action))
            case Input():
                return await self._input(action)
            case Connect() if isinstance(action.endpoint[0], WebSocket):
                return await connect_socket(leg, self._source, action, action.endpoint[0])
            case Connect() if isinstance(action.endpoint[0], Phone):
                return await connect_phone(leg, self._source, action, action.endpoint[0], _run)
            case Connect():
                self._skip(f"connect to {action.endpoint[0].type}", NOT_SIMULATED)
            case Record():
                await self._record(action, leg.member.tapes)
            case Join():
                room = await enter_room(leg, action)
                self._moved(room)
                if action.record:
                    await self._record(_recording(action), room.tapes)
                await self._stay()
            case Transfer():
                await self._transfer(action)
        return None

    async def _until_a_key(self, action: Talk | Stream) -> None:
        """Say or play until a key is pressed, which is the next `input`'s (bargeIn)."""
        leg, announcer = self._leg, self._announcer
        if leg.keys:
            return
        leg.key_pressed.clear()
        # A caller with a script presses its keys at the input, and would never get there.
        endless = not isinstance(leg.participant, Caller)
        if isinstance(action, Talk):
            saying = announcer.talk(action, endless=endless)
        else:
            saying = announcer.stream(action, endless=endless)
        await first_of(saying, leg.key_pressed.wait())
        leg.member.playout.stop()

    async def _input(self, action: Input) -> Ncco | None:
        """Collect keys. Speech is not recognised."""
        if action.mode == "asynchronous":
            self._leg.async_input = event_target(action) or self._call.events.default
            return None
        event: dict[str, Any] = {}
        if "dtmf" in action.type:
            event["dtmf"] = await self._digits(action.dtmf or DtmfInput.model_validate({}))
        if "speech" in action.type:
            event["speech"] = {"timeout_reason": "start_timeout", "results": []}
        pressed = event.get("dtmf", {}).get("digits") or "nothing"
        self._call.log.add("input", f"the caller pressed {pressed}")
        return await self._tell(event, event_target(action))

    async def _digits(self, wanted: DtmfInput) -> dict[str, Any]:
        participant = self._leg.participant
        if isinstance(participant, Caller):  # presses all at once
            digits = participant.take_digits(wanted.max_digits)
            return {"digits": digits, "timed_out": len(digits) < wanted.max_digits}
        digits = ""
        while len(digits) < wanted.max_digits and not self._leg.is_over:
            digit = await self._key(wanted.time_out)
            if digit is None:
                return {"digits": digits, "timed_out": True}
            if digit == "#" and wanted.submit_on_hash:
                break
            digits += digit
        return {"digits": digits, "timed_out": False}

    async def _key(self, within: float) -> str | None:
        leg = self._leg
        if not leg.keys:
            leg.key_pressed.clear()
            try:
                async with asyncio.timeout(max(within, FRAME_SECONDS)):
                    await leg.unless_over(leg.key_pressed.wait())
            except TimeoutError:
                return None
        return leg.keys.popleft() if leg.keys else None

    async def _tell(self, extra: dict[str, Any], target: EventTarget | None) -> Ncco | None:
        """Post an event without a status, whose reply may be an NCCO."""
        event = self._leg.events.without_status(**extra)
        future = self._call.events.post(event, target or self._leg.target)
        return self._source.replacement(await self._leg.unless_over(future))

    async def _record(self, action: Record, tapes: list[Tape]) -> None:
        """Record from now on; wait for the end only where the action has one."""
        begun = asyncio.Event()
        task = asyncio.create_task(
            record(self._leg, tapes, action, begun, self._over), name="record"
        )
        self._recordings.add(task)
        task.add_done_callback(self._recordings.discard)
        await begun.wait()
        if action.has_end:
            await asyncio.wait({task})  # which ends with the leg, and tells of the recording

    async def _transfer(self, action: Transfer) -> None:
        """Move this leg into another conversation, and stay there."""
        conversation = self._call.directory.conversation(action.conversation_id)
        if conversation is None:
            seen = f"there is no conversation {action.conversation_id}"
            self._call.problem("ncco", seen, "take the conversation_uuid of an event", "warning")
            return
        member = self._leg.member
        member.muted = action.mute
        member.can_hear = None if action.can_hear is None else frozenset(action.can_hear)
        member.can_speak = None if action.can_speak is None else frozenset(action.can_speak)
        self._moved(conversation)
        await self._stay()

    def _moved(self, conversation: Conversation | None) -> None:
        """Move the leg into a conversation, and post the event (Webhook reference, transfer)."""
        leg = self._leg
        if conversation is None:
            return
        before = leg.events.conversation_uuid
        try:
            leg.join(conversation)
        except ConversationFull as error:
            self._call.problem("ncco", str(error), "wait until somebody leaves", "failure")
            leg.hang_up()
            return
        leg.events.conversation_uuid = conversation.uuid
        event = leg.events.without_status(
            type="transfer",
            conversation_uuid_from=before,
            conversation_uuid_to=conversation.uuid,
        )
        leg.post(event)

    async def _stay(self) -> None:
        """Stay in the conversation until the leg is over."""
        if isinstance(self._leg.participant, Caller):
            seen = "the caller was alone in the conversation, and hung up"
            self._call.problem("ncco", seen, "use `phone platform` for meetings", "warning")
            return
        await self._leg.over.wait()

    def _skip(self, name: str, why: str) -> None:
        self._call.log.add("skipped", f"{name}: {why}")
        seen = f"the action {name} was skipped: {why}"
        self._call.problem("ncco", seen, "try it with a real call", "warning")


async def _run(leg: Leg, source: NccoSource, ncco: Ncco) -> None:
    await NccoRunner(leg, source).run(ncco)


def _recording(action: Join) -> Record:
    """Return how a conversation is recorded that asks for it."""
    fields = {"action": "record", "eventUrl": action.event_url, "eventMethod": action.event_method}
    return Record.model_validate({name: value for name, value in fields.items() if value})
