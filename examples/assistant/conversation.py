"""Conversation: one call and one session of the model, bridged.

Two tasks read, one the call's events (`caller`) and one the model's (`model`). What has to be
decided is decided in `turns`, what was heard is known to `playout`, what follows is done by
`execution`.
"""

from __future__ import annotations

import asyncio

from echo_service.handlers import AudioCall, CallFailed
from echo_service.logs import get_logger

from . import protocol
from .bridge import Bridge
from .caller import Caller
from .connection import Connection, ModelError
from .detector import Detector, Tuning
from .downlink import Downlink, corrections
from .execution import Executor
from .formats import converters, format_for, read_wav
from .function_calls import FunctionCalls
from .model import Model
from .play_queue import Item
from .playout import Playout
from .settings import Settings
from .tasks import Tasks
from .telemetry import FAILURES, Telemetry
from .tools import Tools
from .turns import Policy, Turns
from .uplink import Uplink

__all__ = ["Conversation"]

logger = get_logger(__name__)

GREETING = "greeting"
"""Response of what is played from here."""


class Conversation:
    """Talks with one caller.

    Args:
        call: the caller.
        settings: of the assistant.
        tools: that the model may use.

    """

    def __init__(self, call: AudioCall, settings: Settings, tools: Tools) -> None:
        rate = call.rate
        if rate is None:
            raise ValueError("the call's sample rate is not known; set content-type in the NCCO")
        self._call = call
        self._rate = rate
        self._settings = settings
        self._tools = tools
        self._format = format_for(settings.realtime_format, rate)
        up, down = converters(self._format, rate)
        self._connection = Connection(settings, call.id)
        self._telemetry = Telemetry(call, settings.assistant_log_transcripts)
        self._playout = Playout(
            call,
            rate,
            settings.assistant_mark_frames,
            settings.assistant_buffer_seconds,
            self._stopped,
        )
        self._playout.first_sent = self._first_sent
        self._downlink = Downlink(self._playout, down, 48 if self._format == "pcm" else 8)
        decide_ms = settings.assistant_decide_ms
        self._turns = Turns(
            Policy(settings.assistant_barge_in, settings.local_turns, hold=decide_ms > 0)
        )
        self._tasks = Tasks(call.id)
        self._executor = Executor(
            self._turns,
            self._playout,
            self._downlink,
            self._connection,
            self._tasks,
            decide_ms / 1000,
        )
        bridge = Bridge(
            call,
            settings,
            self._connection,
            self._playout,
            self._downlink,
            self._turns,
            self._executor,
            self._telemetry,
            self._tasks,
        )
        echo = 10 ** (-settings.assistant_echo_db / 20)
        detector = Detector(rate, Tuning(decide_ms, settings.assistant_silence_ms, above_echo=echo))
        uplink = Uplink(self._connection, up, turns_only=settings.local_turns)
        functions = FunctionCalls(bridge, tools)
        self._executor.stopped = functions.interrupted
        self._caller = Caller(bridge, uplink, detector)
        self._model = Model(bridge, detector, functions)

    async def run(self) -> None:
        """Talk until the caller, the model, or a failure of the model ends the call."""
        # Opened while the greeting is played; what the caller says meanwhile waits.
        tasks = [
            asyncio.create_task(self._caller.listen()),
            asyncio.create_task(self._model.listen()),
        ]
        try:
            await self._begin()
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in tasks:
                if task.done():
                    task.result()
        except ModelError as error:
            # Nobody interrupts an apology.
            for task in tasks:
                task.cancel()
            await self._apologise(error)
        finally:
            for task in tasks:
                task.cancel()
            self._executor.close()
            self._caller.close()
            await asyncio.gather(*tasks, return_exceptions=True)
            await self._tasks.close()
            self._playout.close()
            self._telemetry.end()
            await self._connection.close()

    async def _begin(self) -> None:
        detection = self._settings.assistant_turn_detection
        session = protocol.Session(
            format=self._format,
            turn_detection=None if detection == "local" else detection,
            silence_ms=self._settings.assistant_silence_ms,
            instructions=self._settings.instructions,
            voice=self._settings.realtime_voice,
            transcription_model=self._settings.realtime_transcription_model,
            tools=self._tools.describe(),
        )
        dialect = self._settings.realtime_protocol
        async with self._executor.lock:
            self._connection.send(protocol.session_update(session, dialect))
            text, sound = self._settings.greeting_text, self._settings.greeting_sound
            if self._call.resumed:
                # The caller was greeted before the call was moved here.
                return
            if sound is not None:
                if text:
                    self._connection.send(protocol.assistant_text(text, dialect))
                pcm = await self._call.in_thread(read_wav, sound, self._rate)
                await self._playout.put(GREETING, "", pcm)
                await self._playout.finish()
            elif text:
                asked = f"Greet the caller with these words: {text}"
                await self._executor.do(self._turns.written(), asked)

    async def _apologise(self, error: ModelError) -> None:
        FAILURES.labels(error.cause).inc()
        logger.error("model_failed", call=self._call.id, cause=error.cause, message=str(error))
        self._call.note(assistant=f"failed: {error.cause}")
        if self._settings.assistant_apology_file is not None:
            apology = await self._call.play(self._settings.assistant_apology_file, replace=True)
            await apology.wait()
        else:
            raise CallFailed(f"no model: {error.cause}")

    def _stopped(self, items: list[Item], silent: float) -> None:
        """Tell the model what was not heard, now that it is known."""
        messages, truncated = corrections(items, self._downlink)
        for message in messages:
            self._connection.send(message)
        if items:
            self._telemetry.interrupted(silent, truncated)

    def _first_sent(self, item: Item, at: float) -> None:
        if item.item_id:
            self._telemetry.first_audio(at)
