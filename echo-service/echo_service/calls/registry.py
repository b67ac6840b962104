"""Registry of live connections and calls."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import Counter
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from websockets.frames import CloseCode

from .. import protocol
from ..call import Call, CallTotals
from ..handlers import Event, HandlerRunner, HandlerTask
from ..logs import get_logger
from ..websocket import CallConnection, CloseInfo
from .ended_calls import DONE, EndedCalls
from .pending_handshakes import PendingHandshakes
from .text_log import log_text

if TYPE_CHECKING:
    from ..call.traces import Traces

__all__ = ["CallRegistry"]

logger = get_logger(__name__)

HARMLESS = frozenset(("hang_up", "lost", "stopped"))
"""How a connection may end that sent no message, without being logged as a call."""


class CallRegistry:
    """Registry of live connections and calls; what connections report to (`ConnectionEvents`).

    Args:
        pending: connections without a handshake.
        runner: of the audio handlers; None if connections echo.
        traces: of calls; None without a collector.
        texts_per_second: text messages that a peer may send.
        log_numbers: whether numbers of callers are logged in full.
        clock: of the event loop.

    """

    def __init__(
        self,
        pending: PendingHandshakes,
        runner: HandlerRunner | None,
        traces: Traces | None = None,
        *,
        texts_per_second: int,
        log_numbers: bool,
        clock: Callable[[], float],
    ) -> None:
        self.connections: set[CallConnection] = set()
        self.calls: dict[CallConnection, Call] = {}
        self.idle = asyncio.Event()
        """Set while there are no calls."""
        self.idle.set()
        self.close_reasons: Counter[str] = Counter()
        """Calls that have ended since the start of the process, by reason."""
        self.ended_calls = EndedCalls(clock)
        self.resumed = 0
        """Calls that came from another process, or back, since the start of the process."""
        self._pending = pending
        self._runner = runner
        self._traces = traces
        self._texts_per_second = texts_per_second
        self._log_numbers = log_numbers
        self._clock = clock
        self._handler_tasks: dict[CallConnection, HandlerTask] = {}
        self._ended_totals = CallTotals()
        self._numbers = itertools.count(1)

    def totals(self) -> CallTotals:
        """Return the sums over all calls since the start of the process, live ones included."""
        live = (call.stats.totals() for call in self.calls.values())
        return sum(live, self._ended_totals)

    def accepted(self, connection: CallConnection) -> None:
        """Open the call of a connection whose handshake is accepted."""
        call = Call(next(self._numbers), self._texts_per_second, self._clock)
        call.expected_id = connection.proved_call_id
        call.id = connection.proved_call_id or call.id
        connection.open_call(call)
        self.calls[connection] = call
        self.idle.clear()

    def state_of(self, call_id: str) -> Mapping[str, object] | None:
        """Return whether a call is live or how it ended recently; None for an unknown one.

        Args:
            call_id: the `uuid` of its first message.

        """
        for call in self.calls.values():
            if call.id == call_id:
                reason, seconds = call.close_reason, 0.0
                break
        else:
            ending = self.ended_calls.get(call_id)
            if ending is None:
                return None
            reason, seconds = ending.reason, self._clock() - ending.at
        return {
            "call": call_id,
            "live": reason is None,
            "done": reason in DONE,
            "reason": reason,
            "seconds_ago": round(seconds, 3),
        }

    # What connections report

    def opened(self, connection: CallConnection) -> None:
        """Add a new connection."""
        self.connections.add(connection)
        self._pending.add(connection)

    def audio_sink(self, connection: CallConnection, call: Call) -> Callable[[bytes], None]:
        """Return what takes the audio of a call: its handler, which is started if need be."""
        if self._runner is None:
            raise RuntimeError("audio is echoed: no handler takes it")
        return self._started(connection, call, self._runner).audio.put

    def text(self, connection: CallConnection, call: Call, text: str) -> None:
        """Count, parse and log a text message, and pass it to the call's handler."""
        call.stats.texts += 1
        if call.close_reason is not None:
            return
        if not call.text_limit.take():
            reason = f"over {self._texts_per_second} texts a second"
            connection.end_call(CloseCode.POLICY_VIOLATION, reason, "text_flood")
            return
        message = protocol.parse(text)
        if isinstance(message, protocol.Connected):
            if call.content_type is not None:
                message = protocol.Other(text, "connected a second time")
            elif call.expected_id not in (None, message.metadata.get("uuid")):
                self._refuse_wrong_call(connection, call, message)
                return
            else:
                call.connected(message)
                self._begin_trace(connection, call)
                self.ended_calls.forget(call.id)
                self.resumed += bool(call.resumed)
        elif isinstance(message, protocol.Dtmf):
            message = call.signals.read(message)
        self._put(connection, call, message)
        log_text(call, message, self._log_numbers)

    def lost(self, connection: CallConnection) -> None:
        """Remove a connection that is gone."""
        self.connections.discard(connection)
        if self._pending.remove(connection):
            self._refuse_lost(connection)

    def ended(self, connection: CallConnection) -> None:
        """End a call: the only place where that happens, whichever side closed it."""
        call = self.calls.pop(connection, None)
        if call is None:
            return
        close = CloseInfo.of(connection.protocol.close_exc, call.close_reason)
        facts = call.summary() | {
            "reason": close.reason,
            "close_code": close.code,
            "closed_by": close.closed_by,
        }
        if call.started or close.reason not in HARMLESS:
            self._ended_totals += call.stats.totals()
            self.close_reasons[close.reason] += 1
            self.ended_calls.add(call.id, close.reason)
            notes = json.dumps(call.notes) if call.notes else None
            logger.info("call_ended", **facts, notes=notes)
        else:
            logger.debug("probe", **facts)
        if call.trace is not None:
            call.trace.end(facts, failed=close.reason == "handler_failed")
        task = self._handler_tasks.pop(connection, None)
        if task is not None and self._runner is not None:
            self._runner.finish(task, facts)
        if not self.calls:
            self.idle.set()

    def _begin_trace(self, connection: CallConnection, call: Call) -> None:
        if self._traces is not None:
            call.trace = self._traces.call(
                call.metadata.get("traceparent"),
                call.opened_at - connection.opened_at,
                call.seconds,
            )

    def _put(self, connection: CallConnection, call: Call, event: Event) -> None:
        if self._runner is not None:
            self._started(connection, call, self._runner).audio.put(event)

    def _started(
        self, connection: CallConnection, call: Call, runner: HandlerRunner
    ) -> HandlerTask:
        task = self._handler_tasks.get(connection)
        if task is None:
            task = self._handler_tasks[connection] = runner.start(connection, call)
        return task

    def _refuse_lost(self, connection: CallConnection) -> None:
        """Count a connection that ended before its handshake."""
        error = connection.protocol.handshake_exc
        if connection.refusal is None and error is not None and not _is_incomplete(error):
            # The library gave up on it: a request line that is too long, or no HTTP at all.
            # What stands behind a colon is the peer's own, perhaps with a token.
            seen = str(error.__cause__ or error).partition(":")[0]
            self._pending.refused("bad_request", connection, message=seen)
        else:
            self._pending.refused(connection.refusal or "incomplete", connection)

    def _refuse_wrong_call(
        self, connection: CallConnection, call: Call, message: protocol.Connected
    ) -> None:
        connection.end_call(CloseCode.POLICY_VIOLATION, "not the call of the ticket", "wrong_call")
        logger.warning(
            "wrong_call",
            call=call.id,
            seen=protocol.call_id(message.metadata) or "no uuid",
            message="the uuid of the first message is not that of the ticket",
        )


def _is_incomplete(error: Exception) -> bool:
    return isinstance(error, EOFError) or isinstance(error.__cause__, EOFError)
