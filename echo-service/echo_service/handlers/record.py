"""The caller hears herself, and is recorded: what is recorded where is the service's business."""

from __future__ import annotations

from .audio_call import AudioCall
from .echo import echo

__all__ = ["record"]


async def record(call: AudioCall) -> None:
    """Send all audio back as it came."""
    await echo(call)
