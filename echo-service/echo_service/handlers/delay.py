"""The caller hears herself a moment later: the example of a handler that keeps audio."""

from __future__ import annotations

from collections import deque

from .. import wire
from .audio_call import AudioCall

__all__ = ["Delay"]


class Delay:
    """Sends audio back later.

    Args:
        ms: how much later, in milliseconds; whole frames are held back.

    """

    def __init__(self, ms: int) -> None:
        self._frames = round(ms / wire.FRAME_MS)

    async def __call__(self, call: AudioCall) -> None:
        """Send the audio back later, for as long as the call lasts."""
        held: deque[bytes] = deque()
        async for _, event in call:
            if isinstance(event, bytes):
                held.append(event)
                if len(held) > self._frames:
                    await call.send(held.popleft())
