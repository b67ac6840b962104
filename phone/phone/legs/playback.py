"""The platform's play buffer: what the caller hears of the audio that an application sends. Pure.

The application may send ahead of time; the buffer plays one message every 20 ms. When it is empty
the caller hears a gap. When it is full, messages are lost; which ones is not published: here the
newest, unless told otherwise.
"""

import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from phone.constants import FRAME_SECONDS, PLAY_BUFFER_MESSAGES, frame_bytes

__all__ = ["PlayBuffer", "Playback"]

PAUSE_FRAMES = 10  # an application that says nothing for longer than these pauses on purpose
# The same tick, counted from two beginnings, differs by what a float of seconds cannot hold.
ROUNDING = 1e-6  # s
MARKS_MAX = 1000  # `notify` messages waiting at once


@dataclass
class Playback:
    """What the caller heard.

    Args:
        frames: one for each 20 ms from the first that was heard to the last; a gap is None.
        first_at: when the first was played, in seconds on the clock of the arrivals.
        waits_ms: how long each played message had waited in the buffer.
        overflowed: messages that found the buffer full.
        cleared: messages that `clear` removed.
        clears: how often it did.
        notified: `notify` messages that were reached.
        deepest: the most messages that waited at once.
        unplayed: messages that still waited when the application closed the socket.
        late: 20 ms of silence between sounds, because nothing had come in time.

    """

    frames: list[bytes | None] = field(default_factory=list)
    first_at: float | None = None
    waits_ms: list[float] = field(default_factory=list)
    overflowed: int = 0
    cleared: int = 0
    clears: int = 0
    notified: int = 0
    deepest: int = 0
    unplayed: int = 0
    late: int = 0

    @property
    def gaps(self) -> int:
        """How many times the sound broke off and came back."""
        return sum(
            1
            for before, now in zip(self.frames, self.frames[1:], strict=False)
            if before is not None and now is None
        )

    @property
    def broken_frames(self) -> int:
        """How many 20 ms of silence there were in gaps too short to be pauses."""
        lengths = (len(list(run)) for silent, run in groupby(self.frames, _is_gap) if silent)
        return sum(length for length in lengths if length <= PAUSE_FRAMES)

    @property
    def gap_frames(self) -> int:
        """How many 20 ms of silence there were between sounds."""
        return sum(frame is None for frame in self.frames)

    def heard(self, size: int) -> list[bytes]:
        """Return the sound with its gaps as silence.

        Args:
            size: bytes of a frame.

        """
        return [bytes(size) if frame is None else frame for frame in self.frames]


def _is_gap(frame: bytes | None) -> bool:
    return frame is None


@dataclass(frozen=True)
class _Mark:
    payload: Any


class PlayBuffer:
    """Takes messages as they arrive, plays one at each tick of the platform's clock.

    Nothing runs in it: `advance` catches up with the clock. Ticks are at `start + n * 20 ms`.

    Args:
        rate: Hz.
        limit: how many messages it holds.
        loses_oldest: what a full buffer loses: the oldest message, or the newest.
        keeps: keep what was played; otherwise only its figures.
        on_play: gets each frame as it is played.

    """

    def __init__(
        self,
        rate: int,
        limit: int = PLAY_BUFFER_MESSAGES,
        *,
        loses_oldest: bool = False,
        keeps: bool = True,
        on_play: Callable[[bytes], None] | None = None,
    ) -> None:
        self.playback = Playback()
        self._size = frame_bytes(rate)
        self._limit = limit
        self._loses_oldest = loses_oldest
        self._keeps = keeps
        self._on_play = on_play
        self._queue: deque[tuple[float, bytes] | _Mark] = deque()
        self._waiting = 0
        self._start = 0.0
        self._tick = 0
        self._silent = 0
        self._reached: list[str] = []

    def start(self, at: float) -> None:
        """Start the clock at `at` seconds, or set it to the conversation's."""
        self._start = at
        self._tick = 0

    @property
    def waiting(self) -> int:
        """How many messages wait to be played."""
        return self._waiting

    def push(self, message: bytes, at: float) -> bool:
        """Take a message; one of a wrong size is cut or filled to a frame, as the old platform did.

        Returns:
            Whether there was room for it.

        """
        self._advance(at)
        full = self._waiting >= self._limit
        if full:
            self.playback.overflowed += 1
            if not self._loses_oldest:
                return False
            self._forget_oldest()
        frame = message[: self._size].ljust(self._size, b"\0")
        self._queue.append((at, frame))
        self._waiting += 1
        self.playback.deepest = max(self.playback.deepest, self._waiting)
        return not full

    def _forget_oldest(self) -> None:
        place = next(i for i, item in enumerate(self._queue) if not isinstance(item, _Mark))
        del self._queue[place]
        self._waiting -= 1

    def clear(self, at: float) -> str:
        """Forget what waits, `notify` messages too; return the platform's answer."""
        self._advance(at)
        self.playback.cleared += self._waiting
        self.playback.clears += 1
        self._queue.clear()
        self._waiting = 0
        return json.dumps({"event": "websocket:cleared"})

    def notify(self, payload: object, at: float) -> bool:
        """Mark this place in the sound; return whether there was room for the mark."""
        self._advance(at)
        if len(self._queue) - self._waiting >= MARKS_MAX:
            return False
        self._queue.append(_Mark(payload))
        return True

    def answers(self, at: float) -> list[str]:
        """Play what is due at `at`; return the answers to the `notify` messages reached since."""
        self._advance(at)
        reached, self._reached = self._reached, []
        return reached

    def end(self, at: float) -> None:
        """Play what is due at `at`, and count what is left unplayed: the socket is closed."""
        self._advance(at)
        self.playback.unplayed = self._waiting

    def _advance(self, at: float) -> None:
        while (due := self._start + self._tick * FRAME_SECONDS) <= at + ROUNDING:
            self._play(due)
            self._tick += 1

    def _play(self, due: float) -> None:
        # A mark is reached when the message before it has been played to its end: at the next tick.
        while self._queue and isinstance(mark := self._queue[0], _Mark):
            self._queue.popleft()
            self.playback.notified += 1
            answer = {"event": "websocket:notify", "payload": mark.payload}
            self._reached.append(json.dumps(answer))
        playback = self.playback
        if not self._queue:
            self._silent += playback.first_at is not None
            return
        arrived, frame = self._queue.popleft()  # type: ignore[misc]  # no mark is left in front
        self._waiting -= 1
        if playback.first_at is None:
            playback.first_at = due
        if self._keeps:
            playback.frames.extend([None] * self._silent)
            playback.frames.append(frame)
            playback.waits_ms.append((due - arrived) * 1000)
        playback.late += self._silent
        self._silent = 0
        if self._on_play is not None:
            self._on_play(frame)
