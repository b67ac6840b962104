"""What the parts of one running call share."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from phone.legs.callers import Caller
from phone.legs.identity import Identity
from phone.legs.log import CallLog, Problem, Severity
from phone.platform.settings import Application, Behaviour
from phone.platform.webhook_queue import WebhookQueue
from phone.platform.webhooks import WebhookClient

__all__ = ["CallContext", "Progress"]

T = TypeVar("T")


@dataclass(frozen=True)
class Progress:
    """How far the audio of a socket is."""

    frames: int
    of: int


@dataclass(frozen=True)
class CallContext:
    """One running call.

    Args:
        identity: who calls whom.
        caller: what they say.
        application: who is called.
        behaviour: of the platform.
        webhooks: the HTTP client.
        events: takes the events.
        log: takes what happens.
        hang_up: set when the caller hangs up early.
        on_progress: told about the audio's progress.
    """

    identity: Identity
    caller: Caller
    application: Application
    behaviour: Behaviour
    webhooks: WebhookClient
    events: WebhookQueue
    log: CallLog
    hang_up: asyncio.Event
    on_progress: Callable[[Progress], None] | None = None

    @property
    def hung_up(self) -> bool:
        """Whether the caller has hung up early."""
        return self.hang_up.is_set()

    def problem(self, step: str, seen: str, advice: str, severity: Severity = "failure") -> None:
        """Note that something went wrong; strictly, a warning is a failure."""
        severity = "failure" if self.behaviour.strict else severity
        self.log.record(Problem(step, seen, advice, severity))

    async def unless_hung_up(self, work: Awaitable[T]) -> T | None:
        """Return what `work` returns, or None as soon as the caller hangs up."""
        task = asyncio.ensure_future(work)
        over = asyncio.create_task(self.hang_up.wait())
        try:
            await asyncio.wait({task, over}, return_when=asyncio.FIRST_COMPLETED)
            return task.result() if task.done() else None
        finally:
            over.cancel()
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.gather(task, over, return_exceptions=True)
