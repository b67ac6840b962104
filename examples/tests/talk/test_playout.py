"""The playout, on a call in virtual time: held, resumed and stopped to the frame."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import numpy as np
import pytest
from assistant.play_queue import Item
from assistant.playout import AHEAD_SECONDS, Playout
from echo_service.handlers import AudioCall, Cleared, Notify
from echo_service.testing import FakeCall

RATE = 8000
FRAME = 320
SECOND = RATE * 2
SOUND = np.random.default_rng(4).integers(-9000, 9000, 5 * RATE, "<i2").tobytes()

Script = Callable[[Playout], Awaitable[None]]


def play(script: Script, marks: int = 2, seconds: float = 8.0) -> tuple[FakeCall, list[list[Item]]]:
    """Run a script against a playout; return the call, and what `stopped` was told."""
    told: list[list[Item]] = []

    async def handler(call: AudioCall) -> None:
        playout = Playout(call, RATE, marks, 60, lambda items, at: told.append(items))
        task = asyncio.ensure_future(script(playout))
        async for at, event in call:
            match event:
                case Notify(payload=payload):
                    playout.answered(payload, at)
                case Cleared():
                    await playout.cleared(at)
        playout.close()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        if not task.cancelled():
            task.result()

    call = FakeCall(RATE)
    call.wait(seconds)
    call.run(handler)
    return call, told


@pytest.mark.parametrize("marks", [0, 1, 2, 7])
def test_what_is_held_goes_on_where_it_stopped(marks: int) -> None:
    """Nothing is left out and nothing repeated; the hole is as long as it was held."""

    async def script(playout: Playout) -> None:
        await playout.put("r", "a", SOUND)
        await playout.finish()
        await asyncio.sleep(1.01)
        await playout.hold()
        await asyncio.sleep(0.2)
        await playout.resume()
        await playout.heard()

    call, told = play(script, marks)
    assert b"".join(frame.audio for frame in call.played) == SOUND
    holes = [b.at - a.at - 0.02 for a, b in zip(call.played, call.played[1:], strict=False)]
    assert [round(hole, 2) for hole in holes if hole > 0.001] == [0.19]
    assert told == []


@pytest.mark.parametrize("marks", [0, 2])
def test_a_stop_tells_what_was_heard_of_each_item(marks: int) -> None:
    """Of the audible one and of the one behind it; what comes next is heard whole."""

    async def script(playout: Playout) -> None:
        await playout.put("r", "a", SOUND[:SECOND])
        await playout.put("r", "b", SOUND[SECOND : 2 * SECOND])
        await playout.put("r", "c", SOUND[: SECOND // 2 + 100])
        await asyncio.sleep(1.51)
        await playout.stop()
        await playout.put("s", "d", SOUND[2 * SECOND : 3 * SECOND])
        await playout.finish()
        await playout.heard()

    call, ((b, c),) = play(script, marks)
    assert (b.item_id, b.heard_ms, b.length_ms, b.done) == ("b", 520, 1000, True)
    assert (c.item_id, c.heard_ms, c.done) == ("c", 0, False)
    heard = b"".join(frame.audio for frame in call.played)
    cut = 76 * FRAME
    assert heard == SOUND[:cut] + SOUND[2 * SECOND : 3 * SECOND]


def test_what_comes_while_it_is_held_waits() -> None:
    """It is not heard before it is resumed."""

    async def script(playout: Playout) -> None:
        await playout.hold()
        await playout.put("r", "a", SOUND[:SECOND])
        await playout.finish()
        await asyncio.sleep(1.0)
        await playout.resume()

    call, _ = play(script)
    assert call.played[0].at == pytest.approx(1.0, abs=0.02)
    assert not [body for _, body in call.sent if body["action"] == "clear"]


def test_nothing_is_cleared_when_all_was_heard() -> None:
    """Nor is anything told of it."""

    async def script(playout: Playout) -> None:
        await playout.put("r", "a", SOUND[:SECOND])
        await playout.finish()
        await playout.heard()
        assert not playout.audible
        await playout.stop()

    call, told = play(script)
    assert not [body for _, body in call.sent if body["action"] == "clear"]
    assert told == [[]]


def test_no_more_is_sent_than_has_to_be() -> None:
    """And so the platform has few marks to answer at once."""
    most = 0.0

    async def script(playout: Playout) -> None:
        nonlocal most
        await playout.put("r", "a", SOUND)
        for _ in range(40):
            await asyncio.sleep(0.1)
            most = max(most, playout._call.ahead)

    play(script)
    assert AHEAD_SECONDS - 0.3 < most <= AHEAD_SECONDS + 0.05


def test_the_last_frame_is_filled_up() -> None:
    """An item that is no whole number of frames ends in silence, and the next is another frame."""

    async def script(playout: Playout) -> None:
        await playout.put("r", "a", SOUND[:500])
        await playout.put("r", "b", SOUND[:320])
        await playout.finish()

    call, _ = play(script)
    assert b"".join(frame.audio for frame in call.played) == SOUND[:500] + bytes(140) + SOUND[:320]


def test_the_echo_is_that_of_what_was_heard_lately() -> None:
    """Loud while it plays, nothing a moment after."""
    levels: list[float] = []

    async def script(playout: Playout) -> None:
        await playout.put("r", "a", SOUND[:SECOND])
        for _ in range(16):
            await asyncio.sleep(0.1)
            levels.append(playout.echo(playout._call.seconds))

    play(script)
    assert min(levels[:12]) > 4000
    assert max(levels[13:]) == 0
