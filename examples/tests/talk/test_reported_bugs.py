"""Calls in which the model misbehaves, or which others' bridges are reported to get wrong.

What is reported, and the tests of it here, where no other file is named:

1. The model is truncated beyond what it has sent: each_item_is_truncated_at_its_own_position,
   the_way_to_the_platform_does_not_matter; test_position, test_playout.
2. It takes for heard what was not: truncated_at_what_was_heard,
   what_was_not_heard_at_all_is_deleted.
3. It talks on: what_is_still_buffered_is_stopped; test_measured.
4. It speaks twice: a_server_that_answers_by_itself_is_heard_once,
   functions_are_answered_by_one_response.
5. A response is asked for while one is active: a_rude_model_is_not_heard; test_turns.
6. Its own echo or a noise interrupts it: its_own_echo_does_not_interrupt_it; test_measured.
7. First words are lost: the_first_words_are_not_lost (the caller's),
   the_goodbye_is_heard_before_the_call_ends (its own).
8. It greets again: other_settings. It says again what was truncated needlessly:
   nothing_is_truncated_needlessly.

All calls are made at once, against one service; each test then looks at one of them.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from assistant.fake.manners import ANSWERS, Turn
from assistant.fake.responses import FIRST_ITEM_MS
from assistant.formats import read_wav

from tools.processes import ProcessStack

from . import noises
from .line import FRAME, Heard, Line
from .model import FakeModel

RATE = 24000
SOUNDS = Path(__file__).parent / "sounds"
SILENCE_MS = "240"


def word(name: str = "what", rate: int = RATE) -> bytes:
    """A word in whole frames."""
    pcm = read_wav(SOUNDS / f"{name}.wav", rate)
    return pcm + bytes(-len(pcm) % (rate // 50 * 2))


@dataclass
class Outcome:
    """What became of a call."""

    line: Line
    journal: dict[str, Any] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)

    @property
    def sound(self) -> bytes:
        """All that was heard."""
        return b"".join(frame.pcm for frame in self.line.heard)

    def clean(self) -> None:
        """Check that no message was wrong."""
        assert not self.journal["errors"] + self.journal["invalid"]


Scene = Callable[[Line, dict[str, Any]], Awaitable[None]]
SCENES: dict[str, tuple[Scene, dict[str, Any]]] = {}


def scene(manner: str, **line: Any) -> Callable[[Scene], Scene]:
    """Have a call made with a model of this manner, under the name of what is done in it."""

    def noted(done: Scene) -> Scene:
        SCENES[f"{manner}-{done.__name__}"] = (done, line)
        return done

    return noted


async def ask(line: Line, name: str = "what") -> Heard:
    """Say a word, and wait for the first sound of the answer."""
    line.say(word(name, line.rate))
    end = await line.said()
    return await line.speaks(end)


async def interrupt(line: Line, first: Heard, facts: dict[str, Any]) -> None:
    """Say a word, and note what was heard of the answer that it interrupts."""
    line.say(word("wait", line.rate))
    facts["onset"] = await line.begins()
    await line.said()
    await asyncio.sleep(0.1)
    frames = line.between(line.answered_at(first), time.monotonic())
    facts["heard_ms"] = len(frames) * 20
    facts["silent"] = frames[-1].at + FRAME


# What is done in the calls


@scene("story.late")
async def late(line: Line, facts: dict[str, Any]) -> None:
    """Interrupt a story of a model that goes on sending."""
    first = await ask(line)
    await asyncio.sleep(1.0)
    await interrupt(line, first, facts)
    facts["before"] = len(line.heard)
    await asyncio.sleep(0.15)
    facts["after"] = len(line.heard)


@scene("story.items")
async def in_the_first_of_two_items(line: Line, facts: dict[str, Any]) -> None:
    """Interrupt the first of two items."""
    first = await ask(line)
    await asyncio.sleep(0.4)
    await interrupt(line, first, facts)


@scene("polite.items")
async def in_the_second_of_two_items(line: Line, facts: dict[str, Any]) -> None:
    """Interrupt the second of two items."""
    first = await ask(line)
    await asyncio.sleep(1.6)
    await interrupt(line, first, facts)


@scene("polite")
async def when_the_response_is_done(line: Line, facts: dict[str, Any]) -> None:
    """Interrupt what is only buffered."""
    first = await ask(line)
    await asyncio.sleep(1.6)
    await interrupt(line, first, facts)


@scene("polite")
async def when_all_was_heard(line: Line, facts: dict[str, Any]) -> None:
    """Ask, listen to the end, ask again."""
    await ask(line)
    await line.quiet(0.3)
    await ask(line)
    await line.quiet(0.3)


@scene("story", echo=0.25)
async def echo(line: Line, facts: dict[str, Any]) -> None:
    """Listen on a loudspeaker."""
    await ask(line)
    await asyncio.sleep(4.0)


@scene("parrot.auto")
async def answered_by_itself(line: Line, facts: dict[str, Any]) -> None:
    """Ask three times."""
    for _ in range(3):
        await ask(line)
        await line.quiet(0.3)


@scene("parrot.rude")
async def rude(line: Line, facts: dict[str, Any]) -> None:
    """Say three words without a pause."""
    line.say(word() + word("no") + word("wait"))
    begun = await line.begins()
    end = await line.said()
    facts["meanwhile"] = len(line.between(begun, end + 0.2))
    await line.speaks(end)
    await line.quiet(0.3)


@scene("parrot.garbage")
async def garbage(line: Line, facts: dict[str, Any]) -> None:
    """Ask twice."""
    await ask(line)
    await line.quiet(0.3)
    await ask(line, "no")
    await line.quiet(0.3)


@scene("polite.hour")
async def hour(line: Line, facts: dict[str, Any]) -> None:
    """Interrupt after some seconds."""
    first = await ask(line)
    await asyncio.sleep(5.0)
    await interrupt(line, first, facts)


@scene("goodbye")
async def goodbye(line: Line, facts: dict[str, Any]) -> None:
    """Listen until the call is ended."""
    await ask(line)
    async with asyncio.timeout(60):
        while line.closed is None:  # noqa: ASYNC110 - set by another task
            await asyncio.sleep(0.02)
    facts["closed_at"] = time.monotonic()


@scene("goodbye")
async def goodbye_taken_back(line: Line, facts: dict[str, Any]) -> None:
    """Interrupt the goodbye."""
    first = await ask(line)
    await asyncio.sleep(0.5)
    await interrupt(line, first, facts)
    facts["open"] = line.closed is None


@scene("polite")
async def keys(line: Line, facts: dict[str, Any]) -> None:
    """Press three keys."""
    for digit in "12#":
        await line.press(digit)
    pressed = time.monotonic()
    await line.speaks(pressed)
    await line.quiet(0.5)


@scene("functions")
async def functions(line: Line, facts: dict[str, Any]) -> None:
    """Ask what needs two functions."""
    await ask(line)
    await line.quiet(1.0)


@scene("parrot.tardy")
async def first_words(line: Line, facts: dict[str, Any]) -> None:
    """Speak at once."""
    await ask(line)
    await line.quiet(0.3)


@scene("parrot", rate=8000)
async def eight_khz(line: Line, facts: dict[str, Any]) -> None:
    """Ask."""
    await ask(line)
    await line.quiet(0.3)


@scene("parrot", rate=16000)
async def sixteen_khz(line: Line, facts: dict[str, Any]) -> None:
    """Ask."""
    await ask(line)
    await line.quiet(0.3)


@scene("story", way=0.08)
async def far_away(line: Line, facts: dict[str, Any]) -> None:
    """Interrupt over a long way."""
    first = await ask(line)
    await asyncio.sleep(1.3)
    await interrupt(line, first, facts)


async def apology(line: Line, facts: dict[str, Any]) -> None:
    """Speak, and listen until the call is ended."""
    line.say(word())
    async with asyncio.timeout(60):
        while line.closed is None:  # noqa: ASYNC110 - set by another task
            await asyncio.sleep(0.02)


for fault in ("fail", "expire", "vanish", "full"):
    SCENES[f"polite.{fault}-apology"] = (apology, {})


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Outcome]:
    """Make all calls at once; what became of each, by its name, and the service's log under ""."""
    apology_file = SOUNDS / "okay.wav"
    fake = FakeModel("--by-call", "--delay", "0.05")
    settings = {
        "AUDIO_HANDLER": "assistant.handler:assistant",
        "PYTHONPATH": f"{SOUNDS.parents[2]}:{SOUNDS.parents[1]}",
        "REALTIME_URL": fake.url,
        "REALTIME_API_KEY": "sk-secret",
        "ASSISTANT_SILENCE_MS": SILENCE_MS,
        "ASSISTANT_APOLOGY_FILE": str(apology_file),
        "ASSISTANT_TOOLS": "talk.functions:add,talk.functions:fail",
        "ASSISTANT_BUFFER_SECONDS": "25",
        "LOG_LEVEL": "debug",
    }
    calls: dict[str, Outcome] = {}

    async def one(number: int, name: str, url: str) -> None:
        done, line_settings = SCENES[name]
        await asyncio.sleep(number * 0.1)
        async with Line.call(url, name, **line_settings) as line:
            calls[name] = Outcome(line)
            await asyncio.sleep(0.0 if "tardy" in name else 0.4)
            try:
                await done(line, calls[name].facts)
            except TimeoutError as error:
                calls[name].facts["late"] = error

    async def everything(stack: ProcessStack) -> None:
        async with asyncio.TaskGroup() as group:
            for number, name in enumerate(SCENES):
                group.create_task(one(number, name, stack.socket_url))
        for name, journal in (await fake.journals(SCENES)).items():
            calls[name].journal = journal

    try:
        with ProcessStack({"echo-service": settings}) as stack:
            stack.wait_ready()
            asyncio.run(everything(stack))
            status = Path(f"/proc/{stack.pid('echo-service')}/status").read_text()
            log = stack.logs("echo-service")
    finally:
        fake.close()
    shared = Outcome(next(iter(calls.values())).line)
    shared.facts = {"log": log, "peak": int(status.partition("VmHWM:")[2].split()[0])}
    return calls | {"": shared}


