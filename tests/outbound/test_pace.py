"""Many calls at once: at the platform's pace, in order, none twice, none lost."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from phone.legs.telephone import Callee
from phone.platform.network import Network

from tests.engine import free_port
from tests.outbound.stack import PATIENCE, Keys, Operator, soon, stack
from tests.outbound.trouble import Troubled
from tools.processes import ProcessStack

NUMBERS = [f"4477009001{n:02}" for n in range(30)]


@dataclass
class Office:
    """A network with troubles, and services that call through it."""

    network: Network
    platform: Troubled
    services: ProcessStack
    operator: Operator
    keys: Keys

    @property
    def called(self) -> list[str]:
        """The numbers that were called, in order."""
        return [leg.events.called for leg in self.network.switch.legs.values()]


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    """Give all of them; everybody who is called is busy."""
    keys, port = Keys(), free_port()
    callees = {number: Callee("busy", answer_after=0.05) for number in NUMBERS}
    application = keys.registration(f"http://127.0.0.1:{port}")
    async with (
        Network(application, callees=callees, talk="realtime") as network,
        Troubled(network.url) as platform,
    ):
        kept = {"CALLS_FILE": str(tmp_path / "calls.jsonl")}
        services = stack(port, keys.settings(platform.url) | kept, {})
        await asyncio.to_thread(services.__enter__)
        try:
            async with aiohttp.ClientSession() as session:
                yield Office(network, platform, services, Operator(services, session), keys)
        finally:
            print(services.logs("ncco-service"))
            await asyncio.to_thread(services.__exit__, None, None, None)


async def at_once(office: Office, numbers: list[str]) -> list[asyncio.Task[tuple[int, Any]]]:
    """Ask for calls at once, that is each as soon as the one before has come in."""
    tasks = []
    for number in numbers:
        asking = office.operator.ask("POST", "/calls", {"to": number}, Idempotency_Key=number)
        tasks.append(asyncio.create_task(asking))
        async with asyncio.timeout(PATIENCE):
            while not tasks[-1].done():
                _, answer = await office.operator.ask("GET", "/calls")
                if number in [call["to"] for call in answer["calls"]]:
                    break
    return tasks


async def test_thirty_at_once_with_troubles(office: Office) -> None:
    """429 and 500 now and then, some of those placed all the same: each is called once."""
    office.platform.troubles.extend(["", "429", "", "lost", "", "500", "", "", "429", "", "lost"])
    answers = await asyncio.gather(*await at_once(office, NUMBERS))
    assert Counter(status for status, _ in answers) == {201: 30}
    assert office.called == NUMBERS
    assert len({answer["uuid"] for _, answer in answers}) == 30
    asked = office.platform.asked_at
    for first, fourth in zip(asked, asked[3:], strict=False):
        assert fourth - first >= 0.99, "in the platform's clock, which this test reads late"
    again = await asyncio.gather(*await at_once(office, NUMBERS[:5]))
    assert [answer for _, answer in again] == [answer for _, answer in answers[:5]]
    assert len(office.called) == 30, "a repeated request calls nobody"
    status, answer = await office.operator.ask(
        "POST", "/calls", {"to": NUMBERS[1]}, Idempotency_Key=NUMBERS[0]
    )
    assert (status, answer["error"]) == (422, "key_reused")


async def test_a_kill_loses_no_call_that_was_answered(office: Office) -> None:
    """kill -9 in mid-queue: what was answered with 201 is placed, and still found afterwards."""
    tasks = await at_once(office, NUMBERS)
    await soon(lambda: sum(task.done() for task in tasks) >= 7)
    office.services.kill("ncco-service")
    results = await asyncio.gather(*tasks, return_exceptions=True)
    placed = [result[1] for result in results if isinstance(result, tuple)]
    assert 7 <= len(placed) < 30
    assert {answer["uuid"] for answer in placed} <= set(office.network.switch.legs)
    assert len(office.called) == len(set(office.called))
    await asyncio.to_thread(office.services.start, "ncco-service")
    for answer in placed:
        status, report = await office.operator.ask("GET", f"/calls/{answer['uuid']}")
        assert status == 200
        assert report["uuid"] == answer["uuid"]


async def test_what_is_repeated_after_a_kill_is_called_once(office: Office) -> None:
    """With CALLS_FILE, whatever had become of the first request: placed, sent, or still waiting."""
    tasks = await at_once(office, NUMBERS[:12])
    await soon(lambda: len(office.called) >= 5)
    office.services.kill("ncco-service")
    results = await asyncio.gather(*tasks, return_exceptions=True)
    first = {
        number: result[1]
        for number, result in zip(NUMBERS, results, strict=False)
        if isinstance(result, tuple)
    }
    await asyncio.to_thread(office.services.start, "ncco-service")
    again: dict[str, Any] = {}
    for _ in range(2):  # what was still waiting is not placed: it may be asked for once more
        missing = [number for number in NUMBERS[:12] if number not in again]
        answers = await asyncio.gather(*await at_once(office, missing))
        for number, (status, answer) in zip(missing, answers, strict=True):
            assert status in (201, 503), answer
            if status == 201:
                again[number] = answer
    assert len(again) == 12
    assert {number: again[number] for number in first} == first
    assert sorted(office.called) == NUMBERS[:12]


async def test_a_stop_answers_those_who_wait(office: Office) -> None:
    """SIGTERM places nothing more; every request has an answer, placed or not."""
    tasks = await at_once(office, NUMBERS[:12])
    await soon(lambda: sum(task.done() for task in tasks) >= 3)
    assert await asyncio.to_thread(office.services.stop, "ncco-service") == 0
    results = await asyncio.gather(*tasks)
    statuses = Counter(status for status, _ in results)
    assert set(statuses) == {201, 503}
    assert {answer["error"] for status, answer in results if status == 503} == {"stopping"}
    assert statuses[201] == len(office.called)


@pytest.mark.parametrize(
    ("trouble", "status", "error", "setting"),
    [
        ("401", 502, "platform_unauthorized", "VONAGE_PRIVATE_KEY_FILE"),
        ("402", 402, "no_credit", "VONAGE_APPLICATION_ID"),
        ("403", 502, "platform_forbids", "VONAGE_NUMBER"),
    ],
)
async def test_refusals_name_the_setting(
    office: Office, trouble: str, status: int, error: str, setting: str
) -> None:
    """No credit, a number that is not ours, a token that is not good."""
    office.platform.troubles.append(trouble)
    answered, answer = await office.operator.ask("POST", "/calls", {"to": NUMBERS[0]})
    assert (answered, answer["error"]) == (status, error)
    assert setting in answer["hint"]


async def test_a_wrong_key_and_a_wrong_application(office: Office) -> None:
    """The platform says which; the error names the settings of both."""
    for wrong in ({"VONAGE_PRIVATE_KEY": Keys().private}, {"VONAGE_APPLICATION_ID": "another"}):
        settings = office.keys.settings(office.platform.url) | wrong
        with stack(free_port(), settings, {}) as services:
            async with aiohttp.ClientSession() as session:
                operator = Operator(services, session)
                status, answer = await operator.ask("POST", "/calls", {"to": NUMBERS[0]})
        assert (status, answer["error"]) == (502, "platform_unauthorized")
        assert "VONAGE_PRIVATE_KEY_FILE" in answer["hint"]
        assert "VONAGE_APPLICATION_ID" in answer["hint"]
    assert office.called == []
