"""The live connections and calls, from their first to their last moment."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
from collections import Counter
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from websockets.frames import CloseCode

from . import wire
from .call import Call
from .connection import CallConnection
from .endings import HARMLESS, ending
from .handlers import Handler
from .handlers.echo import echo
from .handlers.record import record
from .handling import Handling
from .heartbeat import Heartbeat
from .lobby import Lobby
from .logs import event
from .recording import Recorder, masked
from .settings import Settings
from .sweeper import Sweeper
from .tally import Tally
from .texts import log_text
from .turns import Turns
from .watch import Blockages

__all__ = ["Switchboard"]

logger = logging.getLogger(__name__)

CLOSE_SECONDS = 5.0
"""How long a peer may take to answer a close."""


class Switchboard:
    """Keeps every connection, and every call.

    Args:
        settings: of the process.
        handler: what happens to the audio.

    """

    def __init__(self, settings: Settings, handler: Handler) -> None:
        loop = asyncio.get_running_loop()
        self.settings = settings
        self._records = settings.record or handler is record
        self.recorder: Recorder | None = None
        # Old recordings go also when no new ones are made any more.
        if self._records or settings.recordings_days:
            self.recorder = Recorder(Path(settings.recordings_dir), settings.recordings_days)
        # The engine itself echoes, where nobody needs to see the audio.
        self.handler = None if handler is echo and not self._records else handler
        self.turns = Turns(loop)
        self.close_seconds = CLOSE_SECONDS
        self.connections: set[CallConnection] = set()
        self.lobby = Lobby(settings.max_handshakes, settings.max_handshakes_per_address)
        self.sweeper = Sweeper(self.connections, settings, CLOSE_SECONDS)
        self.calls: dict[CallConnection, Call] = {}
        self.idle = asyncio.Event()
        self.idle.set()
        # What has been, for the metrics.
        self.endings: Counter[str] = Counter()
        self.ended_calls = Tally()
        self.blockages = Blockages()
        self.heartbeat = Heartbeat(self.blockages, settings.drain_seconds)
        self._clock = loop.time
        self._numbers = itertools.count(1)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._sweeping: asyncio.Task[None]

    def start(self) -> None:
        """Begin to look over the connections, and the loop."""
        self.heartbeat.start()
        self._sweeping = asyncio.get_running_loop().create_task(self.sweeper.run())
        if self.recorder is not None:
            self.recorder.open()

    async def stop(self) -> None:
        """End what is still running for calls that have ended."""
        self._sweeping.cancel()
        await asyncio.wait([self._sweeping, *self._tasks], timeout=2 * CLOSE_SECONDS)
        if self.recorder is not None:
            await self.recorder.close()
        self.heartbeat.stop()

    def hold(self, work: asyncio.Task[Any] | Coroutine[Any, Any, None]) -> None:
        """Keep a task until it is done."""
        loop = asyncio.get_running_loop()
        task = work if isinstance(work, asyncio.Task) else loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # Connections

    def arrived(self, connection: CallConnection) -> None:
        """Take a new connection."""
        self.connections.add(connection)
        self.lobby.enter(connection)

    def accepted(self, connection: CallConnection, expected_id: str | None) -> None:
        """Open a call: its handshake is done.

        Args:
            connection: of the call.
            expected_id: the id that the handshake has proved, if it has.

        """
        self.lobby.results["accepted"] += 1
        call = Call(next(self._numbers), self.settings.max_texts_per_second, self._clock)
        call.expected_id = expected_id
        call.id = expected_id or call.id
        connection.call = call
        connection.heard = self._clock()
        self.calls[connection] = call
        self.idle.clear()

    def left(self, connection: CallConnection) -> None:
        """Forget a connection that is gone, and end its call unless it still has work to do."""
        self.connections.discard(connection)
        if self.lobby.leave(connection):
            self.lobby.refused("incomplete", connection)
        if not connection.consuming:
            self.ended(connection)

    def ended(self, connection: CallConnection) -> None:
        """Sum up a call that is over."""
        call = self.calls.pop(connection, None)
        if call is None:
            return
        end = ending(connection.protocol.close_exc, call.reason)
        facts = call.summary() | {
            "reason": end.reason,
            "close_code": end.code,
            "closed_by": end.closed_by,
        }
        if call.started or end.reason not in HARMLESS:
            self.ended_calls.add(call.figures())
            self.endings[end.reason] += 1
            event(
                logger, "call_ended", **facts, notes=json.dumps(call.notes) if call.notes else None
            )
        else:
            event(logger, "probe", logging.DEBUG, **facts)
        if connection.handling is not None:
            self.hold(connection.handling.finish())
            if connection.handling.recording is not None:
                metadata = dict(call.metadata)
                shown = metadata if self.settings.log_numbers else masked(metadata)
                connection.handling.recording.end(shown, facts | {"notes": call.notes})
        call.settle = None
        if not self.calls:
            self.idle.set()

    # What a peer sends

    def audio(self, connection: CallConnection, call: Call, data: bytes) -> None:
        """Hand audio to the asynchronous handler."""
        if self.handler is not None:
            self._handled(self.handler, connection, call).audio.put(data)

    def _handled(self, handler: Handler, connection: CallConnection, call: Call) -> Handling:
        if connection.handling is None:
            recording = None
            if self._records and self.recorder is not None and call.rate is not None:
                recording = self.recorder.start(call.id, call.rate)
            connection.handling = Handling(handler, connection, call, recording)
        return connection.handling

    def text(self, connection: CallConnection, call: Call, text: str) -> None:
        """Take a text message."""
        call.tally.texts += 1
        if call.reason is not None:
            return
        if not call.budget.take():
            connection.end(
                CloseCode.POLICY_VIOLATION,
                f"over {self.settings.max_texts_per_second} texts a second",
                "text_flood",
            )
            return
        message = wire.parse(text)
        if isinstance(message, wire.Connected):
            if call.content_type is not None:
                message = wire.Other(text, "connected a second time")
            elif call.expected_id not in (None, message.metadata.get("uuid")):
                connection.end(
                    CloseCode.POLICY_VIOLATION, "not the call of the ticket", "wrong_call"
                )
                event(
                    logger,
                    "wrong_call",
                    logging.WARNING,
                    call=call.id,
                    seen=wire.call_id(message.metadata) or "no uuid",
                    message="the uuid of the first message is not that of the ticket",
                )
                return
            else:
                call.connected(message)
        if self.handler is not None:
            self._handled(self.handler, connection, call).audio.put(message)
        log_text(call, message, self.settings.log_numbers)
