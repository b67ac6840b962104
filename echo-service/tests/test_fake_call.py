"""Handlers on a call that is acted out: what the handlers do, and what the fake refuses."""

from __future__ import annotations

import asyncio
import wave
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest
from echo_service.handlers import AudioCall, AudioError, Cleared, Dtmf, Notify
from echo_service.handlers.delay import Delay
from echo_service.handlers.echo import echo
from echo_service.handlers.play import Play
from echo_service.testing import FakeCall

RATE = 16000
SIZE = 640


def tone(frames: int, first: int = 1) -> bytes:
    """So many frames, each of another value."""
    return b"".join((first + n).to_bytes(2, "little") * 320 for n in range(frames))


def test_echo() -> None:
    """The echo gives back what the caller says, when she says it."""
    call = FakeCall()
    call.say(tone(50))
    call.run(echo)
    assert call.heard == tone(50)


def test_delay() -> None:
    """The delay gives it back later, by the time that was set."""
    call = FakeCall()
    call.say(tone(50))
    call.wait(2)
    call.run(Delay(500))
    assert call.heard[: 25 * SIZE] == bytes(25 * SIZE)
    assert call.heard[25 * SIZE : 75 * SIZE] == tone(50)


def test_play(tmp_path: Path) -> None:
    """A file is played from the start of the call, once, and the call goes on."""
    path = tmp_path / "tone.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes(tone(30))
    call = FakeCall()
    call.wait(2)
    call.run(Play(path))
    assert call.heard == tone(30)
    assert call.hung_up is None


def test_a_handler_sees_what_comes_and_when() -> None:
    """Events come with the second of the call, in order, and end with the call."""
    seen: list[tuple[float, object]] = []

    async def watch(call: AudioCall) -> None:
        async for at, event in call:
            if not isinstance(event, bytes):
                seen.append((round(at, 2), event))

    call = FakeCall(metadata={"from": "447700900123"})
    call.wait(1)
    call.press("5")
    call.wait(1)
    call.text("hello")
    call.run(watch)
    assert [at for at, _ in seen] == [0.0, 1.0, 2.0]
    assert seen[1][1] == Dtmf("5", 260)
    assert call.metadata["from"] == "447700900123"


def test_clear_and_notify_are_answered() -> None:
    """The platform says when it has cleared, and when it has played up to a `notify`."""
    seen: list[tuple[float, object]] = []

    async def handler(call: AudioCall) -> None:
        await call.play(tone(50))
        await call.notify({"part": 1})
        async for at, event in call:
            if isinstance(event, Notify):
                seen.append((round(at, 2), event))
                await call.play(tone(100))
                await call.clear()
            if isinstance(event, Cleared):
                seen.append((round(at, 2), event))
                break
        await call.hang_up()

    call = FakeCall()
    call.wait(9)
    call.run(handler)
    # Only frames that were sent before `notify` are waited for: the first burst.
    assert [event for _, event in seen] == [Notify({"part": 1}), Cleared()]
    assert call.hung_up == pytest.approx(seen[-1][0], abs=0.01)


def test_waiting_for_the_end_of_a_sound() -> None:
    """`wait` returns when the caller has heard all of it; a handler that returns hangs up."""

    async def handler(call: AudioCall) -> None:
        assert await (await call.play(tone(100))).wait()
        call.note(played=True, mood=0.5, nothing="x" * 300)
        call.note(mood=None)

    call = FakeCall()
    call.wait(9)
    call.run(handler)
    assert call.heard == tone(100)
    assert call.hung_up == pytest.approx(2.0, abs=0.01)
    assert call.notes == {"played": True, "nothing": "x" * 200}


def test_long_work_is_done_in_a_thread() -> None:
    """`in_thread` gives what the function gives, and raises what it raises."""

    async def handler(call: AudioCall) -> None:
        assert await call.in_thread(sum, [1, 2, 3]) == 6
        await call.in_thread(int, "x")

    call = FakeCall()
    call.wait(1)
    with pytest.raises(ValueError, match="invalid literal"):
        call.run(handler)


def test_the_end_of_the_call_reaches_whoever_waits() -> None:
    """A sound is cut off by the end of the call, and what is sent then raises."""
    after: list[object] = []

    async def handler(call: AudioCall) -> None:
        playing = await call.play(tone(500))
        after.append(await playing.wait())
        await call.send(bytes(SIZE))

    call = FakeCall()
    call.wait(1)
    call.run(handler)
    assert after == [False]
    assert len(call.heard) == pytest.approx(50 * SIZE, abs=SIZE)


def test_what_a_source_raises_is_kept() -> None:
    """An iterator that breaks does not break the call."""

    async def broken() -> AsyncGenerator[bytes]:
        yield tone(2)
        raise OSError("the synthesiser is gone")

    async def handler(call: AudioCall) -> None:
        await call.play(broken())
        async for _ in call:
            pass

    call = FakeCall()
    call.wait(1)
    call.run(handler)
    assert [str(error) for error in call.errors] == ["the synthesiser is gone"]
    assert call.heard == tone(2)


def test_what_the_platform_refuses_fails_the_test() -> None:
    """A message of a wrong size, an overrun buffer, and an unknown rate are reported."""

    async def short(call: AudioCall) -> None:
        await call.send(b"ab")

    async def flood(call: AudioCall) -> None:
        for _ in range(101):
            await call.send(bytes(SIZE))

    async def other_rate(call: AudioCall) -> None:
        await call.play(tone(1), rate=3)

    for handler, error, complaint in (
        (short, AssertionError, "2 bytes were sent: the platform takes exactly 640"),
        (flood, AssertionError, "100 messages ahead: the platform keeps 100"),
        (other_rate, AudioError, "3 Hz is not a valid sample rate"),
    ):
        call = FakeCall(buffer=100)
        call.wait(1)
        with pytest.raises(error, match=complaint):
            call.run(handler)


def test_a_handler_that_does_not_end_is_told() -> None:
    """A handler that goes on after its call would be cancelled; here it fails."""

    async def endless(call: AudioCall) -> None:
        async for _ in call:
            pass
        await asyncio.Event().wait()

    call = FakeCall()
    call.wait(0.1)
    with pytest.raises(AssertionError, match=r"continued for 5 s after the call"):
        call.run(endless)


def test_a_call_that_moves() -> None:
    """The handler is called again: the same id, a count, and silence for the caller meanwhile."""
    seen: list[tuple[str, int, int, bool]] = []

    async def handler(call: AudioCall) -> None:
        frames = 0
        async for _, event in call:
            if isinstance(event, bytes):
                frames += 1
                await call.send(event)
        seen.append((call.id, call.resumed, frames, call.moved))

    call = FakeCall()
    call.say(tone(10))
    call.move(gap=0.5)
    call.say(tone(10, first=11))
    call.run(handler)
    assert seen == [("a-fake-call", 0, 10, True), ("a-fake-call", 1, 10, False)]
    assert call.heard == tone(10) + bytes(25 * SIZE) + tone(10, first=11)


def test_a_call_that_was_hung_up_does_not_move() -> None:
    """A handler that returns before the move ends the call."""
    calls: list[int] = []

    async def handler(call: AudioCall) -> None:
        calls.append(call.resumed)

    call = FakeCall()
    call.wait(1)
    call.move()
    call.wait(1)
    call.run(handler)
    assert calls == [0]
    assert call.hung_up == 0
