"""Runs one asynchronous audio handler beside the connection of its call."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode

from .handlers import AudioCall, Handler
from .logs import event
from .playback import CallEnded
from .watch import Watched

if TYPE_CHECKING:
    from .call import Call
    from .connection import CallConnection
    from .recording import Recording

__all__ = ["Handling"]

logger = logging.getLogger(__name__)

LAST_SECONDS = 5.0
"""How long a handler may go on after its call has ended."""


class Handling:
    """A handler at work on a call.

    Args:
        handler: to be run.
        connection: of the call.
        call: to be handled.
        recording: where the call is recorded, if it is.

    """

    __slots__ = ("_call", "_connection", "audio", "recording", "task")

    def __init__(
        self,
        handler: Handler,
        connection: CallConnection,
        call: Call,
        recording: Recording | None,
    ) -> None:
        settings = connection.board.settings
        self._connection = connection
        self._call = call
        self.recording = recording
        self.audio = AudioCall(
            call, self, settings.audio_queue_frames, settings.play_buffer_messages, recording
        )
        """What the connection puts its events into."""
        self.task = asyncio.get_running_loop().create_task(self._run(handler))
        """Ends within `LAST_SECONDS` of the call."""

    async def finish(self) -> None:
        """Give the handler of a call that has ended a little time, then cancel it."""
        self.audio.end()
        _, late = await asyncio.wait([self.task], timeout=LAST_SECONDS)
        if late:
            self.task.cancel()
            await asyncio.wait([self.task], timeout=LAST_SECONDS)
        await self.audio.close()

    # The line to the platform

    async def send(self, message: bytes | str) -> None:
        """Send one message; raises `CallEnded` when the call is over."""
        try:
            if isinstance(message, bytes):
                await self._connection.send_audio(message)
            else:
                await self._connection.send(message)
        except ConnectionClosed:
            raise CallEnded from None

    def hang_up(self) -> None:
        """End the call."""
        self._connection.end(CloseCode.NORMAL_CLOSURE, "", "handler_done")

    def failed(self, error: Exception) -> None:
        """Log what the source of a sound raised."""
        logger.error("sound_failed", exc_info=error, extra={"fields": {"call": self._call.id}})

    # The handler

    async def _run(self, handler: Handler) -> None:
        try:
            await Watched(handler(self.audio), self._blocked)
        except CallEnded:
            self.hang_up()
        except asyncio.CancelledError:
            event(logger, "handler_cancelled", logging.WARNING, call=self._call.id)
            raise
        except Exception:
            logger.exception("handler_failed", extra={"fields": {"call": self._call.id}})
            self._connection.end(
                CloseCode.INTERNAL_ERROR, "the audio handler failed", "handler_failed"
            )
        else:
            self.hang_up()

    def _blocked(self, seconds: float, where: str) -> None:
        board = self._connection.board
        board.blockages.seconds += seconds
        board.blockages.times += 1
        event(
            logger,
            "handler_blocked",
            logging.WARNING,
            call=self._call.id,
            handler=board.settings.audio_handler,
            seconds=seconds,
            before=where,
            message="every call waited; put what takes long into call.in_thread",
        )
