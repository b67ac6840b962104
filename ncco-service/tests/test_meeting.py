"""A meeting: its socket comes once and leaves with the last, whatever order the events come in."""

import itertools
import time
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ncco_service.calls.calls import EVENT_FIELDS, Calls
from ncco_service.calls.meeting import Meeting
from ncco_service.calls.meetings import Meetings
from ncco_service.calls.requests import Bot
from ncco_service.calls.voice_api import Call


def happen(meeting: Meeting, steps: Sequence[str]) -> list[str]:
    """Have some things happen; return what the meeting wants."""
    wanted = []
    for step in steps:
        what, _, leg = step.partition(" ")
        done: object = None
        if what == "enters":
            done = meeting.entered(leg)
        elif what == "leaves":
            done = meeting.left(leg)
        elif what == "placed":
            done = meeting.placed()
        else:
            done = meeting.socket_left()
        if done:
            wanted.append(str(done))
    return wanted


def test_the_socket_comes_with_the_first_and_leaves_with_the_last() -> None:
    """Two people, one socket."""
    meeting = Meeting("m", invites=True)
    steps = ["enters a", "placed", "enters b", "leaves a", "leaves b", "over"]
    assert happen(meeting, steps) == ["invite", "hang up"]
    assert meeting.socket == "absent"


def test_an_end_that_is_told_before_the_beginning() -> None:
    """Somebody whose end overtook their arrival does not call the socket."""
    meeting = Meeting("m", invites=True)
    assert happen(meeting, ["leaves a", "enters a"]) == []
    assert meeting.people == 0


def test_the_last_leaves_before_the_socket_is_placed() -> None:
    """Then it is hung up as soon as it is."""
    meeting = Meeting("m", invites=True)
    assert happen(meeting, ["enters a", "leaves a", "placed", "over"]) == ["invite", "hang up"]


def test_somebody_comes_back_before_the_socket_is_placed() -> None:
    """Then it stays."""
    meeting = Meeting("m", invites=True)
    assert happen(meeting, ["enters a", "leaves a", "enters b", "placed"]) == ["invite"]
    assert meeting.socket == "present"


def test_somebody_comes_while_the_socket_leaves() -> None:
    """It is called again as soon as the former call is over; not if they have left by then."""
    meeting = Meeting("m", invites=True)
    before = ["enters a", "placed", "leaves a", "enters b"]
    assert happen(meeting, before) == ["invite", "hang up"]
    assert happen(meeting, ["over", "placed"]) == ["invite"]
    assert happen(meeting, ["leaves b", "enters c", "leaves c", "over"]) == ["hang up"]
    assert meeting.socket == "absent"


@given(st.data())
def test_however_late_the_platform_is(data: st.DataObject) -> None:
    """In the end the socket is there if anybody is, and never was there twice."""
    meeting = Meeting("m", invites=True)
    people = data.draw(st.permutations(["enters a", "enters b", "leaves a", "leaves b"]))
    due: list[str] = []
    for step in [*people, *[""] * 8]:
        if step:
            wanted = happen(meeting, [step])
        elif due:
            wanted = happen(meeting, [due.pop(0)])
        else:
            break
        for each in wanted:
            assert each == "hang up" or "placed" not in due
            due.append("placed" if each == "invite" else "over")
        if step and due and data.draw(st.booleans()):
            more = happen(meeting, [due.pop(0)])
            due += ["placed" if each == "invite" else "over" for each in more]
    assert due == []
    assert (meeting.socket == "present") == (meeting.people > 0)
    assert meeting.socket in ("present", "absent")


