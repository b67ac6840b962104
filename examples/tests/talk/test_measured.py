"""What a caller notices, measured from what is sent and heard: many calls at once.

ASSISTANT_CALLS sets how many; the default is what CI runs. Each prints its figures.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from assistant.fake.manners import Turn, story
from assistant.formats import read_wav

from . import noises
from .line import FRAME, Heard, Line
from .model import FakeModel

pytestmark = pytest.mark.timeout(400)

CALLS = int(os.environ.get("ASSISTANT_CALLS", "50"))
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


async def all_of(calls: int, one: Callable[[int], Coroutine[Any, Any, None]]) -> None:
    """Let callers call, not all in the same moment."""

    async def later(number: int) -> None:
        await asyncio.sleep(number * 0.043)
        await one(number)

    async with asyncio.TaskGroup() as group:
        for number in range(calls):
            group.create_task(later(number))


def stretches(frames: list[Heard]) -> list[list[Heard]]:
    """Cut what was heard at its holes."""
    parts: list[list[Heard]] = []
    for frame in frames:
        if not parts or frame.at - parts[-1][-1].at > FRAME + 0.001:
            parts.append([])
        parts[-1].append(frame)
    return parts


async def test_talk(serve: Serve, model: Callable[..., FakeModel]) -> None:
    """2,000 turns: each is answered once, from its first word on, at once, without an error."""
    turns = 40
    fake = model("parrot")
    url = serve(fake, ASSISTANT_SILENCE_MS=str(SILENCE_MS), cores="0")
    wrong: list[str] = []
    delays: list[float] = []
    answers: list[float] = []
    replies: dict[str, list[list[Heard]]] = {}

    async def caller(number: int) -> None:
        chance = random.Random(number)  # noqa: S311 - no secret
        name = f"talk-{number}"
        replies[name] = []
        async with Line.call(url, name, RATE) as line:
            await asyncio.sleep(0.5)
            for turn in range(turns):
                said = word(chance)
                line.say(said)
                end = await line.said()
                first = await line.speaks(end)
                await line.quiet(0.3)
                heard = line.between(end, time.monotonic())
                sound = b"".join(frame.pcm for frame in heard)
                if sound.count(said) != 1:
                    wrong.append(f"{name}, turn {turn}: heard {sound.count(said)} times")
                answers.append((first.at - end) * 1000)
                replies[name].append(heard)
                line.heard.clear()

    await all_of(CALLS, caller)
    journals = await fake.journals(CALLS)
    for name, heard in replies.items():
        journal = journals[name]
        wrong += [f"{name}: {error}" for error in journal["errors"] + journal["invalid"]]
        if len(journal["responses"]) != turns or len(journal["turns"]) != turns:
            wrong.append(f"{name}: {len(journal['responses'])} responses")
        for response, frames in zip(journal["responses"], heard, strict=False):
            # A message holds 100 ms: five frames.
            delays += [
                (frame.arrived - response["sent"][at // 5]) * 1000
                for at, frame in enumerate(frames)
                if at // 5 < len(response["sent"])
            ]
    shown("end of speech to answer", answers)
    late = shown("added delay, model's audio to socket", delays)
    assert not wrong, wrong[:10]
    assert late < 20


async def test_interruptions(serve: Serve, model: Callable[..., FakeModel]) -> None:
    """200 interruptions at random moments: silence within 200 ms, truncated at what was heard."""
    times = 5
    calls = max(1, CALLS * 4 // 5)
    fake = model("story")
    url = serve(fake, ASSISTANT_SILENCE_MS=str(SILENCE_MS))
    silences: list[float] = []
    heard: dict[str, list[float]] = {}

    async def caller(number: int) -> None:
        chance = random.Random(number)  # noqa: S311 - no secret
        name = f"interruption-{number}"
        heard[name] = []
        async with Line.call(url, name, RATE) as line:
            await asyncio.sleep(0.5)
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

    await all_of(calls, caller)
    journals = await fake.journals(calls)
    errors: list[float] = []
    for name, lengths in heard.items():
        journal = journals[name]
        assert not journal["errors"] + journal["invalid"]
        assert len(journal["truncated"]) == times, journal["truncated"]
        errors += [
            abs(truncated["ms"] - length)
            for truncated, length in zip(journal["truncated"], lengths, strict=True)
        ]
    assert len(silences) == calls * times
    late = shown("interruption to silence, as heard", silences)
    shown("truncation against what was heard", errors)
    assert late <= 200
    assert max(silences) < 700, "an interruption was missed"
    assert max(errors) <= 20


async def test_noises(serve: Serve, model: Callable[..., FakeModel]) -> None:
    """100 coughs, clicks, breaths and "mm-hm": no answer, and no hole over 300 ms."""
    calls = max(2, CALLS // 5)
    fake = model("story")
    url = serve(fake, ASSISTANT_SILENCE_MS=str(SILENCE_MS))
    told = b"".join(part.pcm for part in story(Turn(b"", "", "", 1)))  # type: ignore[union-attr]
    holes: list[float] = []
    shifts: list[float] = []
    strange: list[str] = []
    made = 0

    async def caller(number: int) -> None:
        nonlocal made
        chance = random.Random(number)  # noqa: S311 - no secret
        noise = np.random.default_rng(number)
        kinds = list(noises.KINDS.values())
        name = f"noise-{number}"
        async with Line.call(url, name, RATE) as line:
            await asyncio.sleep(0.5)
            for at in range(5):
                line.say(kinds[(number + at) % 4](RATE, noise))
                made += 1
                await line.said()
                await asyncio.sleep(SILENCE_MS / 1000 + chance.uniform(0.3, 0.6))
            if line.heard:
                strange.append(f"{name}: a noise was answered")
            line.say(word(chance))
            end = await line.said()
            first = await line.speaks(end)
            for at in range(5):
                await asyncio.sleep(SILENCE_MS / 1000 + chance.uniform(0.4, 1.0))
                line.say(kinds[(number + at) % 4](RATE, noise))
                made += 1
                await line.said()
            await asyncio.sleep(1.0)
            now = time.monotonic()
            frames = line.between(line.answered_at(first), now)
        told_until, ended = 0, 0.0
        for stretch in stretches(frames):
            heard = b"".join(frame.pcm for frame in stretch)
            # Where one is cut, a frame may be repeated or left out: the clocks' rounding.
            begins = [told_until + step * 960 for step in (0, -1, 1)]
            begin = next((at for at in begins if told[at : at + len(heard)] == heard), None)
            if begin is None:
                strange.append(f"{name}: after {told_until // 960} frames the story is another")
                break
            shifts.append(abs(begin - told_until) / 960 * FRAME * 1000)
            told_until = begin + len(heard)
            if told_until != len(heard):
                holes.append((stretch[0].at - ended - FRAME) * 1000)
            ended = stretch[-1].at

    await all_of(calls, caller)
    journals = await fake.journals(calls)
    for name, journal in journals.items():
        assert not journal["errors"] + journal["invalid"], name
        assert len(journal["responses"]) == 1, f"{name}: a noise was answered"
        assert not journal["truncated"], f"{name}: a noise interrupted"
    print(f"noises: {made}")
    shown("holes in what was resumed", holes)
    shown("repeated or left out at a hole", shifts)
    assert made >= 100 or CALLS < 50
    assert not strange, strange
    assert max(holes) <= 300