def test_truncated_at_what_was_heard(outcomes: dict[str, Outcome]) -> None:
    """Not too far, not at what was sent; late audio of the cancelled response is not heard."""
    call = outcomes["story.late-late"]
    call.clean()
    (truncated,) = call.journal["truncated"]
    assert abs(truncated["ms"] - call.facts["heard_ms"]) <= 20
    assert truncated["length"] > truncated["ms"] + 1000
    assert call.facts["before"] == call.facts["after"]
    assert call.facts["silent"] - call.facts["onset"] < 0.25


def test_each_item_is_truncated_at_its_own_position(outcomes: dict[str, Outcome]) -> None:
    """The clock begins anew for each; what was heard whole is not touched."""
    call = outcomes["polite.items-in_the_second_of_two_items"]
    call.clean()
    (truncated,) = call.journal["truncated"]
    assert abs(truncated["ms"] - (call.facts["heard_ms"] - FIRST_ITEM_MS)) <= 20


def test_what_was_not_heard_at_all_is_deleted(outcomes: dict[str, Outcome]) -> None:
    """An item that comes while the first is heard; the first is truncated."""
    call = outcomes["story.items-in_the_first_of_two_items"]
    call.clean()
    (truncated,) = call.journal["truncated"]
    assert abs(truncated["ms"] - call.facts["heard_ms"]) <= 20
    assert len(call.journal["deleted"]) == 1


