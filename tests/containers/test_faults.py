"""Containers that die during calls, and a stack that is stopped during calls."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest
from phone.constants import FRAMES_PER_SECOND

from phone import CallPlan, CallReport, call
from tests.compose import ComposeStack
from tests.waiting import until

CALLS = 10
SECONDS = 120.0
"""Of a call that is hung up before."""
ATTEMPTS = 25
"""A new call must work at one of these, 0.2 s apart, once the container is healthy again."""


@pytest.fixture
def mended(running: ComposeStack) -> Iterator[ComposeStack]:
    """Yield the stack for tests that break it; check afterwards that it has recovered."""
    yield running
    for service in ("gateway", "ncco-service", "echo-service"):
        running.start(service)
    running.wait_ready()


class Calls:
    """Calls placed at once, which go on until they are hung up.

    Args:
        stack: where.
        count: how many.

    """

    def __init__(self, stack: ComposeStack, count: int = CALLS) -> None:
        self._stack = stack
        self._before = self._started()
        self._hang_up = asyncio.Event()
        self._sent = [0] * count
        self._tasks = [asyncio.create_task(self._call(number)) for number in range(count)]

    async def begun(self) -> None:
        """Wait until echo-service has all of them."""
        wanted = self._before + len(self._tasks)
        await asyncio.to_thread(until, lambda: self._started() >= wanted, "the calls to begin")

    async def talk(self, frames: int) -> None:
        """Wait until each has sent so many frames more."""
        wanted = [sent + frames for sent in self._sent]
        enough = lambda: all(map(int.__ge__, self._sent, wanted))  # noqa: E731
        await asyncio.to_thread(until, enough, f"{frames} frames of each call")

    async def reports(self, *, hang_up: bool) -> list[CallReport]:
        """Wait for their ends, which come with the hang-up or of themselves."""
        if hang_up:
            self._hang_up.set()
        return await asyncio.gather(*self._tasks)

    def _started(self) -> int:
        return self._stack.logs("echo-service").count(" call_started ")

    async def _call(self, number: int) -> CallReport:
        def sent(_: object) -> None:
            self._sent[number] += 1

        plan = CallPlan(self._stack.answer_url, audio="tone", seconds=SECONDS)
        return await call(plan, hang_up=self._hang_up, on_progress=sent)


def steps(report: CallReport) -> set[str]:
    """Return the steps that failed."""
    return {problem.step for problem in report.failures}


@pytest.mark.parametrize("service", ["echo-service", "gateway"])
async def test_a_dead_carrier_is_reported_by_every_caller(
    mended: ComposeStack, service: str
) -> None:
    """Every call that it carried ends at once, as a failure of the socket."""
    calls = Calls(mended)
    await calls.begun()
    await asyncio.to_thread(mended.kill, service)
    for report in await calls.reports(hang_up=False):
        assert len(report.sockets[0].trace.sent) < 30 * FRAMES_PER_SECOND, "they do not talk on"
        assert "socket" in steps(report), report.problems
        assert any("without a closing handshake" in p.seen for p in report.failures), (
            report.problems
        )
    await recovered(mended, service)


async def test_calls_outlive_the_ncco_service(mended: ComposeStack) -> None:
    """Live calls lose no frame; only their events fail."""
    calls = Calls(mended)
    await calls.begun()
    await asyncio.to_thread(mended.kill, "ncco-service")
    await calls.talk(100)
    for report in await calls.reports(hang_up=True):
        (leg,) = report.sockets
        assert not leg.alignment.lost
        assert steps(report) == {"event"}, report.problems
    refused = await call(CallPlan(mended.answer_url))
    assert steps(refused) == {"answer"}
    assert "503" in refused.failures[0].seen, "which the platform tries again"
    await recovered(mended, "ncco-service")


async def recovered(stack: ComposeStack, service: str) -> None:
    """Start the service; once it is healthy, a new call has to work within seconds."""
    await asyncio.to_thread(stack.start, service)
    await asyncio.to_thread(stack.wait_healthy, service)
    for _ in range(ATTEMPTS):
        report = await call(CallPlan(stack.answer_url, audio="tone", seconds=0.2))
        if report.ok:
            return
        await asyncio.sleep(0.2)
    pytest.fail(str(report.problems))


async def test_stop_lets_live_calls_finish() -> None:
    """`docker compose stop`: no new calls, live ones lose nothing, everyone ends with 0."""
    grace = {"STOP_GRACE_PERIOD": f"{2 * SECONDS:.0f}s", "DRAIN_SECONDS": f"{SECONDS:.0f}"}
    with ComposeStack(env=grace) as stack:
        stack.wait_ready()
        calls = Calls(stack, 5)
        await calls.begun()
        stopping = asyncio.create_task(asyncio.to_thread(stack.compose, "stop"))
        await asyncio.to_thread(
            until, lambda: " draining" in stack.logs("echo-service"), "the drain"
        )
        late = await call(CallPlan(stack.answer_url, audio="tone", seconds=0.2))
        assert not late.ok
        await calls.talk(100)
        assert not stopping.done()
        begin = time.monotonic()
        for report in await calls.reports(hang_up=True):
            (leg,) = report.sockets
            assert not leg.alignment.lost
            assert not steps(report) & {"socket", "echo"}, report.problems
        await stopping
        assert time.monotonic() - begin < SECONDS / 2, "it ends with the last call, not the grace"
        for service in ("echo-service", "ncco-service", "gateway"):
            ended = stack.inspect(service)["State"]
            assert (ended["Running"], ended["ExitCode"]) == (False, 0), service
        assert stack.compose("ps", "--quiet").split() == []
