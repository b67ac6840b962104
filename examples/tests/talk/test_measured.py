"""What a caller notices, measured from what is sent and heard: many calls at once.

ASSISTANT_CALLS sets how many, and ASSISTANT_TURNS how many turns each has; the defaults are what CI
runs. Each test prints its figures, which `pytest -s` shows.

What is wrong with a call fails at once. What is late is measured once more, in case the machine
held everything up; the figures of the callers' own lateness say whether it did.
"""

from __future__ import annotations

import asyncio
import itertools
import os
import random
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import numpy as np
from assistant.fake.manners import Turn, story
from assistant.formats import read_wav

from tests.attempts import best_of, in_time

from . import noises
from .line import FRAME, Heard, Line
from .model import FakeModel

CALLS = int(os.environ.get("ASSISTANT_CALLS", "50"))
TURNS = int(os.environ.get("ASSISTANT_TURNS", "40"))
TURNS_AGAIN = 8
"""Turns of each call when only the delay is measured once more."""

ATTEMPTS = 3
RATE = 24000
SOUNDS = Path(__file__).parent / "sounds"
WORDS = [read_wav(path, RATE) for path in sorted(SOUNDS.glob("*.wav"))]
SILENCE_MS = 240
"""What ends a turn here: words of one syllable have no longer pauses."""

Serve = Callable[..., str]


def word(chance: random.Random) -> bytes:
    """A word, in whole frames, as no other caller says it."""
    pcm = np.frombuffer(chance.choice(WORDS), "<i2") * chance.uniform(0.5, 1.0)
    data = pcm.astype("<i2").tobytes()
    return data + bytes(-len(data) % 960)


def shown(name: str, values: list[float], unit: str = "ms") -> float:
    """Print how values are distributed; return the 99th percentile."""
    ordered = sorted(values)
    at = {share: ordered[min(len(ordered) - 1, int(share * len(ordered)))] for share in (0.5, 0.99)}
    print(f"{name}: n={len(ordered)}, p50 {at[0.5]:.1f} {unit}, p99 {at[0.99]:.1f}", end="")
    print(f", max {ordered[-1]:.1f}")
    return at[0.99]


def stretches(frames: list[Heard]) -> list[list[Heard]]:
    """Cut what was heard at its holes."""
    parts: list[list[Heard]] = []
    for frame in frames:
        if not parts or frame.at - parts[-1][-1].at > FRAME + 0.001:
            parts.append([])
        parts[-1].append(frame)
    return parts


class Crowd:
    """Callers against one service and one model.

    Args:
        url: of the service's socket.
        fake: the model.

    """

    def __init__(self, url: str, fake: FakeModel) -> None:
        self._url = url
        self._fake = fake
        self._attempts = itertools.count(1)
        self.lags: list[float] = []

    async def call(
        self, calls: int, one: Callable[[str, int, Line], Coroutine[Any, Any, None]]
    ) -> dict[str, dict[str, Any]]:
        """Let callers call, not all in the same moment; return what the model has noted of each."""
        attempt = next(self._attempts)
        self.lags = []

        async def caller(number: int) -> str:
            name = f"attempt-{attempt}-{number}"
            await asyncio.sleep(number * 0.043)
            async with Line.call(self._url, name, RATE) as line:
                await asyncio.sleep(0.5)
                await one(name, number, line)
                self.lags += [lag * 1000 for lag in line.lags]
            return name

        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(caller(number)) for number in range(calls)]
        journals = await self._fake.journals([task.result() for task in tasks])
        shown("the callers' own lateness", self.lags)
        wrong = {
            name: journal["errors"] + journal["invalid"]
            for name, journal in journals.items()
            if journal["errors"] or journal["invalid"]
        }
        assert not wrong
        return journals


async def test_turns(serve: Serve, model: Callable[..., FakeModel]) -> None:
    """2,000 turns: each is answered once, from its first word on, without an error, in time."""
    fake = model("parrot")
    crowd = Crowd(serve(fake, ASSISTANT_SILENCE_MS=str(SILENCE_MS), cores="0"), fake)
    turns = iter([TURNS, *[TURNS_AGAIN] * (ATTEMPTS - 1)])

    async def trial() -> None:
        each = next(turns)
        wrong: list[str] = []
        answers: list[float] = []
        delays: list[float] = []
        replies: dict[str, list[list[Heard]]] = {}

        async def caller(name: str, number: int, line: Line) -> None:
            chance = random.Random(number)  # noqa: S311 - no secret
            replies[name] = []
            for turn in range(each):
                said = word(chance)
                line.say(said)
                end = await line.said()
                first = await line.speaks(end)
                await line.quiet(0.3)
                heard = line.between(end, time.monotonic())
                times = b"".join(frame.pcm for frame in heard).count(said)
                if times != 1:
                    wrong.append(f"{name}, turn {turn}: heard {times} times")
                answers.append((first.at - end) * 1000)
                replies[name].append(heard)
                line.heard.clear()

        for name, journal in (await crowd.call(CALLS, caller)).items():
            if not len(journal["responses"]) == len(journal["turns"]) == each:
                wrong.append(f"{name}: {len(journal['responses'])} responses")
            for response, frames in zip(journal["responses"], replies[name], strict=False):
                # A message of the model holds 100 ms: five frames.
                sent = [at for at in response["sent"] for _ in range(5)]
                delays += [
                    (frame.arrived - at) * 1000 for frame, at in zip(frames, sent, strict=False)
                ]
        assert not wrong, wrong[:10]
        shown("end of speech to answer", answers)
        late = shown("added delay, from the model to the socket", delays)
        in_time(late < 20, f"added delay: p99 {late:.1f} ms")

    await best_of(trial, ATTEMPTS)