def test_what_is_still_buffered_is_stopped(outcomes: dict[str, Outcome]) -> None:
    """The response is done, the caller still hears it: silence and truncation, and no cancel."""
    call = outcomes["polite-when_the_response_is_done"]
    call.clean()
    assert call.journal["cancelled"] == []
    (truncated,) = call.journal["truncated"]
    assert abs(truncated["ms"] - call.facts["heard_ms"]) <= 20
    assert call.facts["silent"] - call.facts["onset"] < 0.25


def test_nothing_is_truncated_needlessly(outcomes: dict[str, Outcome]) -> None:
    """What was heard to its end is left alone, or the model would say it again."""
    call = outcomes["polite-when_all_was_heard"]
    call.clean()
    assert call.journal["truncated"] == call.journal["deleted"] == call.journal["cancelled"] == []
    assert call.line.clears == []
    assert len(call.journal["responses"]) == 2


def test_its_own_echo_does_not_interrupt_it(outcomes: dict[str, Outcome]) -> None:
    """12 dB weaker, 160 ms late: it goes on, and answers nobody."""
    call = outcomes["story-echo"]
    call.clean()
    assert len(call.journal["responses"]) == 1
    assert call.journal["truncated"] == []
    told = ANSWERS["story"](Turn(b"", "", "", 1))[0].pcm  # type: ignore[union-attr]
    assert call.sound == told[: len(call.sound)]


