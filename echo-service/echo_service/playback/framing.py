"""Cutting audio into the wire's messages: exactly 20 ms each. Pure."""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["Framer"]


class Framer:
    """Cuts a stream of PCM into frames, across the ends of what it is fed.

    A message of another size makes the platform stop listening (Vonage WebSockets guide: each
    message is exactly 20 ms).

    Args:
        size: bytes of a frame.

    """

    __slots__ = ("_rest", "_size")

    def __init__(self, size: int) -> None:
        self._size = size
        self._rest = b""

    @property
    def rest(self) -> int:
        """Bytes that wait for the rest of their frame."""
        return len(self._rest)

    def feed(self, pcm: bytes) -> Iterator[bytes]:
        """Yield the frames that are whole now."""
        size = self._size
        start = 0
        if self._rest:
            start = size - len(self._rest)
            self._rest += pcm[:start]
            if len(self._rest) < size:
                return
            frame, self._rest = self._rest, b""
            yield frame
        whole = start + (len(pcm) - start) // size * size
        self._rest = pcm[whole:]
        for at in range(start, whole, size):
            yield pcm[at : at + size]

    def end(self) -> bytes | None:
        """The last frame, filled up with silence; None when nothing is left."""
        rest, self._rest = self._rest, b""
        return rest + bytes(self._size - len(rest)) if rest else None

    def drop(self) -> None:
        """Forget what waits for the rest of its frame."""
        self._rest = b""
