"""Looks over the live connections, twice a second: who must go, and how late the loop is."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from websockets.protocol import State

from . import wire
from .connection import CallConnection
from .settings import Settings

__all__ = ["Sweeper"]

SWEEP_SECONDS = 0.5


class Sweeper:
    """One timer for all connections, instead of some for each.

    Args:
        connections: the live ones.
        settings: of the process.
        close_seconds: how long a peer may take to answer a close.

    """

    def __init__(
        self, connections: Iterable[CallConnection], settings: Settings, close_seconds: float
    ) -> None:
        self.lag = self.worst_lag = 0.0
        """Seconds that the event loop was late, the last time and at worst."""
        self._connections = connections
        self._settings = settings
        self._close_seconds = close_seconds
        self._clock = asyncio.get_running_loop().time

    async def run(self) -> None:
        """Sweep for ever."""
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
        for connection in list(self._connections):
            self._look_at(connection, now)

    def _look_at(self, connection: CallConnection, now: float) -> None:
        settings = self._settings
        call, stalled = connection.call, connection.stalled
        if connection.deadline is not None:
            if now > connection.deadline:
                connection.cut()
        elif connection.state is State.CLOSING:
            connection.deadline = now + self._close_seconds
        elif call is None:
            pass  # The handshake has a time limit of its own.
        elif stalled is not None and now - stalled > settings.slow_reader_seconds:
            connection.end(wire.SLOW_READER, "reads too slowly", "slow_reader")
        elif now - connection.last_heard() > settings.silence_seconds:
            connection.end(wire.SILENT, "nothing heard", "silent")
        elif now - call.opened > settings.max_call_seconds:
            connection.end(wire.TOO_LONG, "the call is too long", "too_long")