def test_a_server_that_answers_by_itself_is_heard_once(outcomes: dict[str, Outcome]) -> None:
    """No double speaking, though two responses were created for a turn, or one was refused."""
    call = outcomes["parrot.auto-answered_by_itself"]
    assert call.sound.count(word()) == 3


def test_a_rude_model_is_not_heard(outcomes: dict[str, Outcome]) -> None:
    """While the caller speaks it is silent; then it answers."""
    call = outcomes["parrot.rude-rude"]
    assert call.facts["meanwhile"] == 0
    assert call.sound.count(word()) == 1


def test_strange_messages_do_no_harm(outcomes: dict[str, Outcome]) -> None:
    """Each turn is answered; the log says what was strange."""
    call = outcomes["parrot.garbage-garbage"]
    call.clean()
    assert (call.sound.count(word()), call.sound.count(word("no"))) == (1, 1)
    assert len(call.journal["responses"]) == 2
    assert "model_message_strange" in outcomes[""].facts["log"]


def test_an_hour_at_once_costs_bounded_memory(outcomes: dict[str, Outcome]) -> None:
    """172 MB of audio would come; a few MB are kept; it can be interrupted."""
    call = outcomes["polite.hour-hour"]
    assert not call.journal["invalid"]
    assert call.facts["silent"] - call.facts["onset"] < 0.5
    assert outcomes[""].facts["peak"] < 160_000
    assert "model_response_cut" in outcomes[""].facts["log"]


def test_the_goodbye_is_heard_before_the_call_ends(outcomes: dict[str, Outcome]) -> None:
    """All of it; then the application closes."""
    call = outcomes["goodbye-goodbye"]
    call.clean()
    assert call.line.closed == 1000
    said = ANSWERS["goodbye"](Turn(b"", "", "", 1))[0].pcm  # type: ignore[union-attr]
    assert call.sound.startswith(said)
    assert 0 <= call.facts["closed_at"] - (call.line.heard[-1].at + FRAME) < 1
    assert call.facts["closed_at"] > call.line.heard[-1].at


def test_a_goodbye_can_be_interrupted(outcomes: dict[str, Outcome]) -> None:
    """The caller has something to add: the call goes on."""
    assert outcomes["goodbye-goodbye_taken_back"].facts["open"]


def test_keys_reach_the_model_as_text(outcomes: dict[str, Outcome]) -> None:
    """Together, and are answered once."""
    call = outcomes["polite-keys"]
    call.clean()
    assert call.journal["texts"] == ["[The caller pressed the keys 12#]"]
    assert len(call.journal["responses"]) == 1


def test_functions_are_answered_by_one_response(outcomes: dict[str, Outcome]) -> None:
    """Two were called in one response that also spoke; an error is told to the model."""
    call = outcomes["functions-functions"]
    call.clean()
    assert sorted(call.journal["texts"]) == ["5", '{"error": "RuntimeError: as it should"}']
    assert len(call.journal["responses"]) == 2
    assert "RuntimeError" in outcomes[""].facts["log"]


def test_the_first_words_are_not_lost(outcomes: dict[str, Outcome]) -> None:
    """The caller speaks before the model is reached."""
    call = outcomes["parrot.tardy-first_words"]
    call.clean()
    assert call.sound.count(word()) == 1


@pytest.mark.parametrize("name", ["parrot-eight_khz", "parrot-sixteen_khz"])
def test_other_rates_sound_the_same(outcomes: dict[str, Outcome], name: str) -> None:
    """The word comes back once, as it was said, from its beginning to its end."""
    call = outcomes[name]
    call.clean()
    said = np.frombuffer(word("what", call.line.rate), "<i2").astype(float)
    sound = np.frombuffer(call.sound, "<i2").astype(float)
    alike = np.correlate(sound, said)
    at = int(alike.argmax())
    part = sound[at : at + len(said)]
    assert np.corrcoef(part, said)[0, 1] > 0.97
    rest = np.concatenate((sound[:at], sound[at + len(said) :]))
    assert np.abs(rest).max() < np.abs(said).max() / 4


