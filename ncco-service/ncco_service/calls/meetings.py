"""All meetings: events go to their rooms, and rooms call and hang up their sockets."""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, Protocol

import structlog

from ncco_service.calls.call import is_over
from ncco_service.calls.meeting import Meeting, Step
from ncco_service.calls.requests import Bot

__all__ = ["BotCaller", "Meetings"]

logger = structlog.get_logger()

MOST_LEGS = 10_000  # of which the room is remembered
MOST_ROOMS = 1000


class BotCaller(Protocol):
    """Calls the socket into a room, and hangs it up; both return at once."""

    def call_bot(self, meeting: str, bot: Bot) -> None:
        """Call; afterwards `placed` or `socket_left` of the meetings is called."""

    def hang_up_bot(self, leg: str) -> None:
        """Hang up."""


class _Room:
    """A meeting and its state."""

    def __init__(self, meeting: Meeting, bot: Bot) -> None:
        self.meeting = meeting
        self.bot = bot
        self.leg: str | None = None  # the socket's
        self.conversation: str | None = None


class Meetings:
    """Rooms by name.

    Args:
        caller: calls the sockets.
        bot: how the socket takes part that comes with the first person; None: it comes only when
            invited.

    """

    def __init__(self, caller: BotCaller, bot: Bot | None) -> None:
        self._caller = caller
        self._bot = bot
        self._lock = threading.RLock()
        self._rooms: OrderedDict[str, _Room] = OrderedDict()
        self._legs: OrderedDict[str, str] = OrderedDict()

    def expect(self, leg: str, name: str) -> None:
        """Note that a leg is on its way into a room."""
        with self._lock:
            self._legs[leg] = name
            if len(self._legs) > MOST_LEGS:
                self._legs.popitem(last=False)

    def happened(self, fields: Mapping[str, str]) -> None:
        """Note an event of any leg."""
        leg = fields["uuid"]
        with self._lock:
            name = self._legs.get(leg)
            if name is None:
                return
            room = self._room(name)
            if fields["type"] == "transfer":
                to = fields["conversation_uuid_to"]
                if room.conversation is not None and to and to != room.conversation:
                    if fields["conversation_uuid_from"] == room.conversation:
                        self._step(room, room.meeting.left(leg))
                        return
                    if room.meeting.people:
                        return  # on its way elsewhere
                room.conversation = to or room.conversation
                self._step(room, room.meeting.entered(leg))
            elif is_over(fields["status"]):
                self._step(room, room.meeting.left(leg))

    def invite(self, name: str, bot: Bot) -> dict[str, Any]:
        """Call the socket into a room, unless it is there; return the room's report."""
        with self._lock:
            room = self._room(name)
            if room.meeting.socket == "absent" or (
                room.meeting.socket == "leaving" and room.leg is not None
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
            self._step(room, room.meeting.dismiss())
            return _report(room)

    def placed(self, name: str, leg: str) -> None:
        """Note that a room's socket was called."""
        with self._lock:
            room = self._room(name)
            room.leg = leg
            self._step(room, room.meeting.placed())

    def socket_left(self, name: str) -> None:
        """Note that a room's socket is gone, or could not be called."""
        with self._lock:
            room = self._room(name)
            room.leg = None
            self._step(room, room.meeting.socket_left())

    def report(self) -> list[dict[str, Any]]:
        """Describe all rooms in JSON."""
        with self._lock:
            return [_report(room) for room in self._rooms.values()]

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
            if not room.meeting.people and room.meeting.socket == "absent":
                del self._rooms[name]
                return
        self._rooms.popitem(last=False)

    def _step(self, room: _Room, step: Step | None) -> None:
        if not room.meeting.people:
            room.conversation = None  # the next to come have a new one
        if step is None:
            return
        logger.info("meeting", meeting=room.meeting.name, step=step, people=room.meeting.people)
        if step == "invite":
            self._caller.call_bot(room.meeting.name, room.bot)
        elif room.leg is not None:
            self._caller.hang_up_bot(room.leg)


def _report(room: _Room) -> dict[str, Any]:
    meeting = room.meeting
    socket = {"uuid": room.leg, "status": meeting.socket, "listen_only": room.bot.listen_only}
    return {"name": meeting.name, "people": meeting.people, "socket": socket}
