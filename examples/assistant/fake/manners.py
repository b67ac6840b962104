"""Manners of the fake model: what it answers, and what it does badly. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from .voice import RATE, say

__all__ = ["ANSWERS", "FAULTS", "Call", "Manner", "Said", "Speech", "Turn"]

FAULTS = {
    "auto": "creates responses by itself, though told not to",
    "rude": "begins to speak while the caller does",
    "late": "sends more audio of a response that was cancelled",
    "items": "speaks in two items",
    "garbage": "sends what is no message of the protocol, and session.updated again",
    "hour": "sends an hour of audio at once",
    "fail": "fails to respond: its account's limit is reached",
    "expire": "ends the session after the first response, as after 60 minutes",
    "vanish": "drops the connection after the first response",
    "deaf": "stops reading after the session was set up",
    "full": "refuses the session: too many",
    "tardy": "takes a second to accept the connection",
}
"""What it can do badly, by name."""


@dataclass(frozen=True)
class Turn:
    """What the model is to answer.

    Args:
        audio: of the caller, as PCM of 24 kHz; empty where there is none.
        text: the last message in writing, or the instructions of the response.
        output: of the last function, "" if there was none.
        number: of the response in its session, from 1.

    """

    audio: bytes
    text: str
    output: str
    number: int


@dataclass(frozen=True)
class Speech:
    """Something to say: PCM of 24 kHz, and its words."""

    pcm: bytes
    words: str


@dataclass(frozen=True)
class Call:
    """A function to call, with JSON arguments."""

    name: str
    arguments: str = "{}"


Said = Speech | Call


def _speak(words: str) -> Speech:
    return Speech(say(words), words)


def polite(turn: Turn) -> Sequence[Said]:
    """Tell what was heard."""
    if turn.output:
        return [_speak(f"The answer is {turn.output[:200]}.")]
    if turn.text:
        return [_speak(turn.text.rpartition("words: ")[2].strip("[]"))]
    return [_speak(f"I heard you speak for {len(turn.audio) / 2 / RATE:.1f} seconds.")]


def parrot(turn: Turn) -> Sequence[Said]:
    """Say back what was heard."""
    return [Speech(turn.audio or say(turn.text or "Hello."), turn.text)]


def story(turn: Turn) -> Sequence[Said]:
    """Go on and on."""
    sentences = [f"And this is sentence number {number} of my story." for number in range(1, 16)]
    return [Speech(b"".join(map(say, sentences)), " ".join(sentences))]


def goodbye(turn: Turn) -> Sequence[Said]:
    """Say goodbye, and hang up."""
    return [_speak("Thank you for calling. Goodbye."), Call("hang_up")]


def functions(turn: Turn) -> Sequence[Said]:
    """Call two functions at once, then tell what the last of them gave."""
    if turn.output:
        return [_speak(f"The answer is {turn.output[:100]}.")]
    return [_speak("One moment."), Call("add", '{"a": 2, "b": 3}'), Call("fail", "{}")]


ANSWERS: dict[str, Callable[[Turn], Sequence[Said]]] = {
    "polite": polite,
    "parrot": parrot,
    "story": story,
    "goodbye": goodbye,
    "functions": functions,
}
"""What it answers, by name."""


@dataclass(frozen=True)
class Manner:
    """How it behaves.

    Args:
        answer: what it says.
        delay: seconds until a response begins.
        speed: how much faster than real time its audio comes.
        faults: some of `FAULTS`.
        key: that a client must have; "" takes any.

    """

    answer: Callable[[Turn], Sequence[Said]] = polite
    delay: float = 0.0
    speed: float = 5.0
    faults: frozenset[str] = field(default_factory=frozenset)
    key: str = ""

    def of_call(self, call: str) -> Manner:
        """Return the manner that a call's id asks for: `story.late.items-1`, in tests."""
        answer, *faults = call.partition("-")[0].split(".")
        return replace(self, answer=ANSWERS[answer], faults=frozenset(faults))
