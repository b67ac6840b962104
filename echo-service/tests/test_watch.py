"""A handler that holds up the loop is named."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from echo_service import watch
from echo_service.watch import Watched


class Clock:
    """A clock that only the test sets: on a busy machine any step may take long."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock by which steps are timed."""
    clock = Clock()
    monkeypatch.setattr(watch, "perf_counter", clock)
    return clock


@pytest.fixture
def told() -> list[tuple[float, str]]:
    """What was reported."""
    return []


def teller(told: list[tuple[float, str]]) -> Callable[[float, str], None]:
    """What appends to a list."""
    return lambda seconds, where: told.append((seconds, where))


async def test_a_step_that_takes_long_is_told(clock: Clock, told: list[tuple[float, str]]) -> None:
    """Only the step that blocks is reported, with its length and the line behind it."""

    async def pause() -> None:
        await asyncio.sleep(0)
        clock.now += 1  # while it waits, others work

    async def work() -> None:
        clock.now += watch.BLOCKING_SECONDS
        await asyncio.create_task(pause())
        clock.now += 0.25
        await asyncio.create_task(pause())
        clock.now += 0.01

    await asyncio.create_task(_awaited(Watched(work(), teller(told))))
    ((seconds, where),) = told
    assert seconds == pytest.approx(0.25)
    file, line = where.rsplit(":", 1)
    assert file == __file__
    assert int(line) == work.__code__.co_firstlineno + 4


async def test_the_last_step_is_told(clock: Clock, told: list[tuple[float, str]]) -> None:
    """A handler that blocks and then ends is reported as well."""

    async def work() -> None:
        clock.now += 0.25

    await _awaited(Watched(work(), teller(told)))
    assert [where for _, where in told] == ["its end"]


@pytest.mark.usefixtures("clock")
async def test_exceptions_and_cancelling_go_through(told: list[tuple[float, str]]) -> None:
    """What the work raises comes out, and what is thrown in goes in."""

    async def breaks() -> None:
        await asyncio.sleep(0)
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        await _awaited(Watched(breaks(), teller(told)))

    cancelled = asyncio.Event()

    async def waits() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    task = asyncio.create_task(_awaited(Watched(waits(), teller(told))))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert cancelled.is_set()
    assert told == []


async def _awaited(work: Watched) -> None:
    await work
