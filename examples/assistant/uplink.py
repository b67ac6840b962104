"""Uplink: what the caller says, on its way to the model."""

from __future__ import annotations

from collections import deque

from . import protocol
from .connection import Connection
from .formats import Converter

__all__ = ["Uplink"]

LEAD_FRAMES = 15
"""Frames before an onset that belong to the turn, where only turns are sent: 300 ms."""

FRAMES_AT_ONCE = 2
"""Frames that are sent in one message: half the messages, for 20 ms."""


class Uplink:
    """Sends the caller's audio, all of it or only turns.

    Args:
        connection: to the model.
        converter: from the call's format to the model's.
        turns_only: whether the model detects no turns itself, and gets nothing but turns.

    """

    def __init__(self, connection: Connection, converter: Converter, turns_only: bool) -> None:
        self._connection = connection
        self._converter = converter
        self._turns_only = turns_only
        self._open = not turns_only
        self._lead: deque[bytes] = deque(maxlen=LEAD_FRAMES)
        self._unsent = b""
        self._frames = 0

    def frame(self, pcm: bytes) -> None:
        """Take 20 ms of the caller's audio."""
        audio = self._converter.feed(pcm)
        if not self._open:
            self._lead.append(audio)
            return
        self._unsent += audio
        self._frames += 1
        if self._frames >= FRAMES_AT_ONCE:
            self._flush()

    def begin_turn(self) -> None:
        """Something loud began: it may be a turn."""
        if self._turns_only:
            self._open = True
            self._unsent = b"".join(self._lead)
            self._lead.clear()

    def end_turn(self) -> None:
        """The turn is over: the client commits it."""
        if self._turns_only:
            self._open = False
            self._flush()

    def forget_turn(self) -> None:
        """It was a noise."""
        if self._turns_only:
            self.end_turn()
            self._connection.send(protocol.clear_input())

    def _flush(self) -> None:
        if self._unsent:
            self._connection.send_audio(protocol.append(self._unsent))
        self._unsent, self._frames = b"", 0
