"""A meeting: its socket comes once and leaves with the last, whatever order the events come in."""

import itertools
import json
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ncco_service.calls.meeting import Meeting
from ncco_service.calls.meetings import Meetings, SocketCall
from ncco_service.calls.requests import Bot


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
    assert not meeting.people


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
    assert (meeting.socket == "present") == bool(meeting.people)
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
    assert not meeting.people
    assert meeting.socket == "absent"
    assert wanted == ["invite", "hang up"] * (len(wanted) // 2)


class Caller:
    """Notes what meetings ask for; the platform's uuid of the n-th call is "socket-n"."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.calls: list[SocketCall] = []

    def call_bot(self, call: SocketCall, bot: Bot) -> None:
        """Note it."""
        self.calls.append(call)
        self.asked.append(("call", call.meeting, bot.listen_only))

    def hang_up_bot(self, call: SocketCall) -> None:
        """Note it."""
        self.asked.append(("hang up", call.leg))

    def placed(self, meetings: Meetings) -> None:
        """Have the platform place the latest call."""
        call = self.calls[-1]
        meetings.placed(call.meeting, call.name, f"socket-{len(self.calls)}")

    def ended(self, meetings: Meetings) -> None:
        """Have the latest call end."""
        meetings.ended(self.calls[-1].meeting, self.calls[-1].name)


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
    caller.placed(meetings)
    (room,) = meetings.report()
    assert (room["people"], room["socket"]["status"]) == (2, "present")
    meetings.happened(event("a", status="completed"))
    meetings.happened(
        event(
            "b", **(ENTERS | {"conversation_uuid_from": "CON-m", "conversation_uuid_to": "CON-z"})
        )
    )
    assert caller.asked[1:] == [("hang up", "socket-1")]
    caller.ended(meetings)
    meetings.happened(event("c", **(ENTERS | {"conversation_uuid_to": "CON-later"})))
    assert len(caller.asked) == 3, "another meeting in the same room has its socket, too"


def test_by_hand() -> None:
    """Invited once however often; dismissed; an unknown room has nobody to dismiss."""
    caller = Caller()
    meetings = Meetings(caller, None)
    assert meetings.dismiss("m") is None
    for _ in itertools.repeat(None, 3):
        assert meetings.invite("m", Bot(listen_only=True))["socket"]["status"] == "invited"
    caller.placed(meetings)
    assert meetings.dismiss("m") is not None
    assert caller.asked == [("call", "m", True), ("hang up", "socket-1")]
    assert meetings.invite("m", Bot())["socket"]["status"] == "leaving"
    caller.ended(meetings)
    assert caller.asked[2:] == [("call", "m", False)], "invited while it was leaving"


def test_a_socket_that_was_sent_away_stays_away() -> None:
    """Until it is invited by hand, or everybody has left: who enters meanwhile does not call it."""
    meeting = Meeting("m", invites=True)
    assert happen(meeting, ["enters a", "placed"]) == ["invite"]
    assert meeting.dismiss() == "hang up"
    assert happen(meeting, ["over", "enters b"]) == []
    assert meeting.invite() == "invite"
    assert happen(meeting, ["placed"]) == []
    assert meeting.dismiss() == "hang up"
    assert happen(meeting, ["over", "leaves a", "leaves b", "enters c"]) == ["invite"]


def test_a_socket_that_left_by_itself_is_called_with_the_next_person() -> None:
    """Not before: it may have hung up because it had nothing more to do."""
    meeting = Meeting("m", invites=True)
    assert happen(meeting, ["enters a", "placed", "over"]) == ["invite"]
    assert meeting.overdue() is None
    assert happen(meeting, ["enters b"]) == ["invite"]


@pytest.mark.parametrize("next_event", ["enters b", "leaves b", "overdue"])
def test_an_invitation_that_failed_is_repeated(next_event: str) -> None:
    """With the next event of the room, or after a while; only while somebody is there."""
    meeting = Meeting("m", invites=True)
    assert happen(meeting, ["enters a", *(["enters b"] if "leaves" in next_event else [])])
    meeting.not_placed(again=True)
    again = [meeting.overdue()] if next_event == "overdue" else happen(meeting, [next_event])
    assert again == ["invite"]
    meeting.not_placed(again=True)
    assert happen(meeting, ["leaves b", "leaves a"]) in ([], ["invite"])
    meeting.not_placed(again=True)
    assert meeting.overdue() is None


def test_a_hangup_without_effect_is_repeated() -> None:
    """Until the socket's call is over."""
    meeting = Meeting("m", invites=True)
    assert happen(meeting, ["enters a", "placed", "leaves a"]) == ["invite", "hang up"]
    assert [meeting.overdue(), meeting.overdue()] == ["hang up", "hang up"]
    assert happen(meeting, ["over"]) == []
    assert meeting.overdue() is None


class Notes(list[Any]):
    """Keeps notes as a file of JSON would."""

    def __call__(self, what: str, given: tuple[Any, ...]) -> None:
        """Keep one."""
        self.append(json.loads(json.dumps([what, given])))


INPUTS = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(["enters", "leaves"]), st.sampled_from("abc")),
        st.tuples(st.sampled_from(["invite", "dismiss", "placed", "ended", "failed"]), st.just("")),
    )
)


