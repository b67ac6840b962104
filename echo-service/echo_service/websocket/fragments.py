"""Reassembly of messages in fragments (RFC 6455, 5.4)."""

from __future__ import annotations

from websockets.frames import CONT, TEXT, Frame, Opcode

__all__ = ["Fragments", "TooManyFragments"]

MAX_FRAGMENTS = 4096
"""Fragments of one message, as many as the library accepts. Long messages may have more."""

MIN_AVERAGE = 64  # bytes of a fragment, on average, that a message with more fragments must have


class TooManyFragments(Exception):
    """A message has too many fragments."""


class Fragments:
    """Puts messages together from data frames in a valid order.

    Args:
        message_bytes: longest message; the caller makes sure that none is longer.

    """

    __slots__ = ("_count", "_data", "_max_fragments", "_opcode")

    def __init__(self, message_bytes: int) -> None:
        self._max_fragments = max(MAX_FRAGMENTS, message_bytes // MIN_AVERAGE)
        self._opcode = Opcode.BINARY
        self._data = bytearray()
        self._count = 0

    def add(self, frame: Frame) -> tuple[bool, bytes] | None:
        """Add a frame.

        Returns:
            Whether the message is text, and its data; None while it is incomplete.

        Raises:
            TooManyFragments: the message has too many of them.

        """
        if frame.opcode is not CONT:
            if frame.fin:
                return frame.opcode is TEXT, bytes(frame.data)
            self._opcode, self._count = frame.opcode, 0
        self._count += 1
        if self._count > self._max_fragments:
            raise TooManyFragments
        self._data += frame.data
        if not frame.fin:
            return None
        data = bytes(self._data)
        self._data.clear()
        return self._opcode is TEXT, data
