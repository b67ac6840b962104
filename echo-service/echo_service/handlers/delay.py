"""The caller hears herself a moment later: the example of a handler that keeps audio."""

from __future__ import annotations

import asyncio

from .. import wire
from .audio_call import AudioCall

__all__ = ["Delay"]

SPARE = 100
"""Frames beyond those of the delay that may wait, for peers that send in bursts."""


class Delay:
    """Sends each frame back a while after it came.

    Args:
        ms: how much later, in milliseconds.

    """

    def __init__(self, ms: int) -> None:
        self._seconds = ms / 1000
        self._most = ms // wire.FRAME_MS + SPARE

    async def __call__(self, call: AudioCall) -> None:
        """Send the audio back later, for as long as the call lasts."""
        held: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(self._most)
        sending = asyncio.create_task(self._send(call, held))
        try:
            async for at, event in call:
                if isinstance(event, bytes):
                    if held.full():
                        held.get_nowait()
                    held.put_nowait((at + self._seconds, event))
        finally:
            sending.cancel()
            await asyncio.wait([sending])

    async def _send(self, call: AudioCall, held: asyncio.Queue[tuple[float, bytes]]) -> None:
        while True:
            due, frame = await held.get()
            await asyncio.sleep(due - call.seconds)
            await call.send(frame)
