"""Runs one asynchronous audio handler beside the connection of its call."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode

from .handlers import AudioCall, Handler
from .logs import event

if TYPE_CHECKING:
    from .call import Call
    from .connection import CallConnection

__all__ = ["handle"]

logger = logging.getLogger(__name__)

LAST_SECONDS = 5.0
"""How long a handler may go on after its call has ended."""


def handle(
    handler: Handler, connection: CallConnection, call: Call, waiting: int
) -> tuple[AudioCall, asyncio.Task[None]]:
    """Start a handler.

    Args:
        handler: to be run.
        connection: of the call.
        call: to be handled.
        waiting: how many events may wait for the handler.

    Returns:
        What the connection puts its events into, and the task, which ends within `LAST_SECONDS`
        of the call.

    """

    async def send(audio: bytes) -> None:
        try:
            await connection.send(audio)
        except ConnectionClosed:
            audio_call.end()

    def hang_up() -> None:
        connection.end(CloseCode.NORMAL_CLOSURE, "", "handler_done")

    async def run() -> None:
        try:
            await handler(audio_call)
        except asyncio.CancelledError:
            event(logger, "handler_cancelled", logging.WARNING, call=call.id)
            raise
        except Exception:
            logger.exception("handler_failed", extra={"fields": {"call": call.id}})
            connection.end(CloseCode.INTERNAL_ERROR, "the audio handler failed", "handler_failed")
        else:
            hang_up()

    audio_call = AudioCall(call, waiting, send, hang_up)
    return audio_call, asyncio.get_running_loop().create_task(run())


async def finish(task: asyncio.Task[None]) -> None:
    """Give a handler whose call has ended a little time, then cancel it."""
    _, late = await asyncio.wait([task], timeout=LAST_SECONDS)
    if late:
        task.cancel()
        await asyncio.wait([task], timeout=LAST_SECONDS)
