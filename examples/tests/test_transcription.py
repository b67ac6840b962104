"""The caller's words are written down while the call goes on."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import cast

import pytest
from echo_service.handlers import AudioCall
from transcription.handler import words_of

from tests.placing import place
from tests.waiting import until
from tools.processes import ProcessStack

WORST = 0.25
"""The share of words that may be wrong: Whisper tiny.en gets 1 or 2 of these 59 wrong."""


def normal(text: str) -> list[str]:
    """The words of a text, without case and marks."""
    return re.sub(r"[^a-z0-9' ]", " ", text.lower()).split()


def errors(said: list[str], written: list[str]) -> int:
    """How many words have to be put in, taken out or changed: Levenshtein's distance."""
    row = list(range(len(written) + 1))
    for number, word in enumerate(said, 1):
        left, row[0] = row[0], number
        for place_, other in enumerate(written, 1):
            left, row[place_] = (
                row[place_],
                min(row[place_] + 1, row[place_ - 1] + 1, left + (word != other)),
            )
    return row[-1]


def written_in(log: str) -> list[tuple[float, str]]:
    """What the log has of `said`: the second of the call, and the words."""
    lines = re.findall(r'\bsaid\b.*\bat=(\S+) words=("(?:[^"\\]|\\.)*"|\S+)', log)
    return [(float(at), json.loads(w) if w.startswith('"') else w) for at, w in lines]


def test_words_are_written_down(
    start: Callable[..., ProcessStack],
    caller: Callable[..., Path],
    sentences: list[str],
) -> None:
    """Of several sentences, each ends up in the log, soon, with few wrong words."""
    stack = start("transcription.handler:transcribe", AUDIO_QUEUE_FRAMES="500")
    parts = [part for n in range(1, len(sentences) + 1) for part in (f"sentence-{n}", 1.0)]
    (outcome,) = place(
        stack, "--audio", str(caller(0.5, *parts, 2.0)), "--expect", "any", "--strict"
    )
    assert outcome.status == 0, outcome.words
    log = stack.logs("echo-service")
    written = written_in(log)
    assert len(written) >= len(sentences) - 1, written
    said = normal(" ".join(sentences))
    wrong = errors(said, normal(" ".join(words for _, words in written)))
    print(f"{wrong} of {len(said)} words wrong: {wrong / len(said):.1%}")
    assert wrong / len(said) <= WORST, written
    # As they come: the first words are there long before the call is over.
    first = log.index(" said ")
    assert first < log.index("call_ended")
    assert written[0][0] < 15, "the call lasts twice as long"
    assert "dropped_frames=0" in log


def test_the_phones_own_sample_is_understood(start: Callable[..., ProcessStack]) -> None:
    """The speech that `phone` says by default is written down word for word."""
    stack = start("transcription.handler:transcribe", AUDIO_QUEUE_FRAMES="500")
    (outcome,) = place(stack, "--seconds", "9", "--expect", "any")
    assert outcome.status == 0, outcome.words
    until(lambda: bool(written_in(stack.logs("echo-service"))), "words in the log")
    words = " ".join(words for _, words in written_in(stack.logs("echo-service")))
    assert "hear this sentence a moment after you send it" in words.lower()


class Failing:
    """A call whose audio fails."""

    rate = 16000

    async def __aiter__(self) -> AsyncIterator[tuple[float, bytes]]:
        """Yield one frame, and fail."""
        yield 0.0, bytes(640)
        raise RuntimeError("the call failed")


async def test_a_failure_ends_the_words() -> None:
    """What goes wrong while the call is heard comes out; nothing waits for words any more."""
    words = words_of(cast(AudioCall, Failing()))
    with pytest.raises(RuntimeError, match="the call failed"):
        await asyncio.wait_for(anext(words), 60)
