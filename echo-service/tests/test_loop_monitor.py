"""What blocks the event loop is named while it does, and counted once."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from types import FrameType

import pytest
from echo_service import loop_monitor
from echo_service.loop_monitor import LoopMonitor, place
from wire_peer import until


def frame_here() -> FrameType:
    """The frame of a function of the user's."""
    return sys._getframe()


def test_the_innermost_frame_of_the_user_is_the_place() -> None:
    """What the user's code called is passed over, where it is the standard library's."""
    seen: list[FrameType] = []

    class Spy(json.JSONDecoder):
        def decode(self, text: str, *_: object) -> object:
            seen.append(sys._getframe().f_back)  # type: ignore[arg-type]
            return None

    json.loads("[]", cls=Spy)
    (inside,) = seen
    assert "json" in inside.f_code.co_filename
    mine = "test_the_innermost_frame_of_the_user_is_the_place"
    assert re.fullmatch(rf".*test_loop_monitor\.py:\d+ {mine}", place(inside))
    assert place(frame_here()).endswith(" frame_here")


def test_without_a_frame_of_the_user() -> None:
    """Where only the interpreter's own code is at work, it is named all the same."""
    thread = threading.Thread(target=(over := threading.Event()).wait)
    thread.start()
    try:
        frame = sys._current_frames()[thread.ident or 0]
        assert re.search(r"threading\.py:\d+ ", place(frame))
    finally:
        over.set()
        thread.join()


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A slow machine holds up the loop, too: only what is long is a block here."""
    monkeypatch.setattr(loop_monitor, "BLOCKED_SECONDS", 1.5)


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("watched", [False, True])
async def test_a_block_is_logged_twice_and_counted_once(
    lines: Callable[[], list[str]], watched: bool
) -> None:
    """One line while it lasts, one at its end; what another watch has counted is not added."""
    monitor = LoopMonitor()
    began = time.monotonic()
    monitor.start()
    try:
        time.sleep(3)  # noqa: ASYNC251 - this is what blocks the loop
        if watched:
            monitor.blocked_times += 1
            monitor.blocked_seconds += 3
        assert [line.split()[1] for line in lines()] == ["loop_blocked"]
        await until(lambda: len(lines()) == 2)
        lasted = time.monotonic() - began
    finally:
        monitor.stop()
    first, last = lines()
    here = r'where=".*test_loop_monitor\.py:\d+ test_a_block_is_logged_twice_and_counted_once"'
    assert re.search(rf"^ERROR loop_blocked seconds=\S+ {here} message=", first)
    assert re.search(rf"^WARNING loop_unblocked seconds=\S+ {here}$", last)
    assert monitor.blocked_times == 1
    # A busy machine makes the block longer, and its beginning is known to a beat.
    assert 3 - loop_monitor.BEAT_SECONDS <= monitor.blocked_seconds <= lasted


@pytest.mark.usefixtures("patient")
async def test_a_loop_that_goes_on_is_not_mentioned(lines: Callable[[], list[str]]) -> None:
    """Work that lets the loop go on now and then is no block."""
    monitor = LoopMonitor()
    monitor.start()
    try:
        for _ in range(8):
            await asyncio.sleep(0.25)
    finally:
        monitor.stop()
    assert lines() == []
    assert (monitor.blocked_times, monitor.blocked_seconds) == (0, 0)


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
    monkeypatch.setattr(loop_monitor, "perf_counter", clock)
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
        clock.now += loop_monitor.SLOW_STEP_SECONDS
        await asyncio.create_task(pause())
        clock.now += 0.25
        await asyncio.create_task(pause())
        clock.now += 0.01

    await asyncio.create_task(_awaited(LoopMonitor().timed(work(), teller(told))))
    ((seconds, where),) = told
    assert seconds == pytest.approx(0.25)
    file, line = where.rsplit(":", 1)
    assert file == __file__
    assert int(line) == work.__code__.co_firstlineno + 4


async def test_the_last_step_is_told(clock: Clock, told: list[tuple[float, str]]) -> None:
    """A handler that blocks and then ends is reported as well."""

    async def work() -> None:
        clock.now += 0.25

    await _awaited(LoopMonitor().timed(work(), teller(told)))
    assert [where for _, where in told] == ["its end"]


@pytest.mark.usefixtures("clock")
async def test_exceptions_and_cancelling_go_through(told: list[tuple[float, str]]) -> None:
    """What the work raises comes out, and what is thrown in goes in."""

    async def breaks() -> None:
        await asyncio.sleep(0)
        raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        await _awaited(LoopMonitor().timed(breaks(), teller(told)))

    cancelled = asyncio.Event()

    async def waits() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    task = asyncio.create_task(_awaited(LoopMonitor().timed(waits(), teller(told))))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert cancelled.is_set()
    assert told == []


async def _awaited(work: Awaitable[None]) -> None:
    await work
