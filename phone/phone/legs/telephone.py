"""A telephone on the network: talks, presses keys, listens and hangs up."""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol, runtime_checkable

import numpy as np

from phone.audio.files import Voice, load
from phone.audio.recognition import Match, is_loud, recognise
from phone.audio.tape import LONGEST_SECONDS, Tape
from phone.audio.tones import beep
from phone.constants import FRAME_SECONDS, PLATFORM_RATE
from phone.legs.keys import Key, parse_keys
from phone.legs.log import CallLog

__all__ = ["Callee", "Rung", "Takes", "Telephone"]

BEEP = "beep"
GREETING_SECONDS = 2.0  # of a machine that has no greeting of its own
Takes = Literal["answer", "busy", "reject", "no-answer", "machine"]


@dataclass(frozen=True)
class Callee:
    """How a subscriber takes calls.

    Args:
        takes: answers, is busy, rejects, lets it ring, or leaves it to an answering machine, which
            says its greeting (`say`), beeps, and listens.
        answer_after: seconds of ringing before any of these.
        say: an audio file, or "speech", "tone"; None: nothing.
        keys: pressed once answered: "12#" one after the other, "1@0.5" at that second.
        hang_up_after: seconds after the answer; None: stays.
        keep: where what was heard is written as WAV at the end.
        say_after: seconds from the answer until it says what it says.

    """

    takes: Takes = "answer"
    answer_after: float = 0.5
    say: str | Path | None = None
    keys: str = ""
    hang_up_after: float | None = None
    keep: Path | None = None
    say_after: float = 0.0


@runtime_checkable
class Rung(Protocol):
    """A telephone in somebody's hand, who decides at each call whether to take it."""

    async def ring(self, caller: str, conversation: str) -> Takes:
        """Ring until somebody decides; cancelled when the caller gives up.

        Args:
            caller: who calls.
            conversation: the call's `conversation_uuid`.

        """


@dataclass(eq=False)
class Telephone:
    """Takes part in a conversation.

    Args:
        number: its own.
        tape: what it has heard, and `keys_heard` the keys.
        over: set when its owner hangs up.
        answered: set when it is connected.
        behaves: what a caller's owner does once they are answered.
        ended: set when nothing more will happen in its call.
        keep: where what it has heard is written in the end.
        log: takes what happens in the call that it is called by; None: nobody wants it.

    """

    number: str
    tape: Tape = field(default_factory=Tape)
    behaves: Callee = field(default_factory=Callee)
    keep: Path | None = None
    log: CallLog | None = None
    keys_heard: list[str] = field(default_factory=list)
    over: asyncio.Event = field(default_factory=asyncio.Event)
    answered: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    quiet: asyncio.Event = field(default_factory=asyncio.Event)
    beeped: asyncio.Event = field(default_factory=asyncio.Event)
    rate: None = field(default=None, init=False)
    _sounds: deque[Voice] = field(default_factory=deque)
    _frames: dict[int, list[bytes]] = field(default_factory=dict)
    _place: int = 0
    _ticks: int = 0
    _keys: deque[Key] = field(default_factory=deque)
    _hang_up_at: float | None = None

    def __post_init__(self) -> None:
        self.quiet.set()
        if self.keep is not None:
            self.tape = Tape(LONGEST_SECONDS)

    def answer(self, callee: Callee) -> None:
        """Do what the callee does once connected."""
        if callee.takes == "machine":
            if callee.say is None:
                self._put(_silence(GREETING_SECONDS))
            else:
                self.say(callee.say)
            self._put(Voice(beep(PLATFORM_RATE), PLATFORM_RATE, BEEP))
        elif callee.say is not None:
            if callee.say_after:
                self._put(_silence(callee.say_after))
            self.say(callee.say)
        seconds = callee.hang_up_after or len(callee.keys) + 1.0
        self._keys.extend(sorted(parse_keys(callee.keys, seconds), key=lambda key: key.at))
        self._hang_up_at = callee.hang_up_after
        self.answered.set()

    def say(self, source: str | Path) -> None:
        """Say something after what is being said.

        Raises:
            AudioError: there is no such sound.

        """
        self._put(load(source, PLATFORM_RATE))

    def press(self, keys: str) -> None:
        """Press keys, one with each frame.

        Raises:
            ValueError: something that is no key.

        """
        now = self._ticks * FRAME_SECONDS
        self._keys.extend(Key(key.digit, now) for key in parse_keys(keys, 1.0))

    def hang_up(self) -> None:
        """Hang up."""
        self.over.set()

    def hears(self, source: str | Path | None = None) -> Match:
        """Return how much of a sound has been heard until now; None: any sound at all."""
        heard = self.tape.samples()
        if source is None:
            return Match(float(is_loud(heard)), 0.0, float(is_loud(heard)))
        return recognise(load(source, PLATFORM_RATE).samples, heard, PLATFORM_RATE)

    def pressed(self) -> list[str]:
        """Return the key that is due, one at a time."""
        elapsed = self._ticks * FRAME_SECONDS
        if self._keys and self._keys[0].at <= elapsed:
            return [self._keys.popleft().digit]
        return []

    def speak(self, rate: int, _: float) -> bytes | None:
        """Return the next frame of what is said."""
        self._ticks += 1
        if self._hang_up_at is not None and self._ticks * FRAME_SECONDS > self._hang_up_at:
            self.over.set()
        if not self._sounds:
            return None
        if rate not in self._frames:
            self._frames[rate] = self._sounds[0].at(rate).frames()
        frames = self._frames[rate]
        frame = frames[min(self._place, len(frames) - 1)]
        self._place += 1
        if self._place >= len(frames):
            self._next()
        return frame

    def hear(self, frame: bytes | None, rate: int, _: float) -> None:
        """Keep what is heard."""
        self.tape.add(frame, rate)

    def hear_key(self, digit: str) -> None:
        """Keep a key that another member pressed."""
        self.keys_heard.append(digit)

    def _put(self, voice: Voice) -> None:
        self._sounds.append(voice)
        self.quiet.clear()

    def _next(self) -> None:
        said = self._sounds.popleft()
        self._frames = {}
        self._place = 0
        if said.name == BEEP:
            self.beeped.set()
        if not self._sounds:
            self.quiet.set()


def _silence(seconds: float) -> Voice:
    return Voice(np.zeros(round(seconds * PLATFORM_RATE), np.int16), PLATFORM_RATE, "silence")
