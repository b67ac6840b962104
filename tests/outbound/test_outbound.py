"""Calls that we start, through the simulated network: what the person hears, and how they end."""

from __future__ import annotations

import asyncio
import wave
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from phone.audio import glide
from phone.legs.telephone import Callee, Takes, Telephone
from phone.platform.network import Network

from tests.engine import free_port
from tests.outbound.stack import OWN, PATIENCE, Keys, Operator, soon, speaker, stack
from tools.processes import ProcessStack

pytestmark = pytest.mark.asyncio(loop_scope="module")
RATE, FRAME = 16000, 640


@dataclass
class House:
    """Everything that a test needs."""

    network: Network
    services: ProcessStack
    operator: Operator
    word: Path
    numbers: Iterator[int]

    def subscriber(self, callee: Callee) -> str:
        """Give somebody new a number; return it."""
        number = f"447700900{next(self.numbers)}"
        self.network.subscribe(number, callee)
        return number

    async def answered(self, number: str) -> Telephone:
        """Wait until somebody has answered; return their telephone."""
        await soon(lambda: self.network.telephone(number))
        telephone = self.network.telephone(number)
        assert telephone is not None
        async with asyncio.timeout(PATIENCE):
            await telephone.answered.wait()
        return telephone


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    """Give a network and both services, whose handler says a word of 0.6 s."""
    word = tmp_path_factory.mktemp("sounds") / "word.wav"
    with wave.open(str(word), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes(glide(RATE, 0.6).astype("<i2").tobytes())
    keys, port = Keys(), free_port()
    application = keys.registration(f"http://127.0.0.1:{port}")
    async with Network(application, talk="realtime") as network:
        services = stack(port, keys.settings(network.url), speaker(word))
        await asyncio.to_thread(services.__enter__)
        try:
            async with aiohttp.ClientSession() as session:
                yield House(network, services, Operator(services, session), word, count(100))
        finally:
            print(services.logs("ncco-service"), services.logs("echo-service"))
            await asyncio.to_thread(services.__exit__, None, None, None)


@pytest.mark.parametrize("order", ["person-first", "socket-first"])
async def test_the_first_word_is_heard_whole(house: House, order: str) -> None:
    """In each order the person hears all of it, once, exactly, and nothing else.

    Silence between its frames is this machine's, which may be busy with other things.
    """
    anne = house.subscriber(Callee(answer_after=0.3))
    name = await house.operator.place(anne, order=order, headers={"then": "hang up"})
    telephone = await house.answered(anne)
    report = await house.operator.over(name)
    heard = telephone.tape.samples().astype("<i2").tobytes()
    frames = [heard[at : at + FRAME] for at in range(0, len(heard), FRAME)]
    assert b"".join(frame for frame in frames if any(frame)) == glide(RATE, 0.6).tobytes()
    assert report["person"]["status"] == "completed"
    assert report["order"] == order
    statuses = [event.get("status") for event in report["events"] if event["leg"] == "person"]
    assert statuses == ["started", "ringing", "answered", "completed"]


@pytest.mark.parametrize("order", ["person-first", "socket-first"])
@pytest.mark.parametrize(
    ("takes", "status"), [("busy", "busy"), ("reject", "rejected"), ("no-answer", "timeout")]
)
async def test_nobody_is_reached(house: House, order: str, takes: Takes, status: str) -> None:
    """Busy, rejected, unanswered: the call ends and says so."""
    number = house.subscriber(Callee(takes, answer_after=0.1))
    name = await house.operator.place(number, order=order, ring_seconds=3)
    report = await house.operator.over(name)
    assert report["person"]["status"] == status


async def test_a_machine_is_told(house: House) -> None:
    """To the report, and to the handler; then comes its beep."""
    machine = house.subscriber(Callee("machine", answer_after=0.1))
    name = await house.operator.place(machine, machine_detection="beep")
    await house.operator.until(name, lambda report: report["machine"] == "beep")
    told = f" machine call={name} beep="
    await soon(lambda: f"{told}true" in house.services.logs("echo-service"))
    assert f"{told}false" in house.services.logs("echo-service")
    assert (await house.operator.ask("DELETE", f"/calls/{name}"))[0] == 204
    await house.operator.over(name)


async def test_a_machine_is_hung_up(house: House) -> None:
    """When that is asked for."""
    machine = house.subscriber(Callee("machine", answer_after=0.1))
    name = await house.operator.place(machine, machine_detection="hangup")
    report = await house.operator.over(name)
    assert report["machine"] == "machine"


async def test_steering(house: House) -> None:
    """A call is talked to, sent keys, muted, transferred and hung up by our name or its uuid."""
    anne = house.subscriber(Callee(answer_after=0.3))
    name = await house.operator.place(anne)
    telephone = await house.answered(anne)
    report = await house.operator.until(name, lambda r: r["person"]["status"] == "answered")
    uuid = report["uuid"]
    ask = house.operator.ask
    assert (await ask("POST", f"/calls/{uuid}/dtmf", {"digits": "12"}))[0] == 204
    await soon(lambda: telephone.keys_heard == ["1", "2"])
    for what in ("mute", "unmute", "earmuff", "unearmuff"):
        assert (await ask("POST", f"/calls/{name}/{what}", {}))[0] == 204
    assert (await ask("POST", f"/calls/{name}/talk", {"text": "Hello."}))[0] == 204
    assert (await ask("DELETE", f"/calls/{name}/talk"))[0] == 204
    ncco = [{"action": "wait", "timeout": 30}]
    assert (await ask("POST", f"/calls/{name}/transfer", {"ncco": ncco}))[0] == 204
    status, answer = await ask("POST", f"/calls/{name}/transfer", {"ncco": [{"action": "x"}]})
    assert (status, answer["error"]) == (400, "platform_refused")
    assert (await ask("DELETE", f"/calls/{uuid}"))[0] == 204
    await house.operator.over(name)
    status, answer = await ask("DELETE", f"/calls/{uuid}")
    assert (status, answer["error"]) == (404, "no_such_call")


async def test_what_the_platform_refuses_is_explained(house: House) -> None:
    """A number that is not ours: the error names the setting."""
    wanted = {"to": "447700900789", "from": "447700900999"}
    status, answer = await house.operator.ask("POST", "/calls", wanted)
    assert status == 400
    assert "VONAGE_NUMBER" in answer["hint"]
    assert OWN not in answer["message"]
