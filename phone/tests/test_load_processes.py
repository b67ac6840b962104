"""A load of several processes: counts that add up, progress, and processes that die."""

import asyncio
import multiprocessing
import os
import signal
import sys
import time

import pytest
from phone.__main__ import main
from phone.legs.plan import CallPlan
from phone.load import Live, LoadPlan, run_load
from phone.testing import FakeApplication, every


async def test_counts_add_up() -> None:
    """Two processes share the calls; progress covers both, twice a second."""
    lives: list[Live] = []
    async with FakeApplication() as application:
        plan = LoadPlan(CallPlan(application.answer_url, seconds=3), 5, 0.1, processes=2)
        result = await run_load(plan, on_live=lives.append)
    assert result.ok, result.as_dict()
    assert (result.calls, result.sent, result.processes) == (5, 750, 2)
    assert max(live.open for live in lives) >= 2
    assert max(live.sent for live in lives) > 0


async def test_stop() -> None:
    """Stopping reaches every process."""
    stop = asyncio.Event()

    def frame_came(count: int, frame: bytes) -> list[bytes]:
        if count == 5:
            stop.set()
        return [frame]

    async with FakeApplication(every(frame_came)) as application:
        plan = LoadPlan(CallPlan(application.answer_url, seconds=60), 2, 0, processes=2)
        async with asyncio.timeout(30):
            result = await run_load(plan, stop=stop)
    assert result.interrupted
    assert result.lost == 0


async def test_one_is_killed() -> None:
    """A process that is killed costs its own calls, by name; the others' are complete."""
    killed: list[int] = []

    def kill_one(live: Live) -> None:
        if live.open and not killed:
            killed.append(multiprocessing.active_children()[0].pid or 0)
            os.kill(killed[0], signal.SIGKILL)

    async with FakeApplication() as application:
        plan = LoadPlan(CallPlan(application.answer_url, seconds=3), 4, 0, processes=2)
        async with asyncio.timeout(60):
            result = await run_load(plan, on_live=kill_one)
    assert killed
    assert not result.ok
    assert (result.calls, result.worked, result.sent, result.matched) == (4, 2, 300, 300)
    (reason, count), *others = result.failures.items()
    assert "was killed by signal 9" in reason
    assert (count, others) == (2, [])


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("phone.load.processes._place", "ended with status 1"),
        ("multiprocessing.process.BaseProcess.start", "could not start (no memory)"),
    ],
)
async def test_one_cannot_start(
    place: str, words: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Processes that cannot start are reported, with their calls."""

    def start(process: object) -> None:
        raise OSError("no memory")

    # Called with arguments that it does not take, the first fails in the new process.
    monkeypatch.setattr(place, os.getpid if place.endswith("_place") else start)
    plan = LoadPlan(CallPlan("http://127.0.0.1:9/answer", seconds=1), 3, 0, processes=2)
    result = await run_load(plan)
    assert (result.calls, result.worked) == (3, 0)
    assert sum(result.failures.values()) == 3
    assert all(words in reason for reason in result.failures)


def test_exit_status(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    """Such a load was not carried: exit 1, and the report says why."""
    monkeypatch.setattr("phone.load.processes._place", os.getpid)
    assert main(["load", "http://127.0.0.1:9/answer", "--calls", "2", "--processes", "2"]) == 1
    shown = capfd.readouterr().out
    assert "1 × phone: process 2 ended with status 1" in shown
    assert "The load was not carried." in shown


async def test_the_first_is_killed() -> None:
    """When the first process is gone, the others hang up instead of calling on without it."""
    hung_up = asyncio.Event()
    talking = asyncio.Event()
    left = 2

    def frame_came(count: int, frame: bytes) -> list[bytes]:
        talking.set()
        return [frame]

    async def socket(connection: object) -> None:
        nonlocal left
        await every(frame_came)(connection)  # type: ignore[arg-type]  # aiohttp's own
        left -= 1
        if not left:
            hung_up.set()

    async with FakeApplication(socket) as application:
        arguments = ("--calls", "2", "--processes", "2", "--seconds", "60", "--ramp", "0")
        first = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "phone", "load", application.answer_url, *arguments
        )
        begin = time.monotonic()
        async with asyncio.timeout(40):
            await talking.wait()
            while len(application.handshakes) < 2:  # noqa: ASYNC110 - noted by the application
                await asyncio.sleep(0.05)
            first.kill()
            await first.wait()
            await hung_up.wait()
        assert time.monotonic() - begin < 40
