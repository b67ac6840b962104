"""The bot of a meeting: three people who hear each other exactly, and what it makes of it."""

from __future__ import annotations

import asyncio
import os
import re
import wave
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from pathlib import Path

import aiohttp
import numpy as np
import numpy.typing as npt
import pytest
from meeting import handler
from meeting.clock import spoken
from phone.legs.participant import Participant
from phone.legs.telephone import Telephone

from phone import Network
from tests.engine import free_port
from tests.outbound.stack import Keys, Operator, soon, stack
from tools.processes import ProcessStack

EXAMPLES = Path(__file__).parent.parent
SOUNDS = Path(__file__).parent / "sounds"
ROOM = "447700900460"
PEOPLE = ["447700900101", "447700900102", "447700900103"]
PATIENCE = 60.0
SILENCE = np.zeros(320, np.int64)


@dataclass
class Ledger:
    """What a member of the room says and hears, by the mixer's tick."""

    said: dict[float, bytes] = field(default_factory=dict)
    heard: dict[float, bytes] = field(default_factory=dict)

    def keep(self, member: Participant) -> None:
        """Note all from now on."""
        speak, hear = member.speak, member.hear

        def noted_speak(rate: int, due: float) -> bytes | None:
            frame = speak(rate, due)
            if frame is not None:
                self.said[due] = frame.ljust(640, b"\0")
            return frame

        def noted_hear(frame: bytes | None, rate: int, due: float) -> None:
            self.heard[due] = frame or bytes(640)
            hear(frame, rate, due)

        member.speak, member.hear = noted_speak, noted_hear  # type: ignore[method-assign]


@dataclass
class House:
    """A network, both services, and what is kept of each member of the room."""

    network: Network
    services: ProcessStack
    operator: Operator

    @property
    def transcript(self) -> str:
        """All that the bot has written down, in lower case."""
        log = self.services.logs("echo-service")
        found: list[str] = re.findall(r'\bsaid\b.* meeting=standup .*words="?([^"\n]*)', log)
        return " ".join(found).lower()

    async def writes(self, words: str) -> None:
        """Wait until the bot has written these words down."""
        await soon(lambda: words in self.transcript, PATIENCE)

    async def knows(self, people: int, bot: str) -> None:
        """Wait until ncco-service knows that so many people are in the room, and its bot is so."""
        async with asyncio.timeout(PATIENCE):
            while True:
                _, answer = await self.operator.ask("GET", "/meetings")
                (room,) = answer["meetings"]
                if (room["people"], room["socket"]["status"]) == (people, bot):
                    return
                await asyncio.sleep(0.05)


@pytest.fixture
async def house() -> AsyncIterator[House]:
    """Give them; a number leads into the room `standup`, whose bot is the example."""
    keys, port = Keys(), free_port()
    path = os.pathsep.join([str(EXAMPLES), os.environ.get("PYTHONPATH", "")])
    bot = {"AUDIO_HANDLER": "meeting.handler:attend", "AUDIO_QUEUE_FRAMES": "500"}
    application = keys.registration(f"http://127.0.0.1:{port}", ROOM)
    async with Network(application, talk="at-once") as network:
        ours = keys.settings(network.url) | {"MEETINGS": f"{ROOM}=standup"}
        services = stack(port, ours, bot | {"PYTHONPATH": path})
        await asyncio.to_thread(services.__enter__)
        try:
            async with aiohttp.ClientSession() as session:
                yield House(network, services, Operator(services, session))
        finally:
            print(services.logs("ncco-service"), services.logs("echo-service"))
            await asyncio.to_thread(services.__exit__, None, None, None)


