"""The reminder: people who confirm, put it off or do not answer, and an answering machine."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from echo_service.testing import FakeCall
from phone.legs.assumptions import Assumptions
from phone.legs.telephone import Takes, Telephone
from reminder import __main__ as command
from reminder import handler

from phone import Callee, Network
from tests.engine import free_port
from tests.outbound.stack import Keys, stack

EXAMPLES = Path(__file__).parent.parent
SOUNDS = EXAMPLES / "reminder" / "sounds"
CONFIRMS, LATER, HANGS_UP, MACHINE, BUSY, REJECTS = (f"4477009001{n:02}" for n in range(6))
CALLEES = {
    MACHINE: Callee("machine", answer_after=0.2),
    BUSY: Callee("busy", answer_after=0.2),
    REJECTS: Callee("reject", answer_after=0.2),
}


class Person(Telephone):
    """Somebody who answers at once, and does something at the first sound.

    Args:
        number: their own.
        act: what they do.

    """

    def __init__(self, number: str, act: Callable[[Telephone], None]) -> None:
        super().__init__(number)
        self._act: Callable[[Telephone], None] | None = act

    async def ring(self, _: str, __: str) -> Takes:
        """Answer."""
        return "answer"

    def hear(self, frame: bytes | None, rate: int, due: float) -> None:
        """Keep what is heard, and act once."""
        super().hear(frame, rate, due)
        if self._act is not None and frame is not None and any(frame):
            act, self._act = self._act, None
            act(self)


PEOPLE = {
    CONFIRMS: Person(CONFIRMS, lambda telephone: telephone.press("1")),
    LATER: Person(LATER, lambda telephone: telephone.press("52")),
    HANGS_UP: Person(HANGS_UP, lambda telephone: telephone.hang_up()),
}


@pytest.fixture
async def webhook() -> AsyncIterator[tuple[str, list[dict[str, Any]]]]:
    """Yield the URL of a web server, and the list of what is posted to it."""
    told: list[dict[str, Any]] = []

    async def take(request: web.Request) -> web.Response:
        told.append(await request.json())
        return web.Response(status=204)

    application = web.Application()
    application.router.add_post("/", take)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield f"http://127.0.0.1:{runner.addresses[0][1]}/", told
    await runner.cleanup()


async def test_everybody_is_reminded(webhook: tuple[str, list[dict[str, Any]]]) -> None:
    """Six numbers at once: each call ends as it should, and the webhook is told of each, once."""
    url, told = webhook
    keys, port, operator = Keys(), free_port(), free_port()
    path = os.pathsep.join([str(EXAMPLES), os.environ.get("PYTHONPATH", "")])
    settings = {"REMINDER_WEBHOOK": url, "PYTHONPATH": path}
    free = Assumptions.parse(["connects=free"])  # so that none is refused on a busy machine
    subscribers: dict[str, Any] = {"callees": CALLEES, "talk": "realtime", "assume": free}
    numbers = [*PEOPLE, *CALLEES]
    async with Network(keys.registration(), **subscribers) as network:
        for number, person in PEOPLE.items():
            network.switch.held[number] = lambda person=person: person  # type: ignore[misc]  # bound early
        ours = keys.settings(network.url) | {"OPERATOR_PORT": str(operator)}
        services = stack(port, ours, {"AUDIO_HANDLER": "reminder.handler:remind", **settings})
        await asyncio.to_thread(services.__enter__)
        try:
            calling = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "reminder", *numbers),
                env={**os.environ, **settings, "OPERATOR_URL": f"http://127.0.0.1:{operator}"},
                stderr=asyncio.subprocess.PIPE,
            )
            _, complaints = await asyncio.wait_for(calling.communicate(), 120)
        finally:
            print(services.logs("ncco-service"), services.logs("echo-service"))
            await asyncio.to_thread(services.__exit__, None, None, None)
    assert (calling.returncode, complaints) == (0, b"")
    assert sorted((each["number"], each["result"]) for each in told) == [
        (CONFIRMS, "confirmed"),
        (LATER, "later"),
        (HANGS_UP, "hung up"),
        (MACHINE, "message left"),
        (BUSY, "busy"),
        (REJECTS, "rejected"),
    ]
    assert len({each["call"] for each in told}) == len(numbers)
    heard = {}
    for number, sound in ((CONFIRMS, "confirmed"), (LATER, "later"), (MACHINE, "message")):
        telephone = network.telephone(number)
        assert telephone is not None
        heard[number] = telephone.hears(SOUNDS / f"{sound}.wav")
        assert heard[number].found, sound
    assert heard[MACHINE].at > 2, "after greeting and beep"


def acted(*answers: str) -> FakeCall:
    """Act a call out in which the person does these things, and then nothing for 40 s."""
    call = FakeCall()
    for answer in answers:
        getattr(call, answer)() if answer.isalpha() else call.press(answer)
        call.wait(1)
    call.wait(40)
    call.run(handler.remind)
    return call


def test_nobody_presses_a_key() -> None:
    """Ten seconds after everything was said the call ends."""
    call = acted()
    assert call.notes == {"result": "no answer"}
    assert call.hung_up is not None
    assert 21 < call.hung_up < 24


def test_the_socket_was_there_first() -> None:
    """Nothing is said until the person answers."""
    call = FakeCall(metadata={"answered_key": "*"})
    call.wait(20)
    call.answer()
    call.wait(1)
    call.press("1")
    call.wait(5)
    call.run(handler.remind)
    assert call.notes == {"result": "confirmed"}
    assert 19.9 < call.played[0].at < 20.1


def test_a_machine_without_a_beep() -> None:
    """It is not talked to, and given up after half a minute."""
    call = acted("machine")
    assert call.notes == {"result": "no beep"}
    assert call.hung_up is not None
    assert 30 < call.hung_up < 34


def test_a_move_says_nothing_twice() -> None:
    """The call goes on in another process, which waits for the key."""
    call = FakeCall()
    call.wait(3)
    call.move()
    call.wait(2)
    call.press("2")
    call.wait(5)
    call.run(handler.remind)
    assert call.notes == {"result": "later"}
    assert (SOUNDS / "later.wav").read_bytes()[44:][:640] in call.heard


@pytest.mark.parametrize(
    ("status", "said"), [(404, "answers 404"), (200, "is not ncco-service"), (201, "not ncco")]
)
async def test_another_program_answers(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], status: int, said: str
) -> None:
    """OPERATOR_URL leads elsewhere: the setting is named, whatever that says."""

    async def other(_: web.Request) -> web.Response:
        return web.Response(status=status, text="[]" if status == 201 else "<html>")

    application = web.Application()
    application.router.add_post("/calls", other)
    runner = web.AppRunner(application)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        monkeypatch.setattr(command, "OPERATOR", f"http://127.0.0.1:{runner.addresses[0][1]}")
        assert await asyncio.to_thread(command.main, [CONFIRMS]) == 1
    finally:
        await runner.cleanup()
    problem = capsys.readouterr().err
    assert said in problem
    assert "OPERATOR_URL" in problem
