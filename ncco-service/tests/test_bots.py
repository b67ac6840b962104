"""Sockets of meetings when the platform does not do as it should."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from ncco_service.calls import bots
from ncco_service.calls.background import MOST_WAITING, Background
from ncco_service.calls.calls import EVENT_FIELDS, Calls
from ncco_service.calls.journal import Journal
from ncco_service.calls.requests import Bot
from ncco_service.calls.voice_api import Call
from ncco_service.http.errors import Problem

Events = Callable[[str], list[dict[str, Any]]]
PATIENCE = 60.0


class Platform:
    """The Voice API, which does as a test says.

    Attributes:
        troubles: raised by the next requests; None: it goes well.
        legs: statuses by uuid.
        created: bodies of the calls placed.
        on_create: is told of a call before the answer.

    """

    def __init__(self) -> None:
        self.troubles: list[Problem | None] = []
        self.legs: dict[str, str] = {}
        self.created: list[dict[str, Any]] = []
        self.on_create: Callable[[str, str], None] = lambda *_: None

    def create(self, body: dict[str, Any]) -> Call:
        """Place a call; its leg is "socket-1", "socket-2" and so on."""
        self._trouble()
        self.created.append(body)
        leg = f"socket-{len(self.created)}"
        self.legs[leg] = "answered"
        self.on_create(leg, body["call"])
        return Call(leg, "CON-1")

    def steer(self, leg: str, *_: object, **__: object) -> None:
        """Hang up."""
        self._trouble()
        if self.legs.get(leg) != "answered":
            raise Problem(404, "no_such_call", "the call has ended", "it is over")
        self.legs[leg] = "completed"

    def get(self, leg: str) -> dict[str, Any]:
        """Show a call."""
        self._trouble()
        if leg not in self.legs:
            raise Problem(404, "no_such_call", "there is none", "look elsewhere")
        return {"status": self.legs[leg]}

    def calls_since(self, _: float) -> Iterator[dict[str, Any]]:
        """List all calls."""
        for leg, body in zip(self.legs, self.created, strict=False):
            to = {"type": "websocket", "headers": {"uuid": body["call"]}}
            yield {"uuid": leg, "conversation_uuid": "CON-1", "direction": "outbound", "to": to}

    def region(self, _: str) -> None:
        """There is one only."""

    def _trouble(self) -> None:
        if self.troubles and (trouble := self.troubles.pop(0)):
            raise trouble


class Bodies:
    """Bodies that have nothing but our name for the call."""

    def bot(self, _: str, __: Bot, call: str, *___: object) -> dict[str, str]:
        """Make one."""
        return {"call": call}


@pytest.fixture
def platform() -> Platform:
    """Give a platform."""
    return Platform()


@pytest.fixture
def make_calls(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> Iterator[Callable[[], Calls]]:
    """Give a starter of calls, of which each takes over from the one before."""
    monkeypatch.setattr(bots, "AGAIN_SECONDS", 0.05)
    monkeypatch.setattr(bots, "SHOWN_SECONDS", 0.0)
    addresses = ("wss://voice.example.org/socket", "https://voice.example.org/webhooks/events")
    made: list[Calls] = []

    def make() -> Calls:
        for calls in made:
            calls.stop()
        api: Any = platform
        bodies: Any = Bodies()
        made.append(
            Calls(api, bodies, lambda: addresses, 9, Bot(), journal=Journal(tmp_path / "calls"))
        )
        made[-1].start()
        return made[-1]

    yield make
    for calls in made:
        calls.stop()


def event(leg: str, **fields: str) -> dict[str, str]:
    """Make an event of a leg."""
    return dict.fromkeys(EVENT_FIELDS, "") | {"uuid": leg} | fields


def enters(calls: Calls, leg: str) -> None:
    """Have a person enter the room."""
    calls.meetings.expect(leg, "standup")
    moved = {"conversation_uuid_from": f"CON-{leg}", "conversation_uuid_to": "CON-standup"}
    calls.happened("", event(leg, type="transfer", **moved))


def leaves(calls: Calls, leg: str) -> None:
    """Have a person leave it."""
    calls.happened("", event(leg, status="completed"))


def until(calls: Calls, socket: str, leg: str | None = None) -> None:
    """Wait until the room's socket is so."""
    deadline = time.monotonic() + PATIENCE
    while True:
        found = calls.meetings.report()[0]["socket"]
        if found["status"] == socket and (leg is None or found["uuid"] == leg):
            return
        assert time.monotonic() < deadline, found
        time.sleep(0.01)


BUSY = Problem(503, "queue_full", "60 calls wait", "try again")
GONE = Problem(502, "platform_unreachable", "it cannot be reached", "check VONAGE_API_URL")
BROKE = Problem(402, "no_credit", "the platform answered 402", "top up the account")


@pytest.mark.parametrize("trouble", [BUSY, GONE])
def test_an_invitation_that_was_not_placed_is_repeated(
    platform: Platform, make_calls: Callable[[], Calls], events: Events, trouble: Problem
) -> None:
    """The log says why, and the socket is called as soon as the platform takes it."""
    platform.troubles = [trouble, trouble]
    calls = make_calls()
    enters(calls, "a")
    until(calls, "present", "socket-1")
    said = events("bot_not_called")
    assert len(said) == 2
    assert said[0]["message"] == f"{trouble.message}; {trouble.hint}"


