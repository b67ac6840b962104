"""Execution of what the turns decide: by the playout, and by messages to the model."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from . import protocol
from .commands import Cancel, Command, Commit, Create, Delete, Hold, Resume, Stop
from .connection import Connection
from .downlink import Downlink
from .playout import Playout
from .tasks import Tasks
from .turns import Turns

__all__ = ["Executor"]

RELEASE_SECONDS = 0.5
"""After the time to decide, how long the caller's audio may be missing."""


class Executor:
    """Does what the turns decide.

    Args:
        turns: which decide.
        playout: what the caller hears.
        downlink: audio on its way to the playout.
        connection: to the model.
        tasks: of the call.
        decide_seconds: within which a held playout is resumed or stopped, while audio comes.

    """

    def __init__(
        self,
        turns: Turns,
        playout: Playout,
        downlink: Downlink,
        connection: Connection,
        tasks: Tasks,
        decide_seconds: float,
    ) -> None:
        self.lock = asyncio.Lock()
        """Held by whoever deals with an event, so that each is dealt with whole before the next."""
        self.stopped: Callable[[], None] = lambda: None
        """Told when the caller has interrupted."""
        self._turns = turns
        self._playout = playout
        self._downlink = downlink
        self._connection = connection
        self._tasks = tasks
        self._hold_seconds = decide_seconds + RELEASE_SECONDS
        self._creates = 0
        self._release: asyncio.TimerHandle | None = None

    async def do(self, commands: list[Command], instructions: str = "") -> None:
        """Carry out commands in order.

        Args:
            commands: what the turns have decided.
            instructions: for the response that is asked for, if one is.

        """
        for command in commands:
            match command:
                case Hold():
                    self._arm_release()
                    await self._playout.hold()
                case Resume():
                    self._disarm_release()
                    await self._playout.resume()
                case Stop():
                    self._disarm_release()
                    self.stopped()
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

    def close(self) -> None:
        """The call is over."""
        self._disarm_release()

    def _arm_release(self) -> None:
        """Go on after a while even if no more of the caller's audio comes to decide by."""
        self._disarm_release()
        loop = asyncio.get_running_loop()
        self._release = loop.call_later(
            self._hold_seconds, lambda: self._tasks.start(self._go_on())
        )

    def _disarm_release(self) -> None:
        if self._release is not None:
            self._release.cancel()

    async def _go_on(self) -> None:
        async with self.lock:
            await self.do(self._turns.noise())
