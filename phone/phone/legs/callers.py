"""Callers that follow a script or a test, on one socket after the other."""

import asyncio
import threading
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Protocol, runtime_checkable

from phone.audio.files import load
from phone.constants import FRAME_SECONDS, FRAMES_PER_SECOND, frame_bytes
from phone.legs.keys import Key, parse_keys
from phone.legs.log import PlatformSound
from phone.legs.participant import Participant
from phone.legs.trace import LegTrace
from phone.words import counted

__all__ = ["Caller", "LiveCaller", "ScriptedCaller", "Speech"]


class Speech:
    """What a caller says and presses on one socket.

    Args:
        frames: 20 ms each.
        name: for the timeline.
        length: how many frames; None: not known yet.
        keys: pressed on the way.
        wait: seconds for the rest of an echo after the last frame.

    """

    def __init__(
        self,
        frames: Iterator[bytes],
        name: str,
        length: int | None = None,
        keys: Sequence[Key] = (),
        wait: float = 0.0,
    ) -> None:
        self.name = name
        self.length = length
        self.wait = wait
        self.finished = asyncio.Event()
        self._frames = frames
        self._keys = deque(sorted(keys, key=lambda key: key.at))
        self._count = 0

    @classmethod
    def of(
        cls, frames: Sequence[bytes], name: str, keys: Sequence[Key] = (), wait: float = 0.0
    ) -> "Speech":
        """Return a speech of given frames."""
        return cls(iter(frames), name, len(frames), keys, wait)

    def rest(self) -> "Speech":
        """Return what was not said yet, to be said on another socket."""
        frames = list(self._frames)
        keys = [Key(key.digit, key.at - self._count * FRAME_SECONDS) for key in self._keys]
        return Speech.of(frames, f"the rest, {counted(len(frames), 'frame')}", keys, self.wait)

    def pressed(self) -> list[str]:
        """Return the keys that are due before the next frame."""
        elapsed = self._count * FRAME_SECONDS
        over = self.length is not None and self._count >= self.length
        keys = []
        while self._keys and (over or self._keys[0].at <= elapsed):
            keys.append(self._keys.popleft().digit)
        return keys

    def next(self) -> bytes | None:
        """Return the next frame; None when all was said."""
        frame = next(self._frames, None)
        if frame is None:
            self.finished.set()
        else:
            self._count += 1
        return frame


@runtime_checkable
class Caller(Participant, Protocol):
    """Says something whenever a socket is connected."""

    def take_digits(self, most: int) -> str:
        """Press up to `most` keys for an `input` action; return them."""

    def begin(self, trace: LegTrace, played: Sequence[PlatformSound], limit: int) -> Speech:
        """Begin to speak on a socket that has just opened.

        Args:
            trace: of the socket's leg.
            played: what the platform itself let the caller hear before.
            limit: seconds that the connection may last.

        """

    def end(self) -> None:
        """Say nothing more: the socket is gone."""


@dataclass
class _Speaker:
    """Says a speech; what is heard is not kept here, but by the socket's leg."""

    rate: None = field(default=None, init=False)
    _speech: Speech | None = field(default=None, init=False)

    def end(self) -> None:
        """Say nothing more."""
        self._speech = None

    def speak(self, _: int, __: float) -> bytes | None:
        """Return the next frame of the speech."""
        return self._speech.next() if self._speech else None

    def hear(self, frame: bytes | None, rate: int, due: float) -> None:
        """Ignore it: the socket's leg keeps what is heard."""

    def hear_key(self, digit: str) -> None:
        """Ignore it: the socket's leg keeps what is heard."""


@dataclass
class ScriptedCaller(_Speaker):
    """Says a file and presses keys at given times.

    Args:
        audio: a file, or "speech", "tone", "silence".
        seconds: how long; None: as long as the audio.
        dtmf: keys to press, as `parse_keys` reads them.
        listening: seconds on the line after the last frame.
        stays: stay on the line in silence for all of `listening`; else hang up as soon as as much
            came back as was said.

    """

    audio: str | Path = "speech"
    seconds: float | None = None
    dtmf: str = ""
    listening: float = 0.0
    stays: bool = False
    _unfinished: Speech | None = field(default=None, init=False)
    _rate: int = field(default=0, init=False)

    def end(self) -> None:
        """Say nothing more; what is left is said on the next socket, if there is one."""
        speech = self._speech
        self._unfinished = speech if speech and not speech.finished.is_set() else None
        super().end()

    def take_digits(self, most: int) -> str:
        """Press the keys that have no time."""
        if not self.dtmf or "@" in self.dtmf:
            return ""
        digits, self.dtmf = self.dtmf[:most], self.dtmf[most:]
        return digits

    def pressed(self) -> list[str]:
        """Return the script's keys that are due."""
        return self._speech.pressed() if self._speech else []

    def begin(self, trace: LegTrace, _: Sequence[PlatformSound], limit: int) -> Speech:
        """Begin to say the file, or continue where the previous socket was lost.

        Its keys are pressed once, on the first socket.
        """
        if self._unfinished is not None and self._rate == trace.rate:
            self._speech, self._unfinished = self._unfinished.rest(), None
            return self._speech
        self._rate = trace.rate
        voice = load(self.audio, trace.rate)
        frames = voice.frames(min(self.seconds or voice.seconds, limit))
        name = f"{counted(len(frames), 'frame')} of {voice.name}"
        keys, self.dtmf = parse_keys(self.dtmf, len(frames) / FRAMES_PER_SECOND), ""
        if self.stays:
            # The application hears the line continue: the platform never stops sending.
            rest = round(self.listening * FRAMES_PER_SECOND)
            frames += [bytes(frame_bytes(trace.rate))] * rest
        wait = 0.0 if self.stays else self.listening
        self._speech = Speech.of(frames, name, keys, wait)
        return self._speech


@dataclass
class LiveCaller(_Speaker):
    """A caller controlled by a test in one thread, on a leg in another.

    Between what is said there is silence: the platform never stops sending frames.
    """

    trace: LegTrace | None = None
    traces: list[LegTrace] = field(default_factory=list)
    played: Sequence[PlatformSound] = ()
    connected: threading.Event = field(default_factory=threading.Event)
    quiet: threading.Event = field(default_factory=threading.Event)
    _frames: deque[bytes] = field(default_factory=deque)
    _keys: deque[str] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self.quiet.set()

    def take_digits(self, _: int) -> str:
        """Press nothing: the test presses keys itself."""
        return ""

    def begin(self, trace: LegTrace, played: Sequence[PlatformSound], limit: int) -> Speech:
        """Begin to say what the test will say."""
        self.trace = trace
        self.traces.append(trace)
        self.played = played
        self.connected.set()
        frames = islice(self._said(frame_bytes(trace.rate)), limit * FRAMES_PER_SECOND)
        self._speech = Speech(frames, "what the caller says")
        return self._speech

    def say(self, frames: Sequence[bytes]) -> None:
        """Say frames after those that still wait; `quiet` is set again when all were sent."""
        self.quiet.clear()
        self._frames.extend(frames)
        if not frames:
            self.quiet.set()

    def press(self, digit: str) -> None:
        """Press a key."""
        self._keys.append(digit)

    def pressed(self) -> list[str]:
        """Return the keys that the test has pressed since the last time."""
        keys = []
        while self._speech and self._keys:
            keys.append(self._keys.popleft())
        return keys

    def _said(self, size: int) -> Iterator[bytes]:
        while True:
            if self._frames:
                yield self._frames.popleft()
                continue
            self.quiet.set()
            yield bytes(size)
