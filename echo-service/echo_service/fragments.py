"""A message that comes in fragments, put together (RFC 6455, 5.4)."""

from __future__ import annotations

from websockets.frames import CONT, TEXT, Frame, Opcode

__all__ = ["Fragments", "TooManyFragments"]

MOST = 4096
"""Fragments of one message, as many as the library takes. Long messages may have more."""

SMALL = 64
"""Bytes of a fragment on average, below which a long message has too many of them."""


class TooManyFragments(Exception):
    """A message comes in more fragments than anybody needs."""


class Fragments:
    """Takes data frames in a valid order, and gives whole messages.

    Args:
        longest: bytes that a message may have; somebody else sees to it that none has more.

    """

    __slots__ = ("_count", "_data", "_most", "_opcode")

    def __init__(self, longest: int) -> None:
        self._most = max(MOST, longest // SMALL)
        self._opcode = Opcode.BINARY
        self._data = bytearray()
        self._count = 0

    def take(self, frame: Frame) -> tuple[bool, bytes] | None:
        """Take a frame.

        Returns:
            Whether the message is text, and its data; None while it is not complete.

        Raises:
            TooManyFragments: if it comes in too many.

        """
        if frame.opcode is not CONT:
            if frame.fin:
                return frame.opcode is TEXT, bytes(frame.data)
            self._opcode, self._count = frame.opcode, 0
        self._count += 1
        if self._count > self._most:
            raise TooManyFragments
        self._data += frame.data
        if not frame.fin:
            return None
        data = bytes(self._data)
        self._data.clear()
        return self._opcode is TEXT, data
