"""Framing: cuts audio into messages of exactly 20 ms. Pure."""

from __future__ import annotations

from collections.abc import Iterator

__all__ = ["Framer"]


class Framer:
    """Cuts a stream of PCM into frames, whatever pieces it comes in.

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
        """Bytes of an incomplete frame."""
        return len(self._rest)

    def feed(self, pcm: bytes) -> Iterator[bytes]:
        """Yield the frames that are complete now."""
        size = self._size
        start = 0
        if self._rest:
            start = size - len(self._rest)
            self._rest += pcm[:start]
            if len(self._rest) < size:
                return
            frame, self._rest = self._rest, b""
            yield frame
        end = start + (len(pcm) - start) // size * size
        self._rest = pcm[end:]
        for at in range(start, end, size):
            yield pcm[at : at + size]

    def end(self) -> bytes | None:
        """Return the last frame, padded with silence; None if nothing is left."""
        rest, self._rest = self._rest, b""
        return rest + bytes(self._size - len(rest)) if rest else None

    def drop(self) -> None:
        """Drop an incomplete frame."""
        self._rest = b""
