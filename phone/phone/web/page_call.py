"""A call of a page: the call itself, its figures on the way, its report at the end."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

from phone.legs.identity import Identity
from phone.legs.plan import CallPlan
from phone.legs.socket import SocketLeg
from phone.platform.leg import Leg
from phone.platform.place import place
from phone.report import conclude
from phone.web.figures import figures, recent_delay
from phone.web.line import PageTelephone
from phone.web.page_log import PageLog
from phone.web.past_calls import PastCall
from phone.web.switchboard import Switchboard
from phone.words import printable

__all__ = ["PageCall"]

FIGURES_SECONDS = 0.25
DELAY_EVERY = 8  # figures: comparing sounds that are not the same bytes costs time


class PageCall:
    """One call of a page, through the network that all pages share.

    Args:
        board: where meetings, other pages and past calls are.
        telephone: the page's.
        log: of the call.
        tell: takes messages for the page.

    """

    def __init__(
        self,
        board: Switchboard,
        telephone: PageTelephone,
        log: PageLog,
        tell: Callable[[Mapping[str, Any]], None],
    ) -> None:
        self._board = board
        self._telephone = telephone
        self._log = log
        self._tell = tell

    async def place(self, plan: CallPlan) -> None:
        """Place the call, run it to its end, and send the page its result."""
        async with self._watched():
            await place(
                plan,
                self._telephone,
                hang_up=self._telephone.over,
                log=self._log,
                directory=self._board.network.switch,
            )
        await self._report(plan)

    async def take(self, leg: Leg) -> None:
        """Follow a call of the application to the page, and send the page its result."""
        events = leg.events
        identity = Identity(events.caller, events.called, leg.uuid, events.conversation_uuid)
        self._log.answered()
        async with self._watched():
            await self._telephone.ended.wait()
        called = f"{printable(events.called)}, by {printable(events.caller)}"
        await self._report(CallPlan(called, identity=identity, expect="any"))

    @contextlib.asynccontextmanager
    async def _watched(self) -> AsyncIterator[None]:
        watching = asyncio.create_task(self._watch(), name="figures")
        try:
            yield
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    async def _report(self, plan: CallPlan) -> None:
        report = await conclude(plan, self._log)
        past = await asyncio.to_thread(PastCall.of, report)
        self._board.past.add(past)
        self._tell(
            {"type": "report", **past.line(), "summary": past.summary, "report": past.report}
        )

    async def _watch(self) -> None:
        """Tell the page when it may speak, and the figures of the socket that is open."""
        count, talking, delay = 0, False, None
        while True:
            if not talking and self._telephone_is_connected():
                talking = True
                self._tell({"type": "state", "state": "talking"})
            socket = self._socket()
            if socket is not None and talking:
                if count % DELAY_EVERY == 0:
                    with contextlib.suppress(ValueError):  # too little sound to compare
                        delay = await recent_delay(socket)
                self._tell({"type": "figures", **figures(socket, self._log), "delay_ms": delay})
            count += 1
            await asyncio.sleep(FIGURES_SECONDS)

    def _telephone_is_connected(self) -> bool:
        return any(
            leg.participant is self._telephone and leg.status == "answered"
            for leg in self._board.network.switch.legs.values()
        )

    def _socket(self) -> SocketLeg | None:
        """Return this call's socket, the latest one that is open."""
        for leg in reversed(self._board.network.switch.legs.values()):
            ours = leg.call.log is self._log and not leg.has_ended
            if ours and isinstance(leg.participant, SocketLeg):
                return leg.participant
        return None
