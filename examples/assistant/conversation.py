"""Conversation: one call and one session of the model, bridged.

Two tasks read, one the call's events and one the model's; each event is dealt with whole before the
next, under a lock. What has to be decided is decided in `turns`, what was heard is known to
`playout`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from echo_service.handlers import AudioCall, CallEnded, CallFailed, Cleared, Dtmf, Notify
from echo_service.logs import get_logger

from . import protocol
from .connection import Cause, Connection, ModelError
from .detector import Detector, Heard, Tuning
from .downlink import Downlink, corrections
from .formats import converters, format_for, read_wav
from .playout import Item, Playout
from .settings import Settings
from .telemetry import FAILURES, TURNS, Telemetry
from .tools import HANG_UP, Tools
from .turns import Cancel, Command, Commit, Create, Delete, Hold, Policy, Resume, Stop, Turns
from .uplink import Uplink

__all__ = ["Conversation"]

logger = get_logger(__name__)

GREETING = "greeting"
"""Response of what is played from here."""

KEYS_SECONDS = 1.0
"""After a key, how long the next may take to belong to the same message."""

GOODBYE_SECONDS = 30.0
"""How long a goodbye may take to be heard."""

RELEASE_SECONDS = 0.5
"""After the time to decide, how long the caller's audio may be missing."""

SLOW_SECONDS = 0.02
"""Pause between two messages of a model that is far ahead."""

STRANGE_MESSAGES = 20
"""Messages that are none of the protocol, after which the server is given up."""

