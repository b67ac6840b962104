"""Delay handler: sends audio back after a delay. An example of a handler that keeps audio."""

from __future__ import annotations

import asyncio

from .. import protocol
from .audio_call import AudioCall

__all__ = ["Delay"]

SPARE = 100  # frames that may wait beyond those of the delay, for peers that send in bursts


class Delay:
    """Sends each frame back some time after it came.

    Args:
        ms: delay in milliseconds.

    """

    def __init__(self, ms: int) -> None:
        self._seconds = ms / 1000
        self._max_frames = ms // protocol.FRAME_MS + SPARE

    async def __call__(self, call: AudioCall) -> None:
        """Send audio back after the delay, as long as the call lasts."""
        held: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(self._max_frames)
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
