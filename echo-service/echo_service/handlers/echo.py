"""Echo handlers, for calls that are recorded.

Otherwise a connection echoes by itself: see `websocket.fast_connection`.
"""

from __future__ import annotations

from .audio_call import AudioCall

__all__ = ["echo", "record"]


async def echo(call: AudioCall) -> None:
    """Send all audio back unchanged."""
    async for _, event in call:
        if isinstance(event, bytes):
            await call.send(event)


async def record(call: AudioCall) -> None:
    """Send all audio back unchanged. The service records the calls of this handler."""
    await echo(call)
