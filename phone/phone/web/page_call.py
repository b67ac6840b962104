"""A call that a page places: the call itself, its figures on the way, its report at the end."""

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from typing import Any

from phone.legs.plan import CallPlan
from phone.legs.socket import SocketLeg
from phone.platform.place import place
from phone.report import conclude
from phone.web.figures import figures, recent_delay
from phone.web.line import PageTelephone
from phone.web.page_log import PageLog
from phone.web.past_calls import PastCall
from phone.web.switchboard import Switchboard

__all__ = ["PageCall"]

FIGURES_SECONDS = 0.25
DELAY_EVERY = 8  # figures: comparing sounds that are not the same bytes costs time


class PageCall:
    """One call of a page, through the network that all pages share.

    Args:
        board: where meetings, other pages and past calls are.
        plan: what to call.
        telephone: the page's.
        tell: takes messages for the page.

    """

    def __init__(
        self,
        board: Switchboard,
        plan: CallPlan,
        telephone: PageTelephone,
        tell: Callable[[Mapping[str, Any]], None],
    ) -> None:
        self._board = board
        self._plan = plan
        self._telephone = telephone
        self._tell = tell
        self._log = PageLog(tell)

    async def run(self) -> None:
        """Place the call, run it to its end, and send the page its result."""
        watching = asyncio.create_task(self._watch(), name="figures")
        try:
            log = await place(
                self._plan,
                self._telephone,
                hang_up=self._telephone.over,
                log=self._log,
                directory=self._board.network.switch,
            )
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
        report = await conclude(self._plan, log)
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
