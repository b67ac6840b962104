"""Hearing of the fake model: turns by level alone, so that any noise triggers one. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from ..detector import FRAME_MS, Loudness, Tuning, levels

__all__ = ["Hearing", "Started", "Stopped"]

PREFIX_MS = 300
"""What belongs to a turn before speech was detected (`server_vad.prefix_padding_ms`)."""

LONGEST_MS = 60_000
"""Audio that is kept."""


@dataclass(frozen=True)
class Started:
    """Speech began, at `ms` of appended audio, the prefix included."""

    ms: int


@dataclass(frozen=True)
class Stopped:
    """Speech is over, at `ms` of appended audio; `audio` is all of the turn."""

    ms: int
    audio: bytes


class Hearing:
    """Hears one session.

    Args:
        rate: Hz of the 16-bit PCM that it is fed.
        silence_ms: that ends a turn.

    """

    def __init__(self, rate: int, silence_ms: int) -> None:
        self._rate = rate
        self._silence_ms = silence_ms
        self._samples = rate * FRAME_MS // 1000
        self._loudness = Loudness(Tuning())
        self._audio = bytearray()
        self._dropped_ms = 0
        self._done_ms = 0
        self._start_ms: int | None = None
        self._quiet_ms = 0

    @property
    def speaking(self) -> bool:
        """Whether the caller speaks."""
        return self._start_ms is not None

    def keep(self, pcm: bytes) -> None:
        """Buffer more without listening to it: the client ends turns."""
        self._audio += pcm
        del self._audio[: max(0, len(self._audio) - self._rate // 1000 * 2 * LONGEST_MS)]

    def feed(self, pcm: bytes) -> list[Started | Stopped]:
        """Hear more."""
        self._audio += pcm
        events: list[Started | Stopped] = []
        begin = self._bytes(self._done_ms)
        for level in levels(bytes(self._audio[begin:]), self._samples):
            self._done_ms += FRAME_MS
            loud = self._loudness.feed(level)
            if self._start_ms is None:
                if self._loudness.begun:
                    self._start_ms = max(self._dropped_ms, self._done_ms - 60 - PREFIX_MS)
                    self._quiet_ms = 0
                    events.append(Started(self._start_ms))
                continue
            self._quiet_ms = 0 if loud else self._quiet_ms + FRAME_MS
            if self._quiet_ms >= self._silence_ms:
                events.append(Stopped(self._done_ms, self.take()))
        if self._start_ms is None and self._done_ms - self._dropped_ms > LONGEST_MS:
            self._drop(self._done_ms - PREFIX_MS - 100)
        return events

    def take(self) -> bytes:
        """Return the turn so far, and begin anew."""
        begin = self._dropped_ms if self._start_ms is None else self._start_ms
        audio = bytes(self._audio[self._bytes(begin) : self._bytes(self._done_ms)])
        self._drop(self._done_ms)
        self._start_ms = None
        self._loudness.forget()
        return audio

    def all(self) -> bytes:
        """Return all that is buffered, and begin anew."""
        audio = bytes(self._audio)
        self._done_ms = self._dropped_ms + len(audio) * 1000 // (2 * self._rate)
        self.take()
        return audio

    def _bytes(self, ms: int) -> int:
        return (ms - self._dropped_ms) * self._rate // 1000 * 2

    def _drop(self, ms: int) -> None:
        del self._audio[: self._bytes(ms)]
        self._dropped_ms = ms