def test_an_invitation_that_is_refused_waits_for_the_next_person(
    platform: Platform, make_calls: Callable[[], Calls], events: Events
) -> None:
    """Without credit the platform is not asked again and again."""
    platform.troubles = [BROKE]
    calls = make_calls()
    enters(calls, "a")
    until(calls, "absent")
    calls.meetings.try_again()
    assert platform.created == []
    assert calls.meetings.report()[0]["socket"]["problem"] == f"{BROKE.message}; {BROKE.hint}"
    assert events("bot_not_called")[0]["again"] == "when somebody enters the meeting"
    enters(calls, "b")
    until(calls, "present")
    assert calls.meetings.report()[0]["socket"]["problem"] is None


def test_a_hangup_that_fails_is_repeated(
    platform: Platform, make_calls: Callable[[], Calls], events: Events
) -> None:
    """Until the platform shows that the call is over, though no event tells of it."""
    calls = make_calls()
    enters(calls, "a")
    until(calls, "present")
    platform.troubles = [GONE, None, GONE, GONE]
    leaves(calls, "a")
    until(calls, "absent")
    assert platform.legs == {"socket-1": "completed"}
    assert [said["message"] for said in events("bot_not_hung_up")][:2] == [str(GONE)] * 2
    assert events("background_job_failed") == []


def test_a_full_background_loses_no_hangup(
    platform: Platform, make_calls: Callable[[], Calls], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was dropped is tried again."""
    calls = make_calls()
    enters(calls, "a")
    until(calls, "present")
    dropped: list[str] = []
    with monkeypatch.context() as full:
        full.setattr(Background, "put", lambda _, name, __: dropped.append(name))
        leaves(calls, "a")
    assert "hang_up_bot" in dropped
    until(calls, "absent")


def test_a_full_background_says_so(events: Events) -> None:
    """One line for each job that is dropped, with the setting to look at."""
    background = Background()
    for _ in range(MOST_WAITING + 1):
        background.put("answered", lambda: None)
    (said,) = events("background_job_dropped")
    assert (said["log_level"], said["job"]) == ("warning", "answered")
    assert "VONAGE_API_URL" in said["message"]


def test_a_socket_whose_call_nobody_waits_for_any_more_is_hung_up(
    platform: Platform, make_calls: Callable[[], Calls]
) -> None:
    """The platform told of it late: by then another one is in the room."""
    calls = make_calls()
    enters(calls, "a")
    until(calls, "present", "socket-1")
    (late,) = calls.meetings.sockets()
    calls.meetings.not_placed("standup", late.name, "it did not say", again=True)
    until(calls, "present", "socket-2")
    socket = {"to": "wss://voice.example.org/socket", "status": "answered"}
    calls.happened(late.name, event("socket-1", **socket))
    deadline = time.monotonic() + PATIENCE
    while platform.legs["socket-1"] == "answered":
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert platform.legs["socket-2"] == "answered"


def test_somebody_entered_while_the_service_was_down(
    platform: Platform, make_calls: Callable[[], Calls]
) -> None:
    """Whoever was on the way into the room and is answered is in it; one who hung up is not."""
    calls = make_calls()
    for leg, status in (("a", "ringing"), ("b", "ringing"), ("c", "completed")):
        calls.meetings.expect(leg, "standup")
        platform.legs[leg] = status
    platform.legs["a"] = "answered"
    calls = make_calls()
    deadline = time.monotonic() + PATIENCE
    while not (rooms := calls.meetings.report()) or rooms[0]["socket"]["status"] != "present":
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert rooms[0]["people"] == 1


def forget_placed(journal: Path) -> None:
    """Take the lines out of a journal that say that a call was placed."""
    lines = journal.read_text().splitlines()
    journal.write_text("".join(f"{line}\n" for line in lines if "placed" not in line))


def test_a_restart_while_the_socket_is_called(
    platform: Platform, make_calls: Callable[[], Calls], tmp_path: Path
) -> None:
    """What was sent is looked up, and no second one is called."""
    calls = make_calls()
    enters(calls, "a")
    until(calls, "present", "socket-1")
    calls.stop()
    forget_placed(tmp_path / "calls")
    platform.legs["a"] = "answered"
    calls = make_calls()
    until(calls, "present", "socket-1")
    assert len(platform.created) == 1


def test_a_restart_while_the_socket_waits_to_be_called(
    platform: Platform, make_calls: Callable[[], Calls], tmp_path: Path
) -> None:
    """What was not sent is called now."""
    calls = make_calls()
    enters(calls, "a")
    until(calls, "present", "socket-1")
    calls.stop()
    forget_placed(tmp_path / "calls")
    platform.created.clear()
    platform.legs = {"a": "answered"}
    calls = make_calls()
    until(calls, "present", "socket-1")
    assert len(platform.created) == 1


def test_a_socket_that_is_gone_before_it_is_placed_leaves_once(
    platform: Platform, make_calls: Callable[[], Calls]
) -> None:
    """Another one, invited before the platform has answered, is the room's from then on."""
    calls = make_calls()

    def overtake(leg: str, call: str) -> None:
        if leg == "socket-1":
            ended = {"status": "completed", "to": "wss://voice.example.org/socket"}
            calls.happened(call, event(leg, **ended))
            calls.meetings.invite("standup", Bot())

    platform.on_create = overtake
    calls.meetings.invite("standup", Bot())
    until(calls, "present", "socket-2")
