"""The bot: it greets, answers keys and words, lets itself be interrupted, and hands over."""

from __future__ import annotations

import re
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
from bot import handler
from echo_service.testing import FakeCall
from phone.legs.plan import CallPlan

from tests.attempts import best_of, in_time
from tests.handlers.hearing import Samples, listen
from tools.processes import ProcessStack

RATE = 16000
HERE = Path(__file__).parent
SOUNDS = HERE.parent / "bot" / "sounds"
FRAME = 0.02
"""Seconds: what is heard is cut into frames, whose beginnings are not the key's moment."""
Start = Callable[..., ProcessStack]
Caller = Callable[..., Path]


def bot(start: Start) -> ProcessStack:
    """Start the stack with the bot."""
    handover = str(HERE.parent / "bot" / "handover.json")
    return start("bot.handler:bot", {"NCCO_AFTER_FILE": handover, "NCCO_FALLBACK_FILE": handover})


def samples(name: str) -> Samples:
    """The samples of one of the bot's sounds."""
    with wave.open(str(SOUNDS / f"{name}.wav"), "rb") as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.int16)


async def test_it_greets_and_answers_a_key(start: Start, caller: Caller) -> None:
    """Whoever listens hears the greeting whole; a key gets its answer."""
    stack = bot(start)
    audio = caller(12.0)

    async def trial() -> None:
        heard = await listen(CallPlan(stack.answer_url, audio=audio, dtmf="1@8", expect="audio"))
        assert heard.report.ok, heard.report.problems
        greeting, hours = heard.second_of(samples("greeting")), heard.second_of(samples("hours"))
        in_time(greeting is not None and -0.5 < greeting < 0.5, greeting)
        in_time(hours is not None and 8 - FRAME <= hours < 8.5, hours)

    await best_of(trial)


async def test_it_understands_and_stops_talking(start: Start, caller: Caller) -> None:
    """Spoken words interrupt the greeting within 300 ms, `clear` within 100 ms; then it answers."""
    stack = bot(start)
    audio = caller(2.0, "hours", 5.0)
    loud = np.flatnonzero(np.abs(samples_of_caller("hours")) > 1000)
    first_word = 2.0 + float(loud[0]) / RATE

    async def trial() -> None:
        heard = await listen(CallPlan(stack.answer_url, audio=audio))
        assert heard.second_of(samples("greeting")) is None
        begun = heard.second_of(samples("greeting")[: round(1.5 * RATE)])
        in_time(begun is not None, "the greeting is heard with gaps")
        took = heard.clears[0] - first_word
        assert took > 0
        # 20 ms pass until a frame is there; the rest is what the detector and the way take.
        in_time(took < 0.1 + 0.02 + 0.03, took)
        in_time(not heard.between(first_word + 0.3, first_word + 1).any(), "still heard")
        answer = heard.second_of(samples("hours"))
        in_time(answer is not None and answer > first_word + 1, answer)

    await best_of(trial)
    assert re.search(r'\bwish="?opening hours', stack.logs("echo-service"))


async def test_it_hands_over(start: Start, caller: Caller) -> None:
    """Asked for an operator it says so, ends its part, and ncco-service's document goes on."""
    stack = bot(start)
    plan = CallPlan(stack.answer_url, audio=caller(1.0, "operator", 8.0), expect="audio")
    heard = await listen(plan)
    (socket,) = heard.report.sockets
    assert (socket.trace.ended_by, socket.trace.close_code) == ("application", 1000)
    moment = heard.second_of(samples("moment"))
    assert moment is not None
    assert moment > 1
    assert "You are being connected to a colleague." in heard.report.spoken
    warned = "\n".join(problem.seen for problem in heard.report.warnings)
    assert "447700900789 rang, but no subscriber has that number" in warned


def samples_of_caller(name: str) -> Samples:
    """The samples of a caller's sound."""
    with wave.open(str(HERE / "sounds" / f"{name}.wav"), "rb") as file:
        return np.frombuffer(file.readframes(file.getnframes()), "<i2").astype(np.int32)


def test_it_can_be_tested_without_a_server() -> None:
    """The same, in a moment, on a call that is acted out."""
    call = FakeCall()
    call.wait(1)
    call.press("9")
    call.wait(2)
    call.press("1")
    call.wait(4)
    call.run(handler.bot)
    assert call.notes == {"wish": "opening hours"}
    assert [text for _, text in call.sent] == [{"action": "clear"}]
    assert samples("greeting")[:RATE].tobytes() in call.heard
    assert samples("pardon").tobytes() in call.heard
    assert samples("hours").tobytes() in call.heard
    assert call.hung_up is None
