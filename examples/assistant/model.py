"""Model: what its server sends, told to the turns, the playout and the telemetry."""

from __future__ import annotations

import asyncio

from echo_service.logs import get_logger

from . import protocol
from .bridge import Bridge
from .commands import Delete
from .detector import Detector
from .failures import ACTIVE, EXPECTED, Failures
from .function_calls import FunctionCalls
from .server_speech import ServerSpeech

__all__ = ["Model"]

logger = get_logger(__name__)

SLOW_SECONDS = 0.02
"""Pause between two messages of a model that is far ahead."""


class Model:
    """Listens to the model.

    Args:
        bridge: parts of the conversation.
        detector: of the caller's speech, which a turn ends.
        functions: that the model calls.

    """

    def __init__(self, bridge: Bridge, detector: Detector, functions: FunctionCalls) -> None:
        self._call = bridge.call
        self._settings = bridge.settings
        self._connection = bridge.connection
        self._downlink = bridge.downlink
        self._playout = bridge.playout
        self._turns = bridge.turns
        self._executor = bridge.executor
        self._telemetry = bridge.telemetry
        self._detector = detector
        self._functions = functions
        self._speech = ServerSpeech(bridge.settings.assistant_silence_ms)
        self._failures = Failures()

    async def listen(self) -> None:
        """Connect, send and receive until the session is over.

        Raises:
            ModelError: it is over, or never began.

        """
        await self._connection.open()
        both = [
            asyncio.create_task(self._connection.run_sender()),
            asyncio.create_task(self._receive()),
        ]
        try:
            done, _ = await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in both:
                task.cancel()
            await asyncio.gather(*both, return_exceptions=True)

    async def _receive(self) -> None:
        async for message in self._connection.messages():
            async with self._executor.lock:
                await self._message(message)
            self._functions.progress()
            if self._playout.plenty and self._turns.active:
                # A model far ahead is read slowly: it fills its own buffers, and leaves this
                # process to other calls.
                await asyncio.sleep(SLOW_SECONDS)

    async def _message(self, message: str | bytes) -> None:
        try:
            event = protocol.parse(message)
        except protocol.ProtocolError as error:
            logger.warning("model_message_strange", call=self._call.id, message=str(error))
            self._failures.message(error)
            return
        match event:
            case protocol.Audio():
                await self._audio(event)
            case protocol.AudioDone(item_id=item):
                await self._downlink.end_item(item)
            case protocol.SpeechStarted(ms=ms):
                self._speech.started(ms, self._playout.audible)
                if self._settings.assistant_barge_in == "model":
                    self._telemetry.onset = self._call.seconds
                await self._executor.do(self._turns.server_speech())
            case protocol.SpeechStopped(ms=ms):
                self._speech.stopped(ms)
            case protocol.Committed(item_id=item):
                await self._committed(item)
            case protocol.Transcribed(text=text):
                self._telemetry.turn.heard.append(text)
            case protocol.Spoken(response_id=response, text=text) if self._turns.takes(response):
                self._telemetry.turn.said.append(text)
            case protocol.ResponseCreated(response_id=response):
                await self._executor.do(self._turns.created(response))
            case protocol.ResponseDone():
                await self._response_done(event)
            case protocol.FunctionCall():
                self._functions.start(event)
            case protocol.ServerError():
                await self._error(event)

    async def _committed(self, item: str) -> None:
        commands = self._turns.committed(item, self._speech.take_ms(), self._speech.audible)
        if any(isinstance(command, Delete) for command in commands):
            self._telemetry.unanswered()
        elif not self._settings.local_turns:
            self._telemetry.begin(self._telemetry.take_speech_end())
            # Whoever goes on speaking interrupts.
            self._detector.rest()
        await self._executor.do(commands)

    async def _audio(self, event: protocol.Audio) -> None:
        if not self._turns.takes(event.response_id) or await self._downlink.audio(event):
            return
        logger.warning(
            "model_response_cut",
            call=self._call.id,
            message="it is longer than ASSISTANT_BUFFER_SECONDS",
        )
        await self._executor.do(self._turns.overflowed())

    async def _response_done(self, event: protocol.ResponseDone) -> None:
        if self._turns.takes(event.response_id) and event.response_id == self._downlink.response:
            await self._downlink.end_item()
        self._telemetry.tokens(event.tokens)
        commands = self._turns.done(event.response_id)
        if self._failures.response(event, awaited=not commands):
            logger.warning("model_response_failed", call=self._call.id, reason=event.reason)
            commands = self._turns.written()
        await self._executor.do(commands)

    async def _error(self, event: protocol.ServerError) -> None:
        self._failures.error(event)
        level = logger.debug if event.code in EXPECTED else logger.warning
        level("model_error", call=self._call.id, code=event.code, message=event.message)
        active = event.code == ACTIVE
        if active or event.event_id.startswith("create-"):
            await self._executor.do(self._turns.refused(active))
