"""Function calls of the model in one conversation: each runs beside it, and its output goes back.

`hang_up` ends the call when the goodbye was heard, unless the caller interrupts it.
"""

from __future__ import annotations

import asyncio

from echo_service.logs import get_logger

from . import protocol
from .bridge import Bridge
from .tools import HANG_UP, ToolError, Tools

__all__ = ["FunctionCalls"]

logger = get_logger(__name__)

GOODBYE_SECONDS = 30.0
"""How long a goodbye may take to be heard."""


class FunctionCalls:
    """Calls the functions that the model asks for.

    Args:
        bridge: parts of the conversation.
        tools: the functions.

    """

    def __init__(self, bridge: Bridge, tools: Tools) -> None:
        self._call = bridge.call
        self._tools = tools
        self._turns = bridge.turns
        self._executor = bridge.executor
        self._connection = bridge.connection
        self._playout = bridge.playout
        self._downlink = bridge.downlink
        self._tasks = bridge.tasks
        self._goodbye: asyncio.Task[None] | None = None
        self._progress = asyncio.Event()

    def start(self, event: protocol.FunctionCall) -> None:
        """Call a function beside the conversation."""
        self._turns.function_called(event.response_id)
        self._tasks.start(self._run(event))

    def progress(self) -> None:
        """A message of the model was dealt with: it may have been its last word."""
        self._progress.set()

    def interrupted(self) -> None:
        """The caller has something to add: a goodbye is taken back."""
        if self._goodbye is not None:
            self._goodbye.cancel()
            self._goodbye = None

    async def _run(self, event: protocol.FunctionCall) -> None:
        takes = self._turns.takes(event.response_id)
        if takes:
            output, error = await self._tools.call(event.name, event.arguments)
        else:
            output, error = '{"error": "not called: the caller interrupted"}', None
        if error is None or isinstance(error, ToolError):
            logger.info("function", call=self._call.id, name=event.name, error=error and str(error))
        else:
            # It is the user's own, who needs to see where it failed.
            logger.error("function", call=self._call.id, name=event.name, exc_info=error)
        async with self._executor.lock:
            self._connection.send(protocol.function_output(event.call_id, output))
            goodbye = takes and event.name == HANG_UP
            spoke = event.response_id == self._downlink.response
            await self._executor.do(
                self._turns.function_returned(event.response_id, goodbye and spoke)
            )
            if goodbye and self._goodbye is None:
                self._goodbye = self._tasks.start(self._hang_up())

    async def _hang_up(self) -> None:
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
