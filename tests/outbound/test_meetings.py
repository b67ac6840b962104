"""A meeting of three people and the socket, through the simulated network; and the command line."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
import wave
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from phone.audio import glide
from phone.legs.telephone import Callee
from phone.platform.network import Network

from tests.engine import free_port
from tests.outbound.stack import OWN, PATIENCE, Keys, Operator, soon, speaker, stack
from tools.processes import ProcessStack

pytestmark = pytest.mark.asyncio(loop_scope="module")
ROOM, LISTENED = "447700900460", "447700900461"
PEOPLE = ["447700900101", "447700900102", "447700900103"]
ANNE, BUSY = "447700900789", "447700900790"
RATE, FRAME = 16000, 640


@dataclass
class House:
    """A network and both services."""

    network: Network
    services: ProcessStack
    operator: Operator
    settings: dict[str, str]

    async def room(self, name: str) -> dict[str, Any]:
        """Return what is known of a meeting."""
        _, answer = await self.operator.ask("GET", "/meetings")
        found = [room for room in answer["meetings"] if room["name"] == name]
        return dict(found[0]) if found else {"people": 0, "socket": {"status": "absent"}}

    async def until(self, name: str, people: int, socket: str) -> None:
        """Wait until so many people are in a meeting, and its socket is so."""
        async with asyncio.timeout(PATIENCE):
            while True:
                room = await self.room(name)
                if (room["people"], room["socket"]["status"]) == (people, socket):
                    return
                await asyncio.sleep(0.05)

    @property
    def bots(self) -> int:
        """How often the socket was called."""
        legs = self.network.switch.legs.values()
        return sum(leg.events.called.startswith("ws") for leg in legs)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """Give them; the handler says a word of 0.6 s, and two numbers lead into meetings."""
    word = tmp_path_factory.mktemp("sounds") / "word.wav"
    with wave.open(str(word), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes(glide(RATE, 0.6).tobytes())
    keys, port = Keys(), free_port()
    callees = {ANNE: Callee(answer_after=0.2, hang_up_after=0.5), BUSY: Callee("busy")}
    application = keys.registration(f"http://127.0.0.1:{port}", ROOM, LISTENED)
    async with Network(application, callees=callees, talk="at-once") as network:
        settings = keys.settings(network.url) | {"MEETINGS": f"{ROOM}=standup,{LISTENED}=hall"}
        settings |= {"OPERATOR_PORT": str(free_port()), "CALLS_FILE": str(word.with_name("calls"))}
        services = stack(port, settings, speaker(word))
        await asyncio.to_thread(services.__enter__)
        try:
            async with aiohttp.ClientSession() as session:
                yield House(network, services, Operator(services, session), settings)
        finally:
            print(services.logs("ncco-service"), services.logs("echo-service"))
            await asyncio.to_thread(services.__exit__, None, None, None)


def heard(samples: Any) -> bytes:
    """Return what was heard, without silence."""
    data = samples.astype("<i2").tobytes()
    frames = [data[at : at + FRAME] for at in range(0, len(data), FRAME)]
    return b"".join(frame for frame in frames if any(frame))


async def test_a_meeting_of_three_and_the_socket(house: House, tmp_path: Path) -> None:
    """The socket comes once, speaks to all, and leaves with the last."""
    first, *others = [house.network.dial(ROOM, caller=number) for number in PEOPLE]
    await house.until("standup", 3, "present")
    await soon(lambda: all(len(heard(p.tape.samples())) >= 30 * FRAME for p in [first]))
    await asyncio.sleep(1.0)
    word = glide(RATE, 0.6).tobytes()
    assert word.endswith(heard(first.tape.samples())[-FRAME:])
    assert house.bots == 1
    said = tmp_path / "said.wav"
    with wave.open(str(said), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes(glide(RATE, 0.5)[::-1].tobytes())
    before = [len(heard(person.tape.samples())) for person in (first, *others)]
    first.say(said)
    await soon(lambda: all(len(heard(o.tape.samples())) >= n + 25 * FRAME - FRAME
                           for o, n in zip(others, before[1:], strict=True)))  # fmt: skip
    assert len(heard(first.tape.samples())) == before[0], "nobody hears themselves"
    for person in others:
        person.hang_up()
    await house.until("standup", 1, "present")
    first.hang_up()
    await house.until("standup", 0, "absent")
    assert house.bots == 1


async def test_a_meeting_begins_anew(house: House) -> None:
    """Once everybody has left, the next to come have a socket, too; invited by hand it comes."""
    bots = house.bots
    person = house.network.dial(LISTENED, caller=PEOPLE[0])
    await house.until("hall", 1, "present")
    status, _ = await house.operator.ask("DELETE", "/meetings/hall/socket")
    assert status == 200
    await house.until("hall", 1, "absent")
    status, room = await house.operator.ask("PUT", "/meetings/hall/socket", {"listen_only": True})
    assert (status, room["socket"]["listen_only"]) == (200, True)
    await house.until("hall", 1, "present")
    person.hang_up()
    await house.until("hall", 0, "absent")
    assert house.bots == bots + 2


async def test_a_restart_forgets_no_meeting(house: House) -> None:
    """After kill -9 nobody calls a second socket, and the one in the room leaves with the last."""
    bots, (first, second) = house.bots, PEOPLE[:2]
    people = [house.network.dial(ROOM, caller=first)]
    await house.until("standup", 1, "present")
    house.services.kill("ncco-service")
    await asyncio.to_thread(house.services.start, "ncco-service")
    await house.until("standup", 1, "present")
    people.append(house.network.dial(ROOM, caller=second))
    await house.until("standup", 2, "present")
    for person in people:
        person.hang_up()
    await house.until("standup", 0, "absent")
    assert house.bots == bots + 1


async def test_the_last_leaves_while_the_service_is_down(house: House) -> None:
    """No event tells of it afterwards: the platform is asked, and the socket is hung up."""
    person = house.network.dial(ROOM, caller=PEOPLE[0])
    await house.until("standup", 1, "present")
    house.services.kill("ncco-service")
    person.hang_up()
    (ours,) = [leg for leg in house.network.switch.legs.values() if not leg.has_ended
               and leg.events.called.startswith("ws")]  # fmt: skip
    await soon(lambda: all(
        leg.has_ended for leg in house.network.switch.legs.values() if leg is not ours
    ))  # fmt: skip
    await asyncio.to_thread(house.services.start, "ncco-service")
    await soon(lambda: ours.has_ended)
    await house.until("standup", 0, "absent")


async def test_somebody_is_called_into_a_meeting(house: House) -> None:
    """They are in the room once they answer, and the socket comes and leaves with them."""
    bots = house.bots
    name = await house.operator.place(ANNE, meeting="called")
    report = await house.operator.over(name)
    assert (report["meeting"], report["person"]["status"]) == ("called", "completed")
    await house.until("called", 0, "absent")
    assert house.bots == bots + 1


async def command(house: House, *arguments: str) -> asyncio.subprocess.Process:
    """Start the command line."""
    environ = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "ncco_service", *arguments),
        env=environ | house.settings,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


@pytest.mark.parametrize(
    ("arguments", "status", "last"),
    [
        ([ANNE, "--header", "k=v"], 0, "a person was reached"),
        ([ANNE, "--socket-first"], 0, "a person was reached"),
        ([BUSY], 1, "nobody was reached (busy)"),
    ],
)
async def test_the_command_tells_what_happens(
    house: House, arguments: list[str], status: int, last: str
) -> None:
    """Line by line; the exit status says whether a person was reached."""
    running = await command(house, "call", *arguments)
    out, err = await asyncio.wait_for(running.communicate(), 60)
    lines = out.decode().splitlines()
    assert (running.returncode, err.decode()) == (status, "")
    assert lines[0].startswith(f"calling {arguments[0]} uuid=")
    assert lines[-1] == last
    assert "person ringing" in lines
    assert ("person answered" in lines) == (status == 0)


async def test_ctrl_c_hangs_up(house: House) -> None:
    """The person's telephone is hung up, and the command ends."""
    number = "447700900201"
    house.network.subscribe(number, Callee(answer_after=0.1))
    running = await command(house, "call", number)
    assert running.stdout is not None
    async with asyncio.timeout(60):
        while b"person answered" not in await running.stdout.readline():
            pass
    running.send_signal(signal.SIGINT)
    out, err = await asyncio.wait_for(running.communicate(), 60)
    assert err == b""
    assert "hanging up" in out.decode().splitlines()
    assert running.returncode == 0, "a person was reached"
    assert "person completed" in out.decode().splitlines()


async def test_refusals_of_the_command(house: House) -> None:
    """An invalid number: what the service says, and 69; calls that are off: 78."""
    running = await command(house, "call", "12")
    _, err = await asyncio.wait_for(running.communicate(), 60)
    assert running.returncode == 69
    assert err.decode().startswith("to: ")
    house.settings, settings = {}, house.settings
    running = await command(house, "call", OWN)
    house.settings = settings
    _, err = await asyncio.wait_for(running.communicate(), 60)
    assert running.returncode == 78
    assert err.decode().startswith("calls are off: set VONAGE_APPLICATION_ID")
