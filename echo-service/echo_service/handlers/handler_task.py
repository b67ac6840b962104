"""Handler task: runs one audio handler beside the connection of its call."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Mapping
from typing import Protocol

from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode

from ..call import Call
from ..logs import get_logger, masked
from ..loop_monitor import LoopMonitor
from ..playback import CallEnded
from ..recording import Recorder, Recording
from ..settings import Settings
from .audio_call import AudioCall
from .loading import Handler

__all__ = ["CallFailed", "HandlerRunner", "HandlerTask", "MessageSender"]

logger = get_logger(__name__)

FINISH_SECONDS = 5.0
"""How long a handler may continue after its call has ended, and again after it was cancelled."""


UNPLAYED_SECONDS = 0.1
"""How much of a sound may be cut off by the end of its handler without a warning."""


class CallFailed(Exception):
    """Raised by a handler that cannot continue with its call; the message says why.

    The caller then hears ncco-service's apology (NCCO_FALLBACK_FILE), unlike after `hang_up`.
    """


class MessageSender(Protocol):
    """The connection of a call, as a handler task needs it."""

    def send_now(self, audio: bytes) -> bool:
        """Write one binary message if that needs no waiting; return whether it was written."""

    async def send(self, message: bytes | str) -> None:
        """Send one message; raises `ConnectionClosed`."""

    def end_call(self, code: int, reason: str, close_reason: str) -> None:
        """Close with this code and reason; `close_reason` is what is logged and counted."""


class HandlerTask:
    """A handler that runs on a call; made by `HandlerRunner.start`."""

    __slots__ = ("_connection", "_handler_name", "audio", "call", "recording", "send_now", "task")

    def __init__(
        self,
        handler: Handler,
        connection: MessageSender,
        call: Call,
        settings: Settings,
        monitor: LoopMonitor,
        recording: Recording | None,
    ) -> None:
        self._connection = connection
        self.send_now = connection.send_now
        self._handler_name = settings.audio_handler
        self.call = call
        self.recording = recording
        self.audio = AudioCall(
            call, self, settings.audio_queue_frames, settings.play_buffer_messages, recording
        )
        """What the call's events are put into."""
        self.task = asyncio.get_running_loop().create_task(self._run(handler, monitor))
        """Ends within `FINISH_SECONDS` of the call."""

    async def finish(self) -> None:
        """Give the handler of an ended call `FINISH_SECONDS` to return, then cancel it."""
        self.audio.end()
        _, late = await asyncio.wait([self.task], timeout=FINISH_SECONDS)
        if late:
            self.task.cancel()
            await asyncio.wait([self.task], timeout=FINISH_SECONDS)
        await self.audio.close()

    # What `AudioCall` needs

    async def send(self, message: bytes | str) -> None:
        """Send one message; raises `CallEnded` when the call is over."""
        try:
            await self._connection.send(message)
        except ConnectionClosed:
            raise CallEnded from None

    def hang_up(self) -> None:
        """End the call."""
        self._connection.end_call(CloseCode.NORMAL_CLOSURE, "", "handler_done")

    def failed(self, error: Exception) -> None:
        """Log an error of a sound's source."""
        logger.error("sound_failed", call=self.call.id, exc_info=error)

    # The handler

    async def _run(self, handler: Handler, monitor: LoopMonitor) -> None:
        try:
            trace = self.call.trace
            with trace.handler() if trace is not None else contextlib.nullcontext():
                await monitor.timed(handler(self.audio), self._slow)
        except CallEnded:
            self.hang_up()
        except asyncio.CancelledError:
            logger.warning("handler_cancelled", call=self.call.id)
            raise
        except CallFailed as error:
            logger.error("handler_failed", call=self.call.id, message=str(error))
            self._fail()
        except Exception:
            logger.exception("handler_failed", call=self.call.id)
            self._fail()
        else:
            self._warn_of_cut()
            self.hang_up()

    def _fail(self) -> None:
        self._connection.end_call(
            CloseCode.INTERNAL_ERROR, "the audio handler failed", "handler_failed"
        )

    def _warn_of_cut(self) -> None:
        unplayed = self.audio.unplayed
        if unplayed > UNPLAYED_SECONDS:
            logger.warning(
                "sound_cut",
                call=self.call.id,
                seconds_not_played=round(unplayed, 1) if math.isfinite(unplayed) else "unknown",
                message="the handler returned while its sound was playing; before it returns: "
                "playing = await call.play(...), await playing.wait()",
            )

    def _slow(self, seconds: float, where: str) -> None:
        logger.warning(
            "handler_blocked",
            call=self.call.id,
            handler=self._handler_name,
            seconds=seconds,
            before=where,
            message="every call waited; move slow work into call.in_thread",
        )


class HandlerRunner:
    """Starts the audio handler of each call, and lets it finish.

    Args:
        handler: of all calls.
        settings: of the process.
        monitor: of the event loop.
        recorder: of all calls; None if they are not recorded.

    """

    def __init__(
        self, handler: Handler, settings: Settings, monitor: LoopMonitor, recorder: Recorder | None
    ) -> None:
        self._handler = handler
        self._settings = settings
        self._monitor = monitor
        self._recorder = recorder
        self._finishing: set[asyncio.Task[None]] = set()

    def start(self, connection: MessageSender, call: Call) -> HandlerTask:
        """Start the handler of a call, and its recording."""
        recording = None
        if self._recorder is not None and call.rate is not None:
            recording = self._recorder.start(call.id, call.rate)
        return HandlerTask(
            self._handler, connection, call, self._settings, self._monitor, recording
        )

    def finish(self, handler_task: HandlerTask, summary: Mapping[str, object]) -> None:
        """Let the handler of a call that has ended finish, and end its recording.

        Args:
            handler_task: of the call.
            summary: figures of the call, and how it ended.

        """
        task = asyncio.get_running_loop().create_task(handler_task.finish())
        self._finishing.add(task)
        task.add_done_callback(self._finishing.discard)
        call, recording = handler_task.call, handler_task.recording
        if recording is not None:
            metadata = dict(call.metadata)
            shown = metadata if self._settings.log_numbers else masked(metadata)
            recording.end(shown, {**summary, "notes": call.notes})

    async def stop(self) -> None:
        """Wait for the handlers of calls that have ended."""
        if self._finishing:
            await asyncio.wait(self._finishing, timeout=2 * FINISH_SECONDS)
