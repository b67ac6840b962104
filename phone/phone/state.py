"""What the parts of one running call share."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from phone.plan import CallPlan
from phone.postbox import Postbox
from phone.report import CallReport, Problem, Severity
from phone.signature import Signer
from phone.timeline import Timeline
from phone.webhooks import Webhooks

__all__ = ["CallState", "Progress"]

T = TypeVar("T")


@dataclass(frozen=True)
class Progress:
    """How far the audio of a socket is."""

    frames: int
    of: int


@dataclass
class CallState:
    """One running call.

    Args:
        plan: what to call and how.
        webhooks: the HTTP client.
        timeline: where moments go.
        report: filled on the way.
        post: takes the events.
        hang_up: set when the caller hangs up early.
        signer: signs handshakes that ask for it; None: there is no signature secret.
        on_progress: told about the audio's progress.
    """

    plan: CallPlan
    webhooks: Webhooks
    timeline: Timeline
    report: CallReport
    post: Postbox
    hang_up: asyncio.Event
    signer: Signer | None = None
    on_progress: Callable[[Progress], None] | None = None

    @property
    def hung_up(self) -> bool:
        """Whether the caller has hung up early."""
        return self.hang_up.is_set()

    def problem(self, step: str, seen: str, advice: str, severity: Severity = "failure") -> None:
        """Note that something went wrong; strictly, a warning is a failure."""
        self.report.problems.append(
            Problem(step, seen, advice, "failure" if self.plan.strict else severity)
        )

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
