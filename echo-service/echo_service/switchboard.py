"""The live connections and calls: what they say in text, and when they must end."""

from __future__ import annotations

import asyncio
import itertools
import json
import logging
from collections import Counter, OrderedDict
from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from websockets.asyncio.server import ServerConnection
from websockets.frames import CloseCode
from websockets.protocol import State

from . import wire
from .call import Call
from .connection import CallConnection
from .handlers import Handler
from .handlers.echo import echo
from .handlers.record import record
from .handling import Handling
from .logs import Budget, event, mask
from .recording import Recorder, masked
from .settings import Settings
from .tally import Tally
from .turns import Turns

__all__ = ["Switchboard"]

logger = logging.getLogger(__name__)

SWEEP_SECONDS = 0.5
"""How often the live connections are looked over."""

CLOSE_SECONDS = 5.0
"""How long a peer may take to answer a close."""

REFUSALS = (10, 1)
"""Log lines about refused peers: so many at once, so many a second from then on."""


class Switchboard:
    """Keeps every connection from its first to its last moment.

    Args:
        settings: of the process.
        handler: what happens to the audio.

    """

    def __init__(self, settings: Settings, handler: Handler) -> None:
        loop = asyncio.get_running_loop()
        self.settings = settings
        self.recorder: Recorder | None = None
        if settings.record or handler is record:
            self.recorder = Recorder(Path(settings.recordings_dir), settings.recordings_days)
        # The engine itself echoes, where nobody needs to see the audio.
        self.handler = None if handler is echo and self.recorder is None else handler
        self.turns = Turns(loop)
        self.close_seconds = CLOSE_SECONDS
        self.connections: set[CallConnection] = set()
        self.calls: dict[CallConnection, Call] = {}
        self.idle = asyncio.Event()
        self.idle.set()
        # What has been, for the metrics.
        self.handshakes: Counter[str] = Counter()
        self.endings: Counter[str] = Counter()
        self.ended_calls = Tally()
        self.lag = self.worst_lag = 0.0
        self.blocked = 0
        self.blocked_seconds = 0.0
        self._clock = loop.time
        self._numbers = itertools.count(1)
        self._waiting: OrderedDict[CallConnection, None] = OrderedDict()
        self._waiting_at: Counter[str] = Counter()
        self._refusals = Budget(*REFUSALS)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._sweeper: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look over the connections."""
        self._sweeper = asyncio.get_running_loop().create_task(self._sweep_for_ever())
        if self.recorder is not None:
            self.recorder.open()

    async def stop(self) -> None:
        """End what is still running for calls that have ended."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        tasks = [task for task in (self._sweeper, *self._tasks) if task is not None]
        if tasks:
            await asyncio.wait(tasks, timeout=2 * CLOSE_SECONDS)
        if self.recorder is not None:
            await self.recorder.close()

    def hold(self, work: asyncio.Task[Any] | Coroutine[Any, Any, None]) -> None:
        """Keep a task until it is done."""
        loop = asyncio.get_running_loop()
        task = work if isinstance(work, asyncio.Task) else loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # Connections

    def arrived(self, connection: CallConnection) -> None:
        """Take a new connection, and make room for it among those without a handshake.

        Over the limit the one that has waited longest goes: an honest handshake takes
        milliseconds, so it is hardly ever an honest one.
        """
        self.connections.add(connection)
        self._waiting[connection] = None
        self._waiting_at[connection.address] += 1
        if self._waiting_at[connection.address] > self.settings.max_handshakes_per_address:
            self._give_way(next(c for c in self._waiting if c.address == connection.address))
        elif len(self._waiting) > self.settings.max_handshakes:
            self._give_way(next(iter(self._waiting)))

    def _give_way(self, connection: CallConnection) -> None:
        self._heard_request(connection)
        self.refused("too_many_handshakes", connection)
        connection.cut()

    def _heard_request(self, connection: CallConnection) -> bool:
        if connection not in self._waiting:
            return False
        del self._waiting[connection]
        self._waiting_at[connection.address] -= 1
        if not self._waiting_at[connection.address]:
            del self._waiting_at[connection.address]
        return True

    def requested(self, connection: ServerConnection) -> None:
        """Note that the request has come in full."""
        if isinstance(connection, CallConnection):
            self._heard_request(connection)

    def refused(self, reason: str, connection: ServerConnection, **facts: str) -> None:
        """Count and log a peer that did not get its socket.

        Args:
            reason: one word of a small set.
            connection: of the peer.
            facts: for the log.

        """
        self.handshakes[reason] += 1
        if self._refusals.take():
            address = connection.address if isinstance(connection, CallConnection) else None
            event(
                logger,
                "handshake_refused",
                logging.WARNING,
                reason=reason,
                peer=address,
                **facts,
                unlogged=self._refusals.taken_back(),
            )

    def accepted(self, connection: CallConnection, expected_id: str | None) -> None:
        """Open a call: its handshake is done.

        Args:
            connection: of the call.
            expected_id: the id that the handshake has proved, if it has.

        """
        self.handshakes["accepted"] += 1
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
        if self._heard_request(connection):
            self.refused("incomplete", connection)
        if not connection.consuming:
            self.ended(connection)

    def ended(self, connection: CallConnection) -> None:
        """Sum up a call that is over."""
        call = self.calls.pop(connection, None)
        if call is None:
            return
        code, closed_by, reason = _ending(connection, call)
        facts = call.summary() | {"reason": reason, "close_code": code, "closed_by": closed_by}
        if call.started or reason not in _OF_PROBES:
            self.ended_calls.add(call.figures())
            self.endings[reason] += 1
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
            if self.recorder is not None and call.rate is not None:
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
            elif call.expected_id not in (None, wire.call_id(message.metadata)):
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
        if call.lines.take():
            self._log(call, message)

    def _log(self, call: Call, message: wire.Message) -> None:
        shown: dict[str, object] = {"call": call.id, "unlogged": call.lines.taken_back()}
        level = logging.INFO
        match message:
            case wire.Connected():
                name = "call_started"
                shown |= {"rate": call.rate, "metadata": self._shown(dict(message.metadata))}
                if call.rate is None:
                    level = logging.WARNING
                    shown["content_type"] = message.content_type or "none"
                    shown["message"] = "the content type is not audio/l16;rate=N: sizes unchecked"
            case wire.Dtmf():
                name = "dtmf"
                digit = message.digit if self.settings.log_numbers else "masked"
                shown |= {"digit": digit, "duration_ms": message.duration_ms}
            case wire.Cleared():
                name = "cleared"
            case wire.Notify():
                name = "notify"
                shown["payload"] = self._shown(message.payload)
            case wire.Other():
                name, level = "text", logging.WARNING
                shown |= {"problem": message.problem, "text": self._shown(message.text)}
        event(logger, name, level, **shown)

    def _shown(self, value: object) -> str:
        text = value if isinstance(value, str) else json.dumps(value)
        return text if self.settings.log_numbers else mask(text)

    # The sweep

    async def _sweep_for_ever(self) -> None:
        due = self._clock()
        while True:
            due += SWEEP_SECONDS
            await asyncio.sleep(max(0.0, due - self._clock()))
            now = self._clock()
            self.lag = max(0.0, now - due)
            self.worst_lag = max(self.worst_lag, self.lag)
            due = max(due, now - SWEEP_SECONDS)
            self.sweep(now)

    def sweep(self, now: float) -> None:
        """End what must end by now.

        Args:
            now: seconds on the event loop's clock.

        """
        for connection in list(self.connections):
            self._look_at(connection, now)

    def _look_at(self, connection: CallConnection, now: float) -> None:
        settings = self.settings
        call = connection.call
        if connection.deadline is not None:
            if now > connection.deadline:
                connection.cut()
        elif connection.state is State.CLOSING:
            connection.deadline = now + self.close_seconds
        elif call is None:
            pass  # The handshake has a time limit of its own.
        elif (
            connection.stalled is not None
            and now - connection.stalled > settings.slow_reader_seconds
        ):
            connection.end(wire.SLOW_READER, "reads too slowly", "slow_reader")
        elif now - connection.last_heard() > settings.silence_seconds:
            connection.end(wire.SILENT, "nothing heard", "silent")
        elif now - call.opened > settings.max_call_seconds:
            connection.end(wire.TOO_LONG, "the call is too long", "too_long")


def _ending(connection: CallConnection, call: Call) -> tuple[int, str, str]:
    """Of a closed connection: the close code, who closed it, and why, one word of a small set."""
    error = connection.protocol.close_exc
    if error.rcvd is not None and error.rcvd_then_sent is not False:
        return error.rcvd.code, "peer", call.reason or "hang_up"
    if error.sent is not None:
        code = error.sent.code
        return code, "us", call.reason or _OUR_REASONS.get(code, "closed")
    return CloseCode.ABNORMAL_CLOSURE.value, "nobody", call.reason or "lost"


_OF_PROBES = frozenset(("hang_up", "lost", "stopped"))
"""How a connection ends that sent no message and did no harm."""

_OUR_REASONS: dict[int, str] = {
    CloseCode.GOING_AWAY: "stopped",
    CloseCode.PROTOCOL_ERROR: "protocol_error",
    CloseCode.INVALID_DATA: "bad_text",
    CloseCode.MESSAGE_TOO_BIG: "too_big",
    CloseCode.INTERNAL_ERROR: "internal_error",
}