async def test_three_people_and_the_bot(house: House) -> None:
    """Each hears exactly the others; their words are written down; the bot answers whom it must."""
    anne, bob, carl = [Telephone(number) for number in PEOPLE]
    ledgers = {name: Ledger() for name in (*PEOPLE, "bot")}
    for person in (anne, bob, carl):
        ledgers[person.number].keep(person)
        house.network.switch.dial(person.number, ROOM, person)
    room = house.network.room("standup")
    await soon(lambda: len(room.members) == 4, PATIENCE)
    (bot,) = (m.participant for m in room.members if not isinstance(m.participant, Telephone))
    ledgers["bot"].keep(bot)
    await house.knows(3, "present")

    for person, sound, words in ((anne, "ready", "report is ready"), (bob, "time", "what time")):
        person.say(SOUNDS / f"{sound}.wav")
        await house.writes(words)
    assert loud(ledgers["bot"].said) == b"", "it was not spoken to"

    before = datetime.now().astimezone()
    carl.say(SOUNDS / "asked.wav")
    await house.writes("assistant")
    minutes = (datetime.now().astimezone() - before) // timedelta(minutes=1) + 2
    moments = [before + timedelta(minutes=n) for n in range(minutes)]
    answers = [loud_of(spoken(now.time())) for now in moments]
    await soon(lambda: loud(ledgers["bot"].said) in answers, PATIENCE)
    for number in PEOPLE:
        assert alone(number, ledgers) in answers, "everybody hears it"

    for person, sound in ((anne, "sentence-1"), (bob, "sentence-2"), (carl, "sentence-3")):
        person.say(SOUNDS / f"{sound}.wav")
    await soon(lambda: all(person.quiet.is_set() for person in (anne, bob, carl)), PATIENCE)
    for name, ledger in ledgers.items():
        ticks = set(ledger.heard) & set(ledgers["bot"].heard)
        assert len(ticks) > 200
        for due in ticks:
            others = [each.said.get(due) for other, each in ledgers.items() if other != name]
            assert ledger.heard[due] == mixed(others), f"{name} at {due}"
    together = [due for due in ledgers["bot"].heard if all(due in ledgers[p].said for p in PEOPLE)]
    assert len(together) > 50, "all three spoke at once"

    anne.hang_up()
    bob.hang_up()
    await soon(lambda: len(room.members) == 2, PATIENCE)
    await house.knows(1, "present")
    carl.hang_up()
    await soon(lambda: len(room.members) == 0, PATIENCE)
    await house.knows(0, "absent")
    await soon(lambda: "call_ended" in house.services.logs("echo-service"), PATIENCE)
    assert loud(ledgers["bot"].said) in answers, "it was spoken to once"


def samples(frame: bytes | None) -> npt.NDArray[np.int64]:
    """Return a frame's samples; None is silence."""
    return SILENCE if frame is None else np.frombuffer(frame, "<i2").astype(np.int64)


def mixed(frames: list[bytes | None]) -> bytes:
    """Return the saturated sum."""
    total = np.sum([samples(frame) for frame in frames], axis=0)
    return bytes(np.clip(total, -32768, 32767).astype("<i2").tobytes())


def alone(listener: str, ledgers: dict[str, Ledger]) -> bytes:
    """Return what a person heard while nobody but the bot spoke, without silence."""
    people = [ledgers[number].said for number in PEOPLE]
    heard = ledgers[listener].heard
    return loud({due: heard[due] for due in heard if not any(due in said for said in people)})


def loud(frames: dict[float, bytes]) -> bytes:
    """Return what is to be heard: the samples that are not 0."""
    return nonzero(b"".join(frames[due] for due in sorted(frames)))


def loud_of(names: list[str]) -> bytes:
    """Return the same of the bot's sounds, one after the other."""
    pcm = b""
    for name in names:
        with wave.open(str(EXAMPLES / "meeting" / "sounds" / f"{name}.wav"), "rb") as file:
            pcm += file.readframes(file.getnframes())
    return nonzero(pcm)


def nonzero(pcm: bytes) -> bytes:
    """Return PCM without the samples that are 0."""
    all_samples = np.frombuffer(pcm, "<i2")
    return bytes(all_samples[all_samples != 0].tobytes())


@pytest.mark.parametrize(
    ("now", "words"),
    [
        (time(0, 0), "it-is 12 oclock"),
        (time(9, 5), "it-is 9 oh 5"),
        (time(12, 20), "it-is 12 20"),
        (time(21, 42), "it-is 9 40 2"),
        (time(23, 59), "it-is 11 50 9"),
    ],
)
def test_the_time_in_words(now: time, words: str) -> None:
    """Every word of every time is a sound."""
    assert spoken(now) == words.split()
    times = [time(hour, minute) for hour in range(24) for minute in range(60)]
    every = {word for each in times for word in spoken(each)}
    there = {path.stem for path in (EXAMPLES / "meeting" / "sounds").glob("*.wav")}
    assert every | {"sorry"} == there


def test_only_when_spoken_to() -> None:
    """Its name must be said; without a question about the time it knows nothing."""
    assert handler.answer("What time is it?") == []
    assert handler.answer("The assistants were on time.") == []
    assert handler.answer("Assistant, who are you?") == ["sorry"]
    assert handler.answer("And the time, Assistant?")[0] == "it-is"
