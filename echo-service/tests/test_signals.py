"""Keys that ncco-service presses are distinguished from those of the person called."""

from __future__ import annotations

from typing import Any

from echo_service.call.signals import Signals
from echo_service.handlers import Answered, AudioCall, Dtmf, Event, Machine
from echo_service.testing import FakeCall


def read(metadata: dict[str, Any], digits: str) -> list[Event]:
    """Read some keys of one call."""
    signals = Signals(metadata)
    return [signals.read(Dtmf(digit, 130)) for digit in digits]


def test_an_ordinary_call_has_none() -> None:
    """Its keys are the caller's, whichever they are."""
    assert read({}, "89") == [Dtmf("8", 130), Dtmf("9", 130)]


def test_answered_counts_once() -> None:
    """The second such key is the person's."""
    assert read({"answered_key": "8"}, "88") == [Answered(), Dtmf("8", 130)]


def test_a_machine_and_its_beep() -> None:
    """The first key is the machine, the second its beep, the third somebody's."""
    told = read({"machine_key": "9", "answered_key": "8"}, "89919")
    assert told == [Answered(), Machine(False), Machine(True), Dtmf("1", 130), Dtmf("9", 130)]


def test_headers_of_other_types_mean_nothing() -> None:
    """The first message is text from outside."""
    assert read({"answered_key": 8, "machine_key": ["9"]}, "89") == [Dtmf("8", 130), Dtmf("9", 130)]


def test_a_handler_waits_for_the_answer() -> None:
    """FakeCall tells it by the key and by name; a resumed call has no such keys any more."""
    seen: list[Event] = []

    async def handler(call: AudioCall) -> None:
        async for _, event in call:
            if not isinstance(event, bytes):
                seen.append(event)

    call = FakeCall(metadata={"answered_key": "8"})
    call.press("8")
    call.machine(beep=True)
    call.answer()
    call.move()
    call.press("8")
    call.run(handler)
    kinds = [type(event).__name__ for event in seen]
    assert kinds == ["Connected", "Answered", "Machine", "Answered", "Connected", "Dtmf"]
