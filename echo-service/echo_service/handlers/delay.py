"""The caller hears herself one second later: the example of an asynchronous handler."""

from __future__ import annotations

from collections import deque

from .audio_call import AudioCall

__all__ = ["FRAMES", "delay"]

FRAMES = 50
"""Frames that are held back: one second of them."""


async def delay(call: AudioCall) -> None:
    """Send the audio back `FRAMES` frames later."""
    held: deque[bytes] = deque()
    async for _, event in call:
        if isinstance(event, bytes):
            held.append(event)
            if len(held) > FRAMES:
                await call.send(held.popleft())
