"""Record handler: sends audio back. The service records the calls of this handler."""

from __future__ import annotations

from .audio_call import AudioCall
from .echo import echo

__all__ = ["record"]


async def record(call: AudioCall) -> None:
    """Send all audio back unchanged."""
    await echo(call)