@given(st.permutations(["enters a", "enters b", "enters c", "leaves a", "leaves b", "leaves c"]))
def test_any_order(steps: list[str]) -> None:
    """The socket is called at most once at a time, and nobody is left: neither is the socket."""
    meeting = Meeting("m", invites=True)
    wanted = []
    for step in steps:
        wanted += happen(meeting, [step])
        if wanted and wanted[-1] == "invite" and meeting.socket == "invited":
            wanted += happen(meeting, ["placed"])
        if wanted and wanted[-1] == "hang up":
            meeting.socket_left()
    assert meeting.people == 0
    assert meeting.socket == "absent"
    assert wanted == ["invite", "hang up"] * (len(wanted) // 2)


class Caller:
    """Notes what meetings ask for."""

    def __init__(self) -> None:
        self.asked: list[Any] = []

    def call_bot(self, meeting: str, bot: Bot) -> None:
        """Note it."""
        self.asked.append(("call", meeting, bot.listen_only))

    def hang_up_bot(self, leg: str) -> None:
        """Note it."""
        self.asked.append(("hang up", leg))


def event(leg: str, **fields: str) -> dict[str, str]:
    """Make an event of a leg."""
    names = ("status", "type", "conversation_uuid_from", "conversation_uuid_to")
    return {"uuid": leg} | dict.fromkeys(names, "") | fields


ENTERS = {"type": "transfer", "conversation_uuid_from": "CON-own", "conversation_uuid_to": "CON-m"}


@pytest.mark.parametrize("bot", [Bot(), Bot(listen_only=True)])
def test_events_of_a_room(bot: Bot) -> None:
    """Those of its legs count, others do not; the socket is called and hung up once."""
    caller = Caller()
    meetings = Meetings(caller, bot)
    for leg in "abc":
        meetings.expect(leg, "m")
    for leg in "abx":
        meetings.happened(event(leg, status="answered"))
        meetings.happened(event(leg, **ENTERS))
    assert caller.asked == [("call", "m", bot.listen_only)]
    meetings.placed("m", "socket")
    (room,) = meetings.report()
    assert (room["people"], room["socket"]["status"]) == (2, "present")
    meetings.happened(event("a", status="completed"))
    meetings.happened(
        event(
            "b", **(ENTERS | {"conversation_uuid_from": "CON-m", "conversation_uuid_to": "CON-z"})
        )
    )
    assert caller.asked[1:] == [("hang up", "socket")]
    meetings.socket_left("m")
    meetings.happened(event("c", **(ENTERS | {"conversation_uuid_to": "CON-later"})))
    assert len(caller.asked) == 3, "another meeting in the same room has its socket, too"


def test_by_hand() -> None:
    """Invited once however often; dismissed; an unknown room has nobody to dismiss."""
    caller = Caller()
    meetings = Meetings(caller, None)
    assert meetings.dismiss("m") is None
    for _ in itertools.repeat(None, 3):
        assert meetings.invite("m", Bot(listen_only=True))["socket"]["status"] == "invited"
    meetings.placed("m", "socket")
    assert meetings.dismiss("m") is not None
    assert caller.asked == [("call", "m", True), ("hang up", "socket")]
    assert meetings.invite("m", Bot())["socket"]["status"] == "leaving"
    meetings.socket_left("m")
    assert caller.asked[2:] == [("call", "m", False)], "invited while it was leaving"


def test_a_socket_that_is_gone_before_it_is_placed_leaves_once() -> None:
    """Another one, invited before the platform has answered, is the room's from then on."""
    legs = iter(("first", "second"))

    class Platform:
        """The Voice API, whose events overtake its answer."""

        def create(self, body: dict[str, str]) -> Call:
            leg = next(legs)
            if leg == "first":
                ended = {"uuid": leg, "status": "completed", "to": "wss://voice.example.org/socket"}
                calls.happened(body["call"], dict.fromkeys(EVENT_FIELDS, "") | ended)
                calls.meetings.invite("standup", Bot())
            return Call(leg, "CON-1")

        def region(self, _: str) -> None:
            """There is one only."""

    class Bodies:
        """Bodies that have nothing but our name for the call."""

        def bot(self, _: str, __: Bot, call: str, *___: object) -> dict[str, str]:
            return {"call": call}

    platform: Any = Platform()
    bodies: Any = Bodies()
    addresses = ("wss://voice.example.org/socket", "https://voice.example.org/webhooks/events")
    calls = Calls(platform, bodies, lambda: addresses, 9, None)
    calls.start()
    try:
        calls.meetings.invite("standup", Bot())
        deadline = time.monotonic() + 60
        while (room := calls.meetings.report()[0]["socket"])["status"] != "present":
            assert time.monotonic() < deadline, room
            time.sleep(0.01)
    finally:
        calls.stop()
    (room,) = (each["socket"] for each in calls.meetings.report())
    assert (room["uuid"], room["status"]) == ("second", "present")
