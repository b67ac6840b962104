"""PlaybackHandle into a call, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any

import pytest
from echo_service.playback import AudioError, CallEnded, Playback
from echo_service.testing.virtual_time import run

RATE = 8000
FRAME = 320


class Line:
    """What a playback sent, and when; it plays at the platform, too."""

    def __init__(self, limit: int = 1024) -> None:
        self.loop = asyncio.get_running_loop()
        self.frames: list[bytes] = []
        self.times: list[float] = []
        self.clears: list[float] = []
        self.errors: list[Exception] = []
        self.ended = False
        self.playback = Playback(RATE, self.send, self.clear, limit, self.errors.append)

    async def send(self, frame: bytes) -> None:
        """Take a frame."""
        if self.ended:
            raise CallEnded
        self.frames.append(frame)
        self.times.append(self.loop.time())

    async def clear(self) -> None:
        """Take the wish to clear."""
        self.clears.append(self.loop.time())

    @property
    def sound(self) -> bytes:
        """All that was sent."""
        return b"".join(self.frames)

    def gaps(self) -> list[float]:
        """Seconds of silence that a platform would have played between the frames."""
        end, gaps = self.times[0], []
        for time in self.times:
            if time > end + 1e-9:
                gaps.append(time - end)
                end = time
            end += 0.02
        return gaps

    def most_ahead(self) -> int:
        """How many messages the platform had to keep at most."""
        end = most = self.times[0]
        most = 0.0
        for time in self.times:
            end = max(end, time) + 0.02
            most = max(most, end - time)
        return round(most / 0.02)


def sound(frames: float, first: int = 1) -> bytes:
    """So many frames of bytes that differ."""
    return b"".join(
        (first + number).to_bytes(2, "little") * 160 for number in range(int(frames) + 1)
    )[: int(frames * FRAME)]


def case(main: Callable[[], Coroutine[Any, Any, None]]) -> Callable[[], None]:
    """Run a test in virtual time."""

    def test() -> None:
        run(main())

    test.__doc__, test.__name__ = main.__doc__, main.__name__
    return test


@case
async def test_a_long_sound_is_paced() -> None:
    """A minute is played without a gap, within the buffer, and `wait` ends when it does."""
    line, given = Line(limit=100), sound(3000)
    begin = line.loop.time()
    playing = await line.playback.play(given)
    assert await playing.wait()
    assert line.loop.time() - begin == pytest.approx(60, abs=0.001)
    assert line.sound == given
    assert line.gaps() == []
    assert 65 <= line.most_ahead() <= 75


@case
async def test_the_last_frame_is_filled_up() -> None:
    """Half a frame at the end is sent as a whole one, the rest of it silence."""
    line, given = Line(), sound(2.5)
    assert await (await line.playback.play(given)).wait()
    assert await (await line.playback.play(b"")).wait()
    assert line.sound == given + bytes(FRAME // 2)


@case
async def test_two_sounds_join() -> None:
    """A sound queued behind another starts right at its end, in the middle of a frame."""
    line = Line()
    first, second = sound(100.25), sound(50.75, first=500)
    await line.playback.play(first)
    await asyncio.sleep(1.9)
    assert await (await line.playback.play(second)).wait()
    assert line.sound == first + second
    assert line.gaps() == []


@case
async def test_a_stream_in_crumbs_joins() -> None:
    """Pieces of odd lengths, each played by itself, make one sound without a gap."""
    line, given = Line(), sound(200)
    for start in range(0, len(given), 500):
        playing = await line.playback.play(given[start : start + 500])
        await asyncio.sleep(0.009)
    assert await playing.wait()
    assert line.sound == given
    assert line.gaps() == []


@case
async def test_clear_cuts_off_here_and_there() -> None:
    """After `clear` no frame of any queued sound leaves, and their `wait` says so."""
    line = Line()
    one, two = await line.playback.play(sound(500)), await line.playback.play(sound(500))
    await asyncio.sleep(0.05)
    await line.playback.clear()
    sent = len(line.frames)
    assert 0 < sent < 100
    assert not await one.wait()
    assert not await two.wait()
    await asyncio.sleep(5)
    assert len(line.frames) == sent
    assert len(line.clears) == 1
    three = await line.playback.play(sound(5, first=900))
    assert await three.wait()
    assert line.frames[sent:] == [sound(5, first=900)[n * FRAME :][:FRAME] for n in range(5)]


@case
async def test_what_was_heard_already_is_not_cut() -> None:
    """`clear` after the end of a sound does not change that it was played."""
    line = Line()
    playing = await line.playback.play(sound(5))
    await asyncio.sleep(0.2)
    await line.playback.clear()
    assert await playing.wait()


@case
async def test_replace_waits_for_no_one() -> None:
    """A sound that replaces others is heard at once."""
    line = Line()
    old = await line.playback.play(sound(500))
    await asyncio.sleep(1)
    begin = line.loop.time()
    new = await line.playback.play(sound(10, first=900), replace=True)
    assert await new.wait()
    assert line.loop.time() - begin == pytest.approx(0.2, abs=0.001)
    assert not await old.wait()
    assert line.clears == [begin]


@case
async def test_a_slow_source_leaves_gaps_and_goes_on() -> None:
    """A stream that stalls is heard with a gap, is counted, and is heard to its end."""
    line = Line()

    async def stalls() -> AsyncGenerator[bytes]:
        yield sound(5)
        await asyncio.sleep(1)
        yield sound(5, first=600)

    assert await (await line.playback.play(stalls())).wait()
    assert line.sound == sound(5) + sound(5, first=600)
    assert line.gaps() == [pytest.approx(0.9)]


@case
async def test_a_live_source_is_passed_on_at_once() -> None:
    """Frames that come in real time leave when they come."""
    line = Line()
    came = []

    async def live() -> AsyncGenerator[bytes]:
        for number in range(100):
            await asyncio.sleep(0.02)
            came.append(line.loop.time())
            yield sound(1, first=number)

    assert await (await line.playback.play(live())).wait()
    assert line.times == came


@case
async def test_a_source_that_raises_ends_its_sound_alone() -> None:
    """What an iterator raises is raised by `wait`, and the next sound is played."""
    line = Line()

    async def breaks() -> AsyncGenerator[bytes]:
        yield sound(1)
        raise RuntimeError("no more")

    broken = await line.playback.play(breaks())
    good = await line.playback.play(sound(2, first=700))
    assert await good.wait()
    with pytest.raises(RuntimeError, match="no more"):
        await broken.wait()
    assert [str(error) for error in line.errors] == ["no more"]
    assert line.sound == sound(1) + sound(2, first=700)


@case
async def test_sources_are_closed() -> None:
    """An iterator that is cut off is closed, so that it can tidy up."""
    line, closed = Line(), asyncio.Event()

    async def endless() -> AsyncGenerator[bytes]:
        try:
            while True:
                yield sound(1)
        finally:
            closed.set()

    await line.playback.play(endless())
    await asyncio.sleep(1)
    await line.playback.clear()
    async with asyncio.timeout(1):
        await closed.wait()


@case
async def test_the_end_of_the_call_cuts_off() -> None:
    """When the call ends nothing waits any longer, and nothing can be played."""
    line = Line()
    playing = await line.playback.play(sound(500))
    await asyncio.sleep(1)
    await line.playback.close()
    assert not await playing.wait()
    with pytest.raises(CallEnded):
        await line.playback.play(sound(1))


@case
async def test_a_send_that_fails_cuts_off() -> None:
    """A connection that is gone ends the playback without a word."""
    line = Line()
    line.ended = True
    playing = await line.playback.play(sound(500))
    assert not await playing.wait()
    with pytest.raises(CallEnded):
        await line.playback.play(sound(1))


@case
async def test_what_cannot_be_played_leaves_the_rest_alone() -> None:
    """A wrong sound is refused at once, and what plays goes on, also when it was to be replaced."""
    line = Line()
    playing = await line.playback.play(sound(50))
    with pytest.raises(AudioError, match="not a multiple of 2"):
        await line.playback.play(b"odd", replace=True)
    assert await playing.wait()
    assert line.clears == []


@case
async def test_too_many_sounds_wait() -> None:
    """`play` waits while 64 sounds are queued."""
    line = Line(limit=10)
    begin = line.loop.time()
    for number in range(70):
        await line.playback.play(sound(50, first=number))
    assert line.loop.time() > begin + 4


@case
async def test_what_was_not_played_is_known() -> None:
    """At any time it is known how much of the queued sounds has not been played."""
    line = Line()
    assert line.playback.unplayed == 0.0
    await line.playback.play(sound(50))
    playing = await line.playback.play(sound(25.5))
    assert line.playback.unplayed == pytest.approx(1.51)
    await asyncio.sleep(0.5)
    assert line.playback.unplayed == pytest.approx(1.01)
    await playing.wait()
    assert line.playback.unplayed == pytest.approx(0.0, abs=0.021)
    await line.playback.play(sound(5000))
    await asyncio.sleep(1.0)
    assert line.playback.unplayed == pytest.approx(99.0, abs=0.02)
    await line.playback.clear()
    assert line.playback.unplayed == 0.0


@case
async def test_the_end_of_a_stream_is_not_known() -> None:
    """Of an iterator's sound nobody knows how much was not played."""

    async def endless() -> AsyncGenerator[bytes]:
        while True:
            yield sound(1)
            await asyncio.sleep(0.02)

    line = Line()
    await line.playback.play(endless())
    assert line.playback.unplayed == float("inf")
    await line.playback.clear()
