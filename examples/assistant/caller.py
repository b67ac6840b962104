"""Caller: what the call brings, told to the detector, the turns and the model."""

from __future__ import annotations

import asyncio

from echo_service.handlers import Cleared, Dtmf, Notify

from . import protocol
from .bridge import Bridge
from .detector import Detector, Heard
from .uplink import Uplink

__all__ = ["Caller"]

KEYS_SECONDS = 1.0
"""After a key, how long the next may take to belong to the same message."""


class Caller:
    """Listens to the caller.

    Args:
        bridge: parts of the conversation.
        uplink: takes their audio to the model.
        detector: tells their speech from noises.

    """

    def __init__(self, bridge: Bridge, uplink: Uplink, detector: Detector) -> None:
        self._call = bridge.call
        self._uplink = uplink
        self._detector = detector
        self._playout = bridge.playout
        self._turns = bridge.turns
        self._executor = bridge.executor
        self._connection = bridge.connection
        self._telemetry = bridge.telemetry
        self._tasks = bridge.tasks
        self._silence_seconds = bridge.settings.assistant_silence_ms / 1000
        self._local_turns = bridge.settings.local_turns
        self._digits = ""
        self._keys: asyncio.TimerHandle | None = None

    async def listen(self) -> None:
        """Listen until the call is over."""
        async for at, event in self._call:
            async with self._executor.lock:
                match event:
                    case bytes():
                        await self._audio(at, event)
                    case Notify(payload=payload):
                        self._playout.answered(payload, at)
                    case Cleared():
                        await self._playout.cleared(at)
                    case Dtmf(digit=digit):
                        await self._key(digit)

    def close(self) -> None:
        """The call is over."""
        if self._keys is not None:
            self._keys.cancel()

    async def _audio(self, at: float, pcm: bytes) -> None:
        self._uplink.frame(pcm)
        for heard in self._detector.feed(pcm, self._playout.echo(at)):
            await self._heard(heard, at)
        self._telemetry.state(self._turns.state(self._playout.audible))

    async def _heard(self, heard: Heard, at: float) -> None:
        match heard:
            case Heard.ONSET:
                self._telemetry.onset = at
                self._uplink.begin_turn()
                await self._executor.do(self._turns.onset())
            case Heard.SPEECH:
                await self._executor.do(self._turns.speech())
            case Heard.ECHO:
                self._turns.echo()
            case Heard.NOISE:
                self._telemetry.noise(at)
                await self._executor.do(self._turns.noise())
            case Heard.PASSED:
                self._uplink.forget_turn()
            case Heard.END:
                self._telemetry.speech_end = at - self._silence_seconds
                self._uplink.end_turn()
                if self._local_turns:
                    self._telemetry.begin(self._telemetry.speech_end)
                await self._executor.do(self._turns.silence())

    async def _key(self, digit: str) -> None:
        self._digits += digit
        await self._executor.do(self._turns.pressed())
        if self._keys is not None:
            self._keys.cancel()
        loop = asyncio.get_running_loop()
        self._keys = loop.call_later(KEYS_SECONDS, lambda: self._tasks.start(self._tell_keys()))

    async def _tell_keys(self) -> None:
        async with self._executor.lock:
            digits, self._digits = self._digits, ""
            self._connection.send(protocol.user_text(f"[The caller pressed the keys {digits}]"))
            self._telemetry.begin(self._call.seconds)
            await self._executor.do(self._turns.written())