FATAL: dict[str, Cause] = {
    "session_expired": "session ended",
    "insufficient_quota": "limit",
    "rate_limit_exceeded": "limit",
    "session_limit_reached": "limit",
    "invalid_api_key": "key",
    "model_not_found": "refused",
    "beta_api_shape_disabled": "refused",
}
"""Codes of errors that a session does not survive, and the cause that they stand for."""


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
        self._local_turns = settings.assistant_turn_detection == "local"
        self._connection = Connection(settings, call.id)
        self._uplink = Uplink(self._connection, up, turns_only=self._local_turns)
        self._detector = Detector(
            rate,
            Tuning(
                decide_ms=settings.assistant_decide_ms,
                silence_ms=settings.assistant_silence_ms,
                above_echo=10 ** (-settings.assistant_echo_db / 20),
            ),
        )
        self._turns = Turns(
            Policy(
                barge_in=settings.assistant_barge_in,
                local_turns=self._local_turns,
                hold=settings.assistant_decide_ms > 0,
            )
        )
        self._playout = Playout(
            call,
            rate,
            settings.assistant_mark_frames,
            settings.assistant_buffer_seconds,
            self._stopped,
        )
        self._playout.first_sent = self._first_sent
        self._downlink = Downlink(self._playout, down, 48 if self._format == "pcm" else 8)
        self._telemetry = Telemetry(call, settings.assistant_log_transcripts)
        self._lock = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._goodbye: asyncio.Task[None] | None = None
        self._progress = asyncio.Event()
        self._creates = 0
        self._strange = 0
        # Without a Hold before it there is nothing to be released.
        self._release = asyncio.get_running_loop().call_later(0, lambda: None)
        self._retried = False
        self._digits = ""
        self._keys: asyncio.TimerHandle | None = None
        self._server_onset_ms = 0
        self._server_length_ms = 0.0
        self._audible_meanwhile = False
        self._onset = 0.0
        self._speech_end: float | None = None

    async def run(self) -> None:
        """Talk until the caller, the model, or a failure of the model ends the call."""
        # Opened while the greeting is played; what the caller says meanwhile waits.
        listening = asyncio.create_task(self._listen_to_call())
        tasks = [listening, asyncio.create_task(self._listen_to_model())]
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
            for task in (*tasks, *self._tasks):
                task.cancel()
            await asyncio.gather(*tasks, *self._tasks, return_exceptions=True)
            self._release.cancel()
            if self._keys is not None:
                self._keys.cancel()
            self._playout.close()
            self._telemetry.end()
            await self._connection.close()
            if self._connection.dropped:
                logger.warning("model_slow", call=self._call.id, dropped=self._connection.dropped)

    # The beginning and the end

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
        async with self._lock:
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
                await self._do(self._turns.written(), f"Greet the caller with these words: {text}")

    async def _apologise(self, error: ModelError) -> None:
        FAILURES.labels(error.cause).inc()
        logger.error("model_failed", call=self._call.id, cause=error.cause, message=str(error))
        self._call.note(assistant=f"failed: {error.cause}")
        if self._settings.assistant_apology_file is not None:
            apology = await self._call.play(self._settings.assistant_apology_file, replace=True)
            await apology.wait()
        else:
            raise CallFailed(f"no model: {error.cause}")

    # The call

    async def _listen_to_call(self) -> None:
        async for at, event in self._call:
            async with self._lock:
                match event:
                    case bytes():
                        await self._caller_audio(at, event)
                    case Notify(payload=payload):
                        self._playout.answered(payload, at)
                    case Cleared():
                        await self._playout.cleared(at)
                    case Dtmf(digit=digit):
                        await self._caller_key(digit)

    async def _caller_audio(self, at: float, pcm: bytes) -> None:
        self._uplink.frame(pcm)
        for heard in self._detector.feed(pcm, self._playout.echo(at)):
            await self._caller_heard(heard, at)
        self._telemetry.state(self._turns.state(self._playout.audible))

    async def _caller_heard(self, heard: Heard, at: float) -> None:
        match heard:
            case Heard.ONSET:
                self._onset = at
                self._uplink.begin_turn()
                await self._do(self._turns.onset())
            case Heard.SPEECH:
                await self._do(self._turns.speech())
            case Heard.ECHO:
                self._turns.echo()
            case Heard.NOISE:
                self._telemetry.noise(at)
                await self._do(self._turns.noise())
            case Heard.PASSED:
                self._uplink.forget_turn()
            case Heard.END:
                self._speech_end = at - self._settings.assistant_silence_ms / 1000
                self._uplink.end_turn()
                if self._local_turns:
                    self._telemetry.begin(self._speech_end)
                await self._do(self._turns.silence())

    async def _caller_key(self, digit: str) -> None:
        self._digits += digit
        await self._do(self._turns.pressed())
        if self._keys is not None:
            self._keys.cancel()
        loop = asyncio.get_running_loop()
        self._keys = loop.call_later(KEYS_SECONDS, lambda: self._start(self._tell_keys()))

    async def _tell_keys(self) -> None:
        async with self._lock:
            digits, self._digits = self._digits, ""
            self._connection.send(protocol.user_text(f"[The caller pressed the keys {digits}]"))
            self._telemetry.begin(self._call.seconds)
            await self._do(self._turns.written())

    # The model

    async def _listen_to_model(self) -> None:
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
            async with self._lock:
                await self._model_message(message)
            self._progress.set()
            if self._playout.plenty and self._turns.active:
                # A model far ahead is read slowly: it fills its own buffers, and leaves this
                # process to other calls.
                await asyncio.sleep(SLOW_SECONDS)

    async def _model_message(self, message: str | bytes) -> None:
        try:
            event = protocol.parse(message)
        except protocol.ProtocolError as error:
            self._strange += 1
            logger.warning("model_message_strange", call=self._call.id, message=str(error))
            if self._strange >= STRANGE_MESSAGES:
                raise ModelError(
                    "refused", f"the server speaks another protocol: {error}"
                ) from None
            return
        match event:
            case protocol.Audio():
                await self._model_audio(event)
            case protocol.AudioDone(item_id=item):
                await self._downlink.end_item(item)
            case protocol.SpeechStarted(ms=ms):
                self._server_onset_ms = ms
                self._audible_meanwhile = self._playout.audible
                if self._settings.assistant_barge_in == "model":
                    self._onset = self._call.seconds
                await self._do(self._turns.server_speech())
            case protocol.SpeechStopped(ms=ms):
                silence = self._settings.assistant_silence_ms
                self._server_length_ms = max(0, ms - self._server_onset_ms - silence)
            case protocol.Committed(item_id=item):
                await self._caller_committed(item)
            case protocol.Transcribed(text=text):
                self._telemetry.turn.heard.append(text)
            case protocol.Spoken(response_id=response, text=text) if self._turns.takes(response):
                self._telemetry.turn.said.append(text)
            case protocol.ResponseCreated(response_id=response):
                await self._do(self._turns.created(response))
            case protocol.ResponseDone():
                await self._response_done(event)
            case protocol.FunctionCall():
                self._turns.function_called(event.response_id)
                self._start(self._function(event))
            case protocol.ServerError():
                await self._server_error(event)

    async def _caller_committed(self, item: str) -> None:
        commands = self._turns.committed(item, self._server_length_ms, self._audible_meanwhile)
        self._server_length_ms = 0.0
        if any(isinstance(command, Delete) for command in commands):
            TURNS.labels("noise").inc()
        elif not self._local_turns:
            self._telemetry.begin(self._speech_end or self._call.seconds)
            self._speech_end = None
            # Whoever goes on speaking interrupts.
            self._detector.rest()
        await self._do(commands)

    async def _model_audio(self, event: protocol.Audio) -> None:
        if not self._turns.takes(event.response_id) or await self._downlink.audio(event):
            return
        logger.warning(
            "model_response_cut",
            call=self._call.id,
            message="it is longer than ASSISTANT_BUFFER_SECONDS",
        )
        await self._do(self._turns.overflowed())

    async def _response_done(self, event: protocol.ResponseDone) -> None:
        if self._turns.takes(event.response_id) and event.response_id == self._downlink.response:
            await self._downlink.end_item()
        self._telemetry.tokens(event.tokens)
        commands = self._turns.done(event.response_id)
        if event.status == "failed" and not commands:
            if event.reason in FATAL or self._retried:
                raise ModelError(
                    FATAL.get(event.reason, "refused"),
                    f"the model failed to respond: {event.reason}",
                )
            # Once more, as the server asks for.
            logger.warning("model_response_failed", call=self._call.id, reason=event.reason)
            self._retried = True
            commands = self._turns.written()
        elif event.status == "completed":
            self._retried = False
        await self._do(commands)

    async def _server_error(self, event: protocol.ServerError) -> None:
        if event.code in FATAL:
            raise ModelError(FATAL[event.code], event.message)
        active = event.code == "conversation_already_has_active_response"
        level = (
            logger.debug if active or event.code == "response_cancel_not_active" else logger.warning
        )
        level("model_error", call=self._call.id, code=event.code, message=event.message)
        if active or event.event_id.startswith("create-"):
            await self._do(self._turns.refused(active))

    # Functions

    async def _function(self, event: protocol.FunctionCall) -> None:
        takes = self._turns.takes(event.response_id)
        if takes:
            output, error = await self._tools.call(event.name, event.arguments)
        else:
            output, error = '{"error": "not called: the caller interrupted"}', None
        logger.info(
            "function",
            call=self._call.id,
            name=event.name,
            error=f"{type(error).__name__}: {error}" if error else None,
        )
        async with self._lock:
            self._connection.send(protocol.function_output(event.call_id, output))
            goodbye = takes and event.name == HANG_UP
            spoke = event.response_id == self._downlink.response
            await self._do(self._turns.function_returned(event.response_id, goodbye and spoke))
            if goodbye and self._goodbye is None:
                self._goodbye = self._start(self._hang_up())

    async def _hang_up(self) -> None:
        """End the call when the goodbye was heard, unless the caller interrupts it."""
        try:
            async with asyncio.timeout(GOODBYE_SECONDS):
                while self._turns.busy or self._playout.audible:
                    self._progress.clear()
                    await self._playout.heard()
                    if self._turns.busy:
                        await self._progress.wait()
        except TimeoutError:
            logger.warning("goodbye_not_heard", call=self._call.id)
        await self._call.hang_up()

    # What the turns decide

    async def _do(self, commands: list[Command], instructions: str = "") -> None:
        for command in commands:
            match command:
                case Hold():
                    self._arm_release()
                    await self._playout.hold()
                case Resume():
                    self._release.cancel()
                    await self._playout.resume()
                case Stop():
                    self._release.cancel()
                    if self._goodbye is not None:
                        self._goodbye.cancel()
                        self._goodbye = None
                    self._downlink.drop()
                    await self._playout.stop()
                case Create():
                    self._creates += 1
                    self._connection.send(protocol.create(f"create-{self._creates}", instructions))
                case Cancel(response_id=response):
                    self._connection.send(protocol.cancel(response, f"cancel-{response}"))
                case Commit():
                    self._connection.send(protocol.commit())
                case Delete(item_id=item):
                    self._connection.send(protocol.delete(item))

    def _arm_release(self) -> None:
        """Go on after a while even if no more of the caller's audio comes to decide by."""
        seconds = self._settings.assistant_decide_ms / 1000 + RELEASE_SECONDS
        self._release.cancel()
        self._release = asyncio.get_running_loop().call_later(
            seconds, lambda: self._start(self._go_on())
        )

    async def _go_on(self) -> None:
        async with self._lock:
            await self._do(self._turns.noise())

    def _stopped(self, items: list[Item], silent: float) -> None:
        """Tell the model what was not heard, now that it is known."""
        messages, truncated = corrections(items, self._downlink)
        for message in messages:
            self._connection.send(message)
        if items:
            self._telemetry.interrupted(self._onset, silent, truncated)

    def _first_sent(self, item: Item, at: float) -> None:
        if item.item_id:
            self._telemetry.first_audio(at)

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)
        return task

    def _finished(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not isinstance(error, CallEnded):
            logger.error("assistant_failed", call=self._call.id, exc_info=error)