@given(INPUTS, INPUTS)
def test_what_a_restart_takes_over(before: Any, after: Any) -> None:
    """From its notes alone another process knows the same, and goes on in the same way."""
    notes, caller = Notes(), Caller()
    meetings = Meetings(caller, Bot(listen_only=True), notes)
    happen_to(meetings, caller, before)
    later = Caller()
    later.calls = list(caller.calls)
    restored = Meetings(later, Bot(listen_only=True))
    restored.replay(notes)
    assert restored.report() == meetings.report()
    assert restored.sockets() == meetings.sockets()
    assert restored.people() == meetings.people()
    assert later.asked == []
    asked = len(caller.asked)
    happen_to(meetings, caller, after)
    happen_to(restored, later, after)
    assert later.asked == caller.asked[asked:]


def happen_to(meetings: Meetings, caller: Caller, steps: Any) -> None:
    """Have things happen to the room m."""
    for what, leg in steps:
        match what:
            case "enters":
                meetings.expect(leg, "m")
                meetings.happened(event(leg, **ENTERS))
            case "leaves":
                meetings.happened(event(leg, status="completed"))
            case "invite":
                meetings.invite("m", Bot())
            case "dismiss":
                meetings.dismiss("m")
            case _ if not caller.calls:
                pass
            case "placed":
                caller.placed(meetings)
            case "ended":
                caller.ended(meetings)
            case "failed":
                meetings.not_placed("m", caller.calls[-1].name, "busy", again=True)


@pytest.mark.parametrize(
    "note",
    [["expect", ["leg"]], ["invite", ["m", 7]], ["happened", [{}]], ["close", []], ["", [1]]],
)
def test_a_note_that_is_wrong_costs_nothing_else(note: Any) -> None:
    """The file may be damaged; the other notes count."""
    meetings = Meetings(Caller(), Bot())
    good: list[Any] = [["expect", ["a", "m"]], ["happened", [event("a", **ENTERS)]]]
    meetings.replay([note, *good, note])
    assert meetings.people() == ["a"]


def test_a_socket_that_is_called_but_not_noted_is_called_again() -> None:
    """The process was killed between the two notes."""
    caller, notes = Caller(), Notes()
    meetings = Meetings(caller, Bot(), notes)
    happen_to(meetings, caller, [("enters", "a")])
    assert notes.pop()[0] == "called"
    restored = Meetings(caller, Bot())
    restored.replay(notes)
    restored.try_again()
    assert caller.asked == [("call", "m", False)] * 2
