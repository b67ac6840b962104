"""All meetings: events go to their rooms, and rooms call and hang up their sockets."""

import threading
import time
import uuid
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import structlog

from ncco_service.calls.call import is_over
from ncco_service.calls.journal import Note
from ncco_service.calls.meeting import Meeting, Step
from ncco_service.calls.requests import Bot

__all__ = ["BotCaller", "Meetings", "SocketCall"]

logger = structlog.get_logger()

MOST_LEGS = 10_000  # whose room is known
MOST_ROOMS = 1000
_INPUTS = {"expect", "happened", "invite", "dismiss", "called", "placed", "not_placed", "ended"}
_EVENT = ("uuid", "status", "type", "conversation_uuid_from", "conversation_uuid_to")


@dataclass(frozen=True)
class SocketCall:
    """The call that brings the socket into a room.

    Attributes:
        meeting: the room.
        name: our own for the call.
        since: when it was begun, in seconds since 1970.
        leg: the platform's uuid; None while it is not placed.

    """

    meeting: str
    name: str
    since: float
    leg: str | None = None


class BotCaller(Protocol):
    """Calls the socket into a room, and hangs it up; both return at once."""

    def call_bot(self, call: SocketCall, bot: Bot) -> None:
        """Call; `placed` or `not_placed` of the meetings is called in the end."""

    def hang_up_bot(self, call: SocketCall) -> None:
        """Hang up; `ended` of the meetings is called in the end."""


class _Room:
    """A meeting and its state."""

    def __init__(self, meeting: Meeting, bot: Bot) -> None:
        self.meeting = meeting
        self.bot = bot
        self.call: SocketCall | None = None
        self.problem: str | None = None  # why the latest call was not placed
        self.conversation: str | None = None