def test_the_way_to_the_platform_does_not_matter(outcomes: dict[str, Outcome]) -> None:
    """80 ms there and 80 ms back: truncated at what was heard all the same."""
    call = outcomes["story-far_away"]
    call.clean()
    (truncated,) = call.journal["truncated"]
    assert abs(truncated["ms"] - call.facts["heard_ms"]) <= 20


@pytest.mark.parametrize(
    ("fault", "cause"),
    [("fail", "limit"), ("expire", "session ended"), ("vanish", "down"), ("full", "limit")],
)
def test_a_failure_is_told(outcomes: dict[str, Outcome], fault: str, cause: str) -> None:
    """To the caller by a sound, to the log with its cause; then the call goes to the fallback."""
    call = outcomes[f"polite.{fault}-apology"]
    assert call.line.closed == 1000
    assert call.sound.endswith(word("okay"))
    lines = [line for line in outcomes[""].facts["log"].splitlines() if "model_failed" in line]
    (line,) = [line for line in lines if f"polite.{fault}-" in line]
    assert cause in line


def test_no_key_is_logged(outcomes: dict[str, Outcome]) -> None:
    """Not even where everything is."""
    assert "sk-secret" not in outcomes[""].facts["log"]


def test_each_turn_is_logged_without_its_words(outcomes: dict[str, Outcome]) -> None:
    """With its figures."""
    turns = [line for line in outcomes[""].facts["log"].splitlines() if " turn " in line]
    assert any("outcome=answered" in line and "response_seconds=" in line for line in turns)
    assert any("outcome=interrupted" in line and "truncated_ms=" in line for line in turns)
    assert not any("something was said" in line for line in turns)


def test_other_settings(model: Callable[..., FakeModel], serve: Callable[..., str]) -> None:
    """Turns by the local detector, no marks, and a greeting that the model says.

    It says it once, though the server sends `session.updated` again.
    """
    greeting = SOUNDS.parent / "greeting.txt"
    fake = model("parrot", "--fault", "garbage")
    url = serve(
        fake,
        ASSISTANT_TURN_DETECTION="local",
        ASSISTANT_SILENCE_MS=SILENCE_MS,
        ASSISTANT_GREETING_FILE=str(greeting),
        ASSISTANT_MARK_FRAMES="0",
    )

    async def caller() -> Line:
        async with Line.call(url, "local", RATE) as line:
            first = await line.speaks(0)
            await line.quiet(0.4)
            assert first.at < line.heard[0].at + 1
            line.say(noises.cough(RATE, np.random.default_rng(3)))
            await line.said()
            await asyncio.sleep(0.6)
            await ask(line)
            await line.quiet(0.4)
            return line

    line = asyncio.run(caller())
    journal = asyncio.run(fake.journals(["local"]))["local"]
    assert not journal["errors"] + journal["invalid"]
    assert len(journal["responses"]) == 2
    assert len(journal["turns"]) == 1
    assert b"".join(frame.pcm for frame in line.heard).count(word()) == 1


def test_the_model_may_tell_who_speaks(
    model: Callable[..., FakeModel], serve: Callable[..., str]
) -> None:
    """Interruptions by the server's detector: silent once it says so, truncated as exactly."""
    fake = model("story")
    url = serve(fake, ASSISTANT_BARGE_IN="model", ASSISTANT_SILENCE_MS=SILENCE_MS)
    facts: dict[str, Any] = {}

    async def caller() -> None:
        async with Line.call(url, "model", RATE) as line:
            await asyncio.sleep(0.4)
            first = await ask(line)
            await asyncio.sleep(1.0)
            await interrupt(line, first, facts)

    asyncio.run(caller())
    journal = asyncio.run(fake.journals(["model"]))["model"]
    assert not journal["errors"] + journal["invalid"]
    assert abs(journal["truncated"][0]["ms"] - facts["heard_ms"]) <= 20
    assert facts["silent"] - facts["onset"] < 0.3
