"""A handler that holds up the loop is named."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import pytest
from echo_service import watch
from echo_service.watch import Watched


@pytest.fixture
def told(monkeypatch: pytest.MonkeyPatch) -> list[tuple[float, str]]:
    """What was reported, from 30 ms on."""
    monkeypatch.setattr(watch, "BLOCKING_SECONDS", 0.03)
    return []


def teller(told: list[tuple[float, str]]) -> Callable[[float, str], None]:
    """What appends to a list."""
    return lambda seconds, where: told.append((seconds, where))


async def test_a_step_that_takes_long_is_told(told: list[tuple[float, str]]) -> None:
    """Only the step that blocks is reported, with its length and the line behind it."""

    async def work() -> None:
        await asyncio.sleep(0.05)
        time.sleep(0.06)  # noqa: ASYNC251 - this is what is to be found
        await asyncio.sleep(0)
        await asyncio.sleep(0.05)

    await asyncio.create_task(_awaited(Watched(work(), teller(told))))
    ((seconds, where),) = told
    assert seconds >= 0.06
    file, line = where.rsplit(":", 1)
    assert file == __file__
    assert int(line) == work.__code__.co_firstlineno + 3


async def test_the_last_step_is_told(told: list[tuple[float, str]]) -> None:
    """A handler that blocks and then ends is reported as well."""

    async def work() -> None:
        time.sleep(0.06)  # noqa: ASYNC251 - as above

    await _awaited(Watched(work(), teller(told)))
    assert [where for _, where in told] == ["its end"]


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