async def test_interruptions(serve: Serve, model: Callable[..., FakeModel]) -> None:
    """200 interruptions at random moments: silence within 200 ms, truncated at what was heard."""
    times = 5
    calls = max(1, CALLS * 4 // 5)
    fake = model("story")
    crowd = Crowd(serve(fake, ASSISTANT_SILENCE_MS=str(SILENCE_MS)), fake)

    async def trial() -> None:
        silences: list[float] = []
        heard: dict[str, list[float]] = {}

        async def caller(name: str, number: int, line: Line) -> None:
            chance = random.Random(number)  # noqa: S311 - no secret
            heard[name] = []
            line.say(word(chance))
            end = await line.said()
            for _ in range(times):
                first = await line.speaks(end)
                await asyncio.sleep(chance.uniform(0.3, 2.5))
                line.say(word(chance))
                onset = await line.begins()
                end = await line.said()
                await asyncio.sleep(0.1)
                last = line.between(first.at - 1, time.monotonic())[-1]
                silences.append((last.at + FRAME - onset) * 1000)
                # What is heard of an answer is heard from its first frame, sound or not.
                frames = line.between(line.answered_at(first), last.at + FRAME)
                heard[name].append(len(frames) * FRAME * 1000)
            await asyncio.sleep(0.2)

        errors: list[float] = []
        for name, journal in (await crowd.call(calls, caller)).items():
            truncated = [cut["ms"] for cut in journal["truncated"]]
            assert len(truncated) == times, f"{name}: {truncated}"
            errors += [abs(ms - own) for ms, own in zip(truncated, heard[name], strict=True)]
        assert len(silences) == calls * times
        late = shown("interruption to silence, as heard", silences)
        shown("truncation against what was heard", errors)
        assert max(silences) < 700, "an interruption was missed"
        in_time(late <= 200, f"interruption to silence: p99 {late:.1f} ms")
        in_time(max(errors) <= 20, f"truncation: {max(errors):.0f} ms off")

    await best_of(trial, ATTEMPTS)


async def test_noises(serve: Serve, model: Callable[..., FakeModel]) -> None:
    """100 coughs, clicks, breaths and "mm-hm": no answer, and no hole over 300 ms."""
    calls = max(2, CALLS // 5)
    times = 5
    fake = model("story")
    crowd = Crowd(serve(fake, ASSISTANT_SILENCE_MS=str(SILENCE_MS)), fake)
    told = b"".join(part.pcm for part in story(Turn(b"", "", "", 1)))  # type: ignore[union-attr]

    async def trial() -> None:
        holes: list[float] = []
        shifts: list[float] = []
        strange: list[str] = []

        async def caller(name: str, number: int, line: Line) -> None:
            chance = random.Random(number)  # noqa: S311 - no secret
            noise = np.random.default_rng(number)
            kinds = list(noises.KINDS.values())

            async def make(at: int) -> None:
                line.say(kinds[(number + at) % len(kinds)](RATE, noise))
                await line.said()
                await asyncio.sleep(SILENCE_MS / 1000 + chance.uniform(0.3, 0.8))

            for at in range(times):
                await make(at)
            assert not line.heard, "a noise was answered"
            line.say(word(chance))
            first = await line.speaks(await line.said())
            await asyncio.sleep(0.5)
            for at in range(times):
                await make(at)
            await asyncio.sleep(0.5)
            frames = line.between(line.answered_at(first), time.monotonic())
            told_until, ended = 0, 0.0
            for stretch in stretches(frames):
                heard = b"".join(frame.pcm for frame in stretch)
                # Where one is cut, a frame may be repeated or left out: the clocks' rounding.
                begins = [told_until + step * 960 for step in (0, -1, 1)]
                begin = next((at for at in begins if told[at : at + len(heard)] == heard), None)
                if begin is None:
                    strange.append(f"{name}: after {told_until // 960} frames it is another story")
                    break
                if told_until:
                    holes.append((stretch[0].at - ended - FRAME) * 1000)
                    shifts.append(abs(begin - told_until) / 960 * FRAME * 1000)
                told_until, ended = begin + len(heard), stretch[-1].at

        for name, journal in (await crowd.call(calls, caller)).items():
            assert len(journal["responses"]) == 1, f"{name}: a noise was answered"
            assert not journal["truncated"], f"{name}: a noise interrupted"
        print(f"noises: {calls * times * 2}")
        longest = shown("holes in what was resumed", holes) and max(holes)
        shown("repeated or left out at a hole", shifts)
        in_time(not strange, strange)
        in_time(longest <= 300, f"a hole of {longest:.0f} ms")

    await best_of(trial, ATTEMPTS)
