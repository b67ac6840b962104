"""Whatever holds up the loop is named while it does, and counted once."""

from __future__ import annotations

import asyncio
import json
import re
import sys
import threading
import time
from collections.abc import Callable
from types import FrameType

import pytest
from echo_service import heartbeat
from echo_service.heartbeat import Heartbeat, place
from echo_service.testing import until
from echo_service.watch import Blockages


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
    assert re.fullmatch(rf".*test_heartbeat\.py:\d+ {mine}", place(inside))
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
    monkeypatch.setattr(heartbeat, "SILENT_SECONDS", 1.5)


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("watched", [False, True])
async def test_a_block_is_logged_twice_and_counted_once(
    lines: Callable[[], list[str]], watched: bool
) -> None:
    """One line while it lasts, one at its end; what another watch has counted is not added."""
    blockages = Blockages()
    pulse = Heartbeat(blockages, 30)
    pulse.start()
    try:
        time.sleep(3)  # noqa: ASYNC251 - this is what blocks the loop
        if watched:
            blockages.times += 1
            blockages.seconds += 3
        assert [line.split()[1] for line in lines()] == ["loop_blocked"]
        await until(lambda: len(lines()) == 2)
    finally:
        pulse.stop()
    first, last = lines()
    here = r'where=".*test_heartbeat\.py:\d+ test_a_block_is_logged_twice_and_counted_once"'
    assert re.search(rf"^ERROR loop_blocked seconds=\S+ {here} message=", first)
    assert re.search(rf"^WARNING loop_goes_on seconds=\S+ {here}$", last)
    assert blockages.times == 1
    assert blockages.seconds == pytest.approx(3, abs=0.5 if not watched else 0.2)


@pytest.mark.usefixtures("patient")
async def test_a_loop_that_goes_on_is_not_mentioned(lines: Callable[[], list[str]]) -> None:
    """Work that lets the loop go on now and then is no block."""
    blockages = Blockages()
    pulse = Heartbeat(blockages, 30)
    pulse.start()
    try:
        for _ in range(8):
            await asyncio.sleep(0.25)
    finally:
        pulse.stop()
    assert lines() == []
    assert blockages == Blockages()