class Meetings:
    """Rooms by name.

    Every method that changes a room notes its name and arguments, as plain JSON, so that `replay`
    can make the same rooms from the notes.

    Args:
        caller: calls the sockets.
        bot: how the socket takes part that comes with the first person; None: it comes only when
            invited.
        note: keeps the notes; None: they are forgotten.

    """

    def __init__(
        self,
        caller: BotCaller,
        bot: Bot | None,
        note: Callable[[str, tuple[Any, ...]], None] | None = None,
    ) -> None:
        self._caller = caller
        self._bot = bot
        self._note = note
        self._replaying = False
        self._lock = threading.RLock()
        self._rooms: OrderedDict[str, _Room] = OrderedDict()
        self._legs: OrderedDict[str, str] = OrderedDict()

    def replay(self, notes: Iterable[Note]) -> None:
        """Take over the rooms of an earlier process; nobody is called or hung up."""
        with self._lock:
            self._replaying = True
            for what, given in notes:
                try:
                    if what in _INPUTS:
                        getattr(self, what)(*given)
                except (ValueError, TypeError, KeyError, AttributeError):
                    logger.warning("journal_line", message="CALLS_FILE has a note of a meeting "
                                   "that cannot be used")  # fmt: skip
            for room in self._rooms.values():
                if room.call is None:
                    room.meeting.not_placed(again=True)
            self._replaying = False

    def expect(self, leg: str, name: str) -> None:
        """Note that a leg is on its way into a room."""
        with self._lock:
            if self._legs.get(leg) == name:
                return
            self._noted("expect", leg, name)
            self._legs[leg] = name
            if len(self._legs) > MOST_LEGS:
                self._legs.popitem(last=False)

    def happened(self, fields: Mapping[str, str]) -> None:
        """Note an event of any leg."""
        leg, moved = fields["uuid"], fields["type"] == "transfer"
        with self._lock:
            name = self._legs.get(leg)
            if name is None or not (moved or is_over(fields["status"])):
                return
            self._noted("happened", {field: fields[field] for field in _EVENT})
            room = self._room(name)
            if not moved:
                del self._legs[leg]
                self._step(room, room.meeting.left(leg))
                return
            to = fields["conversation_uuid_to"]
            if room.conversation is not None and to and to != room.conversation:
                if fields["conversation_uuid_from"] == room.conversation:
                    self._step(room, room.meeting.left(leg))
                    return
                if room.meeting.people:
                    return  # on its way elsewhere
            room.conversation = to or room.conversation
            self._step(room, room.meeting.entered(leg))

    def arrived(self, leg: str) -> None:
        """Note that an expected leg is answered, though no event has told that it is in a room."""
        self.happened(dict.fromkeys(_EVENT, "") | {"uuid": leg, "type": "transfer"})

    def gone(self, leg: str) -> None:
        """Note that a leg has ended, a person's or a socket's, though no event has told so."""
        with self._lock:
            for call in self.sockets():
                if call.leg == leg:
                    self.ended(call.meeting, call.name)
                    return
            self.happened(dict.fromkeys(_EVENT, "") | {"uuid": leg, "status": "completed"})

    def invite(self, name: str, bot: Bot | dict[str, Any]) -> dict[str, Any]:
        """Call the socket into a room, unless it is there; return the room's report."""
        bot = bot if isinstance(bot, Bot) else Bot.model_validate(bot)
        with self._lock:
            self._noted("invite", name, bot.model_dump(mode="json"))
            room = self._room(name)
            if room.meeting.socket == "absent" or (
                room.meeting.socket == "leaving" and room.call and room.call.leg
            ):
                room.bot = bot
            self._step(room, room.meeting.invite())
            return _report(room)

    def dismiss(self, name: str) -> dict[str, Any] | None:
        """Hang up a room's socket; return the room's report, None for an unknown room."""
        with self._lock:
            room = self._rooms.get(name)
            if room is None:
                return None
            self._noted("dismiss", name)
            self._step(room, room.meeting.dismiss())
            return _report(room)

    def called(self, name: str, call: str, since: float) -> None:
        """Note the call that is to bring the socket into a room; see `SocketCall`."""
        with self._lock:
            self._noted("called", name, call, since)
            room = self._room(name)
            room.call, room.problem = SocketCall(name, call, since), None

    def placed(self, name: str, call: str, leg: str) -> None:
        """Note that a room's socket was called; one that the room waits for no more is hung up."""
        with self._lock:
            room = self._room(name)
            current = room.call
            if current is None or current.name != call:
                if not self._replaying:
                    self._caller.hang_up_bot(SocketCall(name, call, time.time(), leg))
            elif current.leg is None:
                self._noted("placed", name, call, leg)
                room.call = replace(current, leg=leg)
                self._step(room, room.meeting.placed())

    def not_placed(self, name: str, call: str, problem: str, again: bool) -> None:
        """Note why a room's socket could not be called; `again`: it will be tried again."""
        with self._lock:
            room = self._room(name)
            if room.call is not None and room.call.name == call:
                self._noted("not_placed", name, call, problem, again)
                room.call, room.problem = None, problem
                room.meeting.not_placed(again=again)

    def ended(self, name: str, call: str) -> None:
        """Note that the call of a room's socket is over."""
        with self._lock:
            room = self._room(name)
            if room.call is not None and room.call.name == call:
                self._noted("ended", name, call)
                room.call = None
                self._step(room, room.meeting.socket_left())

    def try_again(self) -> None:
        """Call the sockets that could not be called, and hang up those that have not ended."""
        with self._lock:
            for room in list(self._rooms.values()):
                self._step(room, room.meeting.overdue())

    def sockets(self) -> list[SocketCall]:
        """Return the calls of all sockets."""
        with self._lock:
            return [room.call for room in self._rooms.values() if room.call is not None]

    def people(self) -> list[str]:
        """Return the legs of all people in rooms, or on their way there."""
        with self._lock:
            return list(self._legs)

    def report(self) -> list[dict[str, Any]]:
        """Describe all rooms in JSON."""
        with self._lock:
            return [_report(room) for room in self._rooms.values()]

    def _noted(self, what: str, *given: Any) -> None:
        if self._note is not None and not self._replaying:
            self._note(what, given)

    def _room(self, name: str) -> _Room:
        room = self._rooms.get(name)
        if room is None:
            bot = self._bot or Bot()
            room = _Room(Meeting(name, invites=self._bot is not None), bot)
            self._rooms[name] = room
            if len(self._rooms) > MOST_ROOMS:
                self._forget_one()
        return room

    def _forget_one(self) -> None:
        for name, room in self._rooms.items():
            if not room.meeting.people and room.call is None:
                del self._rooms[name]
                return
        self._rooms.popitem(last=False)

    def _step(self, room: _Room, step: Step | None) -> None:
        meeting = room.meeting
        if not meeting.people:
            room.conversation = None  # the next to come have a new one
        if step is None or self._replaying:
            return
        logger.info("meeting", meeting=meeting.name, step=step, people=len(meeting.people))
        if step == "invite":
            self.called(meeting.name, str(uuid.uuid4()), time.time())
        if room.call is None:
            return
        if step == "invite":
            self._caller.call_bot(room.call, room.bot)
        else:
            self._caller.hang_up_bot(room.call)


def _report(room: _Room) -> dict[str, Any]:
    meeting = room.meeting
    socket = {
        "uuid": room.call.leg if room.call else None,
        "status": meeting.socket,
        "listen_only": room.bot.listen_only,
        "problem": room.problem,
    }
    return {"name": meeting.name, "people": len(meeting.people), "socket": socket}
