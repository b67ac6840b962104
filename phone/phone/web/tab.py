"""One open page: its requests and audio, and the messages and audio sent to it."""

import asyncio
import contextlib
import json
from collections.abc import Coroutine, Mapping
from typing import Any

from aiohttp import WSMsgType, web

from phone.constants import FRAME_MS, KEYS
from phone.legs.log import Exchange, Moment, Problem
from phone.legs.plan import PlanError
from phone.legs.telephone import Takes
from phone.web.line import FRAME_RATES, PageTelephone
from phone.web.page_call import PageCall
from phone.web.page_log import PageLog, exchange_message, ncco_message
from phone.web.request import CallRequest
from phone.web.switchboard import Switchboard
from phone.words import printable

__all__ = ["Tab"]

QUEUE_MAX = 1000  # messages for a page that reads slowly; audio beyond that is left out
SEND_SECONDS = 10.0
PING_AT_MAX = 1e12  # ms on a page's clock, which begins with the page
CALLER_SHOWN = 60  # characters


class Tab:
    """A page that is open; it has a number of its own.

    Args:
        switchboard: of the softphone.
        number: the page's.

    """

    def __init__(self, switchboard: Switchboard, number: str) -> None:
        self.number = number
        self._board = switchboard
        self._queue: asyncio.Queue[bytes | str] = asyncio.Queue(QUEUE_MAX)
        self._telephone: PageTelephone | None = None
        self._ringing: asyncio.Future[Takes] | None = None
        self._conversation = ""
        self._another = False  # whether another telephone has placed the call
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, socket: web.WebSocketResponse) -> None:
        """Serve the page until it is closed; its call ends with it."""
        writer = asyncio.create_task(self._write(socket), name="tab")
        try:
            async for message in socket:
                if message.type == WSMsgType.BINARY:
                    self._take_frame(message.data)
                elif message.type == WSMsgType.TEXT:
                    self._take(message.data)
        finally:
            self._hang_up()
            writer.cancel()
            await asyncio.gather(writer, *self._tasks, return_exceptions=True)

    # What the telephone asks of its page (`Page`), and the switchboard.

    def new_telephone(self) -> PageTelephone:
        """Return the telephone that rings in the page when its number is called."""
        return PageTelephone(self.number, self, PageLog(self.tell, ringing=True))

    def tell(self, message: Mapping[str, Any]) -> None:
        """Send the page a message."""
        with contextlib.suppress(asyncio.QueueFull):
            self._queue.put_nowait(json.dumps(message, default=str))

    def hear(self, frame: bytes) -> None:
        """Let the page hear 20 ms."""
        with contextlib.suppress(asyncio.QueueFull):
            self._queue.put_nowait(frame)

    def hear_key(self, digit: str) -> None:
        """Tell the page of a key that another member pressed."""
        self.tell({"type": "key", "digit": digit})

    def rate_is(self, rate: int) -> None:
        """Tell the page at which rate the call runs."""
        self.tell({"type": "rate", "rate": rate})

    async def ring(self, caller: str, conversation: str, telephone: PageTelephone) -> Takes:
        """Ring until the person decides; busy while they speak."""
        if self._ringing is not None or self._telephone is not None:
            return "busy"
        self._ringing = asyncio.get_running_loop().create_future()
        self._conversation = conversation
        caller = printable(caller, CALLER_SHOWN)
        self.tell({"type": "ringing", "caller": caller})
        takes: Takes | None = None
        try:
            takes = await self._ringing
        finally:
            self._ringing = None
            if takes is None:
                self.tell({"type": "missed", "caller": caller})
        if takes == "answer":
            self._telephone = telephone
            self._begin(self._until_over(self._answered(telephone)))
        return takes

    def network_exchange(self, exchange: Exchange) -> None:
        """Report a webhook, if it belongs to a call that another telephone has placed."""
        if self._another and exchange.fields.get("conversation_uuid") == self._conversation:
            name = exchange.fields.get("status", "webhook")
            text = f"{name} → {exchange.seen or exchange.status}"
            moment = Moment(exchange.seconds, "event", text)
            self._tell_moment(moment, [exchange_message(exchange)])
            ncco = ncco_message(exchange)
            if ncco is not None:
                self.tell(ncco)

    def network_problem(self, problem: Problem) -> None:
        """Report a problem during a call that another telephone has placed."""
        if self._another:
            self.tell(
                {
                    "type": "problem",
                    "step": problem.step,
                    "seen": problem.seen,
                    "advice": problem.advice,
                    "severity": problem.severity,
                }
            )

    # What the page asks for.

    def _take_frame(self, frame: bytes) -> None:
        if len(frame) in FRAME_RATES and self._telephone is not None:
            self._telephone.take(frame)

    def _take(self, text: str) -> None:
        try:
            message = json.loads(text)
        except (ValueError, RecursionError):
            message = None
        match message:
            case {"type": "call", **_rest}:
                self._place(message)
            case {"type": "hangup"}:
                self._hang_up()
            case {"type": "key", "digit": str(digit)} if len(digit) == 1 and digit in KEYS:
                if self._telephone is not None:
                    self._telephone.press(digit)
            case {"type": "decide", "takes": ("answer" | "reject") as takes}:
                if self._ringing is not None and not self._ringing.done():
                    self._ringing.set_result(takes)
            case {"type": "ping", "at": int() | float() as at} if abs(at) < PING_AT_MAX:
                self.tell({"type": "pong", "at": at, **self._own_delay()})
            case _:
                self._error("a message that the program does not know", "reload the page")

    def _own_delay(self) -> dict[str, Any]:
        telephone = self._telephone
        if telephone is None:
            return {}
        buffer = telephone.buffer
        # A frame waits for the next tick, half of its length on average, behind those before it.
        wait = buffer.wait_ms + FRAME_MS / 2
        return {"wait_ms": wait, "breaks": buffer.late + buffer.dropped}

    def _place(self, message: Mapping[str, Any]) -> None:
        if self._telephone is not None:
            self._error("this page is in a call already", "hang up first, or open another tab")
            return
        try:
            request = CallRequest.read(message)
            plan = request.plan(self._board.settings, self.number, self._board.talk)
        except PlanError as error:
            self._error(str(error), "")
            return
        self._telephone = telephone = PageTelephone(self.number, self)
        self.tell({"type": "state", "state": "calling"})
        call = PageCall(self._board, telephone, PageLog(self.tell), self.tell)
        self._begin(self._until_over(call.place(plan)))

    async def _answered(self, telephone: PageTelephone) -> None:
        legs = self._board.network.switch.legs.values()
        leg = next((leg for leg in reversed(legs) if leg.participant is telephone), None)
        log = telephone.log
        if leg is not None and isinstance(log, PageLog) and leg.call.log is log:
            await PageCall(self._board, telephone, log, self.tell).take(leg)
            return
        self._another = True
        self.tell({"type": "state", "state": "connected"})
        await telephone.ended.wait()

    async def _until_over(self, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        finally:
            self._over()

    def _over(self) -> None:
        self._telephone = None
        self._another = False
        self._conversation = ""
        self.tell({"type": "state", "state": "idle"})

    def _hang_up(self) -> None:
        if self._ringing is not None and not self._ringing.done():
            self._ringing.set_result("reject")
        if self._telephone is not None:
            self._telephone.hang_up()

    def _tell_moment(self, moment: Moment, behind: list[dict[str, Any]]) -> None:
        self.tell(
            {
                "type": "moment",
                "seconds": moment.seconds,
                "kind": moment.kind,
                "text": moment.text,
                "behind": behind,
            }
        )

    def _error(self, seen: str, advice: str) -> None:
        self.tell({"type": "error", "seen": seen, "advice": advice})

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _write(self, socket: web.WebSocketResponse) -> None:
        try:
            while True:
                message = await self._queue.get()
                async with asyncio.timeout(SEND_SECONDS):
                    if isinstance(message, bytes):
                        await socket.send_bytes(message)
                    else:
                        await socket.send_str(message)
        except (ConnectionError, TimeoutError):
            await socket.close()  # the page reads nothing; it comes back by itself
