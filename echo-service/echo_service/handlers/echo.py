"""The caller hears herself. The service knows this handler and does its work without a task."""

from __future__ import annotations

from .audio_call import AudioCall

__all__ = ["echo"]


async def echo(call: AudioCall) -> None:
    """Send all audio back as it came."""
    async for _, event in call:
        if isinstance(event, bytes):
            await call.send(event)
