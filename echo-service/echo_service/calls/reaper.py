"""Reaper: ends what is silent, slow to read, too long, or not answering; pings the others."""

from __future__ import annotations

import asyncio
from collections.abc import Collection

from websockets.protocol import State

from .. import protocol
from ..settings import Settings
from ..websocket import CallConnection

__all__ = ["Reaper"]

SWEEP_SECONDS = 0.5
AT_ONCE = 16  # connections that are ended or pinged before the event loop has a turn: some 4 ms


class Reaper:
    """Checks all connections twice a second: one timer instead of several for each.

    Args:
        connections: the live ones.
        settings: of the process.
        close_seconds: how long a peer may take to answer a close.

    """

    def __init__(
        self, connections: Collection[CallConnection], settings: Settings, close_seconds: float
    ) -> None:
        self._connections = connections
        self._settings = settings
        self._close_seconds = close_seconds
        self._task: asyncio.Task[None]

    def start(self) -> None:
        """Start sweeping."""
        self._task = asyncio.get_running_loop().create_task(self._run())

    async def stop(self) -> None:
        """Stop sweeping."""
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_SECONDS)
            await self.sweep(asyncio.get_running_loop().time())

    async def sweep(self, now: float) -> None:
        """End every connection that has exceeded a limit; ping those whose ping is due.

        Args:
            now: seconds on the event loop's clock.

        """
        dealt_with = 0
        for connection in list(self._connections):
            if connection in self._connections and self._check(connection, now):
                dealt_with += 1
                if dealt_with % AT_ONCE == 0:
                    # Hundreds may have come at once, and be due at once: calls go on between.
                    await asyncio.sleep(0)

    def _check(self, connection: CallConnection, now: float) -> bool:
        """Return whether something was due."""
        settings = self._settings
        call, blocked_since = connection.call, connection.write_blocked_since
        if connection.abort_at is not None:
            if now <= connection.abort_at:
                return False
            connection.abort()
        elif connection.state is State.CLOSING:
            connection.abort_at = now + self._close_seconds
        elif call is None:
            if now - connection.opened_at <= settings.handshake_seconds:
                return False
            connection.abort()
        elif blocked_since is not None and now - blocked_since > settings.slow_reader_seconds:
            connection.end_call(protocol.SLOW_READER, "reads too slowly", "slow_reader")
        elif now - connection.last_received > settings.silence_seconds:
            connection.end_call(protocol.SILENT, "nothing received", "silent")
        elif now - call.opened_at > settings.max_call_seconds:
            connection.end_call(protocol.TOO_LONG, "the call is too long", "too_long")
        elif now >= connection.ping_at:
            connection.ping_now()
        else:
            return False
        return True
