"""Echo handler: sends audio back. Unless calls are recorded, connections echo without it."""

from __future__ import annotations

from .audio_call import AudioCall

__all__ = ["echo"]


async def echo(call: AudioCall) -> None:
    """Send all audio back unchanged."""
    async for _, event in call:
        if isinstance(event, bytes):
            await call.send(event)
