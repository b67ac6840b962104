"""Containers that die during calls, and a stack that is stopped during calls."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest

from phone import CallPlan, CallReport, call
from tests.compose import ComposeStack
from tests.waiting import until

CALLS = 10
SECONDS_TO_RECOVER = 10.0
"""Seconds after which a new call must work once the container is healthy again."""


@pytest.fixture
def mended(running: ComposeStack) -> Iterator[ComposeStack]:
    """Yield the stack for tests that break it; check afterwards that it has recovered."""
    yield running
    for service in ("gateway", "ncco-service", "echo-service"):
        running.start(service)
    running.wait_ready()


def place(
    stack: ComposeStack, seconds: float, count: int = CALLS
) -> list[asyncio.Task[CallReport]]:
    """Place calls at once; return their tasks."""
    plan = CallPlan(stack.answer_url, audio="tone", seconds=seconds)
    return [asyncio.create_task(call(CallPlan(**vars(plan)))) for _ in range(count)]


def live_calls(stack: ComposeStack) -> int:
    """Return how many calls the echo service has open, by its log."""
    log = stack.logs("echo-service")
    return log.count(" call_started ") - log.count(" call_ended ")


async def begun(stack: ComposeStack, count: int = CALLS) -> None:
    """Wait until echo-service has this many new calls."""
    before = stack.logs("echo-service").count(" call_started ")
    await asyncio.to_thread(
        until,
        lambda: stack.logs("echo-service").count(" call_started ") >= before + count,
        f"{count} calls to begin",
        20,
    )


def steps(report: CallReport) -> set[str]:
    """Return the steps that failed."""
    return {problem.step for problem in report.failures}


@pytest.mark.parametrize("service", ["echo-service", "gateway"])
async def test_a_dead_carrier_is_reported_by_every_caller(
    mended: ComposeStack, service: str
) -> None:
    """Every call that it carried ends at once, as a failure of the socket."""
    calls = place(mended, seconds=30)
    await begun(mended)
    await asyncio.to_thread(mended.kill, service)
    killed = time.monotonic()
    reports = await asyncio.gather(*calls)
    assert time.monotonic() - killed < 20, "they notice, and do not talk on for 30 s"
    for report in reports:
        assert "socket" in steps(report), report.problems
        assert any("without a closing handshake" in p.seen for p in report.failures), (
            report.problems
        )
    await recovered(mended, service)


async def test_calls_outlive_the_ncco_service(mended: ComposeStack) -> None:
    """Live calls lose no frame; only their events fail."""
    calls = place(mended, seconds=3)
    await begun(mended)
    await asyncio.to_thread(mended.kill, "ncco-service")
    for report in await asyncio.gather(*calls):
        (leg,) = report.sockets
        assert len(leg.trace.sent) == 150
        assert not leg.alignment.lost
        assert steps(report) <= {"event"}, report.problems
    refused = await call(CallPlan(mended.answer_url))
    assert steps(refused) == {"answer"}
    assert "503" in refused.failures[0].seen, "which the platform tries again"
    await recovered(mended, "ncco-service")


async def recovered(stack: ComposeStack, service: str) -> None:
    """Start the service; once it is healthy, a new call has to work within seconds."""
    await asyncio.to_thread(stack.start, service)
    await asyncio.to_thread(stack.wait_healthy, service)
    healthy = time.monotonic()
    report = await call(CallPlan(stack.answer_url, audio="tone", seconds=0.2))
    while not report.ok:
        assert time.monotonic() - healthy < SECONDS_TO_RECOVER, report.problems
        await asyncio.sleep(0.2)
        report = await call(CallPlan(stack.answer_url, audio="tone", seconds=0.2))
    assert time.monotonic() - healthy < SECONDS_TO_RECOVER


async def test_stop_lets_live_calls_finish() -> None:
    """`docker compose stop`: no new calls, live ones lose nothing, everyone ends with 0."""
    with ComposeStack() as stack:
        stack.wait_ready()
        calls = place(stack, seconds=6, count=5)
        await begun(stack, 5)
        begin = time.monotonic()
        stopping = asyncio.create_task(asyncio.to_thread(stack.compose, "stop"))
        await asyncio.to_thread(
            until, lambda: " draining" in stack.logs("echo-service"), "the drain", 10
        )
        late = await call(CallPlan(stack.answer_url, audio="tone", seconds=0.2))
        assert not late.ok
        for report in await asyncio.gather(*calls):
            (leg,) = report.sockets
            assert len(leg.trace.sent) == 300
            assert not leg.alignment.lost
            assert not steps(report) & {"socket", "echo"}, report.problems
        await stopping
        assert time.monotonic() - begin < 20, "it ends when the last call does, not with the grace"
        for service in ("echo-service", "ncco-service", "gateway"):
            ended = stack.inspect(service)["State"]
            assert (ended["Running"], ended["ExitCode"]) == (False, 0), service
        assert stack.compose("ps", "--quiet").split() == []
