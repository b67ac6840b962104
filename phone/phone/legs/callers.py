"""Who calls: what a caller says and presses once the socket is open."""

import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Protocol

from phone.audio.files import load
from phone.constants import FRAMES_PER_SECOND, frame_bytes
from phone.legs.keys import Key, parse_keys
from phone.legs.log import PlatformSound
from phone.legs.trace import LegTrace
from phone.words import counted

__all__ = ["Caller", "LiveCaller", "ScriptedCaller", "Speech"]


@dataclass(frozen=True)
class Speech:
    """What a caller says on one socket.

    Args:
        frames: 20 ms each; they may be made on the way.
        name: for the timeline.
        keys: pressed on the way.
        wait: seconds for the rest of an echo after the last frame.
        live: keys pressed since the last frame, when somebody presses them as the call runs.
    """

    frames: Iterable[bytes]
    name: str
    keys: Sequence[Key] = ()
    wait: float = 0.0
    live: "LiveCaller | None" = None


class Caller(Protocol):
    """Says something when a socket is connected."""

    def take_digits(self, most: int) -> str:
        """Press up to `most` keys for an `input` action; return them."""

    def speak(self, trace: LegTrace, played: Sequence[PlatformSound], limit: int) -> Speech:
        """Return what to say on a socket that has just opened.

        Args:
            trace: of the socket's leg.
            played: what the platform itself let the caller hear before.
            limit: seconds that the connection may last.
        """


@dataclass
class ScriptedCaller:
    """Says a file and presses keys at given times.

    Args:
        audio: a file, or "speech", "tone", "silence".
        seconds: how long; None: as long as the audio.
        dtmf: keys to press, as `parse_keys` reads them.
        listening: seconds on the line after the last frame.
        stays: stay on the line in silence for all of `listening`; else hang up as soon as as much
            came back as was said.
    """

    audio: str | Path
    seconds: float | None = None
    dtmf: str = ""
    listening: float = 0.0
    stays: bool = False

    def take_digits(self, most: int) -> str:
        """Press the keys without a time of their own."""
        if not self.dtmf or "@" in self.dtmf:
            return ""
        digits, self.dtmf = self.dtmf[:most], self.dtmf[most:]
        return digits

    def speak(self, trace: LegTrace, _: Sequence[PlatformSound], limit: int) -> Speech:
        """Return the file's frames; its keys are pressed once, on the first socket."""
        voice = load(self.audio, trace.rate)
        frames = voice.frames(min(self.seconds or voice.seconds, limit))
        name = f"{counted(len(frames), 'frame')} of {voice.name}"
        keys, self.dtmf = parse_keys(self.dtmf, len(frames) / FRAMES_PER_SECOND), ""
        if not self.stays:
            return Speech(frames, name, keys, self.listening)
        # Whoever answers hears the line go on: the platform never stops sending.
        rest = round(self.listening * FRAMES_PER_SECOND)
        return Speech(frames + [bytes(frame_bytes(trace.rate))] * rest, name, keys)


@dataclass
class LiveCaller:
    """Led by a test in one thread, heard by the leg in another.

    Between what is said there is silence: the platform never stops sending frames.
    """

    trace: LegTrace | None = None
    played: Sequence[PlatformSound] = ()
    connected: threading.Event = field(default_factory=threading.Event)
    quiet: threading.Event = field(default_factory=threading.Event)
    _frames: deque[bytes] = field(default_factory=deque)
    _keys: deque[str] = field(default_factory=deque)

    def __post_init__(self) -> None:
        self.quiet.set()

    def take_digits(self, _: int) -> str:
        """Press nothing: the test presses keys when it wants to."""
        return ""

    def speak(self, trace: LegTrace, played: Sequence[PlatformSound], limit: int) -> Speech:
        """Return what the test will say."""
        self.trace = trace
        self.played = played
        self.connected.set()
        frames = islice(self._said(frame_bytes(trace.rate)), limit * FRAMES_PER_SECOND)
        return Speech(frames, "what the caller says", live=self)

    def say(self, frames: Sequence[bytes]) -> None:
        """Say frames after those that still wait; `quiet` is set again when all were sent."""
        self.quiet.clear()
        self._frames.extend(frames)
        if not frames:
            self.quiet.set()

    def press(self, digit: str) -> None:
        """Press a key."""
        self._keys.append(digit)

    def keys(self) -> Iterator[str]:
        """Yield the keys pressed since the last time."""
        while self._keys:
            yield self._keys.popleft()

    def _said(self, size: int) -> Iterator[bytes]:
        while True:
            if self._frames:
                yield self._frames.popleft()
                continue
            self.quiet.set()
            yield bytes(size)
