"""Iteration over a call's events, and audio that a handler sends."""

from __future__ import annotations

import asyncio

import pytest
from echo_service.call import Call
from echo_service.handlers import AudioCall, CallEnded
from echo_service.handlers.audio_call import Event

QUEUE = 4


class Control:
    """A connection that writes at once while it is `free`, and keeps what it was given."""

    def __init__(self) -> None:
        self.free = True
        self.now: list[bytes] = []
        self.waited: list[bytes | str] = []

    def send_now(self, audio: bytes) -> bool:
        """Take audio if nothing waits."""
        if self.free:
            self.now.append(audio)
        return self.free

    async def send(self, message: bytes | str) -> None:
        """Take a message after a wait."""
        await asyncio.sleep(0)
        self.waited.append(message)

    def hang_up(self) -> None:
        """Nothing to end."""

    def failed(self, error: Exception) -> None:
        """No sound is played."""
        raise error


def audio_call(control: Control | None = None) -> AudioCall:
    """Return the call under test."""
    return AudioCall(Call(1), control or Control(), QUEUE, 1024)


async def collected(call: AudioCall, into: list[Event]) -> None:
    """Take all events of a call."""
    async for _, event in call:
        into.append(event)


async def anext_of(call: AudioCall) -> tuple[float, Event]:
    """Take one event of a call."""
    return await anext(aiter(call))


async def test_a_handler_is_woken_once_for_what_came_together() -> None:
    """Several frames of one read come in order, without a wait between them."""
    call, seen = audio_call(), list[Event]()
    task = asyncio.create_task(collected(call, seen))
    await asyncio.sleep(0)
    for frame in (b"1", b"2", b"3"):
        call.put(frame)
    await asyncio.sleep(0)
    assert seen == [b"1", b"2", b"3"]
    call.end()
    await task


async def test_a_wait_that_is_cancelled_loses_no_event() -> None:
    """An event that comes in the same moment as a timeout is there for the next iteration."""
    call = audio_call()
    waiting = asyncio.create_task(anext_of(call))
    await asyncio.sleep(0)
    call.put(b"1")
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    call.put(b"2")
    call.end()
    seen: list[Event] = []
    await collected(call, seen)
    assert seen == [b"1", b"2"]


async def test_two_tasks_may_iterate_over_one_call() -> None:
    """Each event goes to one of them, and both end with the call."""
    call, first, second = audio_call(), list[Event](), list[Event]()
    tasks = [asyncio.create_task(collected(call, one)) for one in (first, second)]
    await asyncio.sleep(0)
    tasks[0].cancel()
    await asyncio.sleep(0)
    call.put(b"1")
    await asyncio.sleep(0)
    call.end()
    await asyncio.wait(tasks)
    assert (first, second) == ([], [b"1"])


async def test_a_full_queue_drops_the_oldest_events() -> None:
    """A slow handler gets the newest, and the rest is counted."""
    call, seen = audio_call(), list[Event]()
    for number in range(QUEUE + 2):
        call.put(bytes([number]))
    call.end()
    await collected(call, seen)
    assert seen == [bytes([number]) for number in range(2, QUEUE + 2)]
    assert call._call.stats.dropped_frames == 2


async def test_audio_waits_only_while_the_connection_does() -> None:
    """Sending goes straight to the connection, waits for it when it must, and counts both."""
    control = Control()
    call = audio_call(control)
    await call.send(b"12")
    control.free = False
    await call.send(b"3456")
    totals = call._call.stats.totals()
    assert (control.now, control.waited) == ([b"12"], [b"3456"])
    assert (totals.frames_out, totals.bytes_out) == (2, 6)
    call.end()
    with pytest.raises(CallEnded):
        await call.send(b"7")
