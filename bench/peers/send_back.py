"""An audio handler that sends each frame back, as an application's own would."""

from __future__ import annotations

from typing import Any

__all__ = ["send_back"]


async def send_back(call: Any) -> None:
    """Send all audio back; a function other than `echo`, which connections do by themselves."""
    async for _, event in call:
        if isinstance(event, bytes):
            await call.send(event)
