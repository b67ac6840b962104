"""Places many calls at once from one process."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from time import perf_counter

from phone.actions import Connect, WebSocket
from phone.answering import event_target
from phone.dial import DialError, dial
from phone.events import Leg as EventLeg
from phone.identity import Identity
from phone.load.conversation import Conversation
from phone.load.fast import FastConnection
from phone.load.machine import Besides
from phone.load.result import LoadResult
from phone.load.uninterrupted import uninterrupted
from phone.load.wheel import Wheel
from phone.ncco import NccoError, parse
from phone.plan import CallPlan
from phone.postbox import EventTarget, Postbox
from phone.timeline import Timeline
from phone.webhooks import ANSWER, WebhookError, Webhooks

__all__ = ["Live", "LoadPlan", "place_load"]

FLUSH_SECONDS = 20.0  # for a call's last events
LIVE_SECONDS = 0.5


@dataclass(frozen=True)
class LoadPlan:
    """A load's settings.

    Args:
        call: what each call does; its `seconds` is the length of each.
        calls: how many at once.
        ramp: seconds over which they start.
        processes: how many share them; see `processes`.
        events: whether events are posted.
    """

    call: CallPlan
    calls: int
    ramp: float = 5.0
    processes: int = 1
    events: bool = True


@dataclass
class Live:
    """How a load goes, while it goes: calls open, over and failed; frames sent and late."""

    open: int = 0
    finished: int = 0
    failed: int = 0
    sent: int = 0
    late: int = 0

    def __add__(self, other: "Live") -> "Live":
        return Live(
            self.open + other.open,
            self.finished + other.finished,
            self.failed + other.failed,
            self.sent + other.sent,
            self.late + other.late,
        )


async def place_load(
    plan: LoadPlan,
    *,
    stop: asyncio.Event | None = None,
    on_live: Callable[[Live], None] | None = None,
) -> LoadResult:
    """Place the calls from this process, all of them or until told to stop.

    Args:
        plan: what to place.
        stop: set it to hang all calls up.
        on_live: told twice a second how it goes.

    Raises:
        PlanError: the plan cannot be carried out; nothing was dialled.
    """
    plan.call.check()
    stop = stop or asyncio.Event()
    return await _Load(plan, stop, on_live).run()


class _NoTimeline(Timeline):
    def add(self, kind: str, text: str) -> None:
        """Leave out what nobody will read; hundreds of calls would spend much on it."""


class _Load:
    def __init__(
        self, plan: LoadPlan, stop: asyncio.Event, on_live: Callable[[Live], None] | None
    ) -> None:
        self._plan = plan
        self._stop = stop
        self._on_live = on_live
        self._live = Live()
        self._result = LoadResult()
        self._wheel = Wheel(self._result.work_lags)
        self._conversation = Conversation(plan.call, self._wheel, self._result, stop)
        self._opened: list[float] = []

    async def run(self) -> LoadResult:
        result = self._result
        begin, cpu, besides = perf_counter(), time.process_time(), Besides.now()
        telling = asyncio.create_task(self._tell())
        try:
            with uninterrupted(), self._wheel.turning():
                await self._place_all()
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)
        result.seconds = perf_counter() - begin
        result.cpu_seconds = time.process_time() - cpu
        result.besides = Besides.now() - besides
        result.interrupted = self._stop.is_set()
        if self._opened:
            result.opening_seconds = max(self._opened) - min(self._opened)
        return result

    async def _place_all(self) -> None:
        plan = self._plan
        async with Webhooks(plan.call.tls(), plan.call.signer()) as webhooks:
            gap = plan.ramp / plan.calls
            calls = (self._call(webhooks, number * gap) for number in range(plan.calls))
            await asyncio.gather(*calls)

    async def _tell(self) -> None:
        while self._on_live is not None:
            live, result = self._live, self._result
            self._on_live(replace(live, sent=result.sent, late=result.late))
            await asyncio.sleep(LIVE_SECONDS)

    async def _call(self, webhooks: Webhooks, delay: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(delay):
                await self._stop.wait()
                return
        self._result.calls += 1
        event_url = self._plan.call.event_url
        post = Postbox(webhooks, _NoTimeline(), EventTarget(event_url) if event_url else None)
        try:
            failure = await self._place(webhooks, post)
        finally:
            await post.close(FLUSH_SECONDS)
        if not failure and self._plan.events:
            lost = next((posted for posted in post.posted if posted.seen), None)
            failure = f"event: {lost.seen}" if lost else ""
        if failure:
            self._result.failures[failure] += 1
            self._live.failed += 1
        else:
            self._result.worked += 1
        self._live.finished += 1

    async def _place(self, webhooks: Webhooks, post: Postbox) -> str:
        """Place one call; return why it failed, or nothing."""
        plan, identity = self._plan.call, Identity()
        phone = EventLeg(
            identity.caller, identity.called, identity.conversation_uuid, "inbound", identity.uuid
        )
        self._post(post, phone.event("started"))
        self._post(post, phone.event("ringing"))
        try:
            fields = identity.answer_fields()
            reply = await webhooks.ask(plan.method, plan.answer_url, fields, ANSWER)
            self._result.answers.add(reply.milliseconds)
            actions = parse(reply.body).actions if reply.is_json else ()
        except WebhookError as error:
            return f"answer: {error.seen}"
        except NccoError as error:
            return f"ncco: {error}"
        action = next((a for a in actions if isinstance(a, Connect)), None)
        if action is None or not isinstance(action.endpoint[0], WebSocket):
            return "ncco: it connects to no WebSocket"
        target = event_target(action)
        if target is not None:
            post.set_default(target)
        self._post(post, phone.answered())
        failure = await self._connect(action, action.endpoint[0], post, identity)
        self._post(post, phone.completed("user"))
        return failure

    def _post(self, post: Postbox, event: dict[str, object]) -> None:
        if self._plan.events:
            post.post(event)

    async def _connect(
        self, action: Connect, endpoint: WebSocket, post: Postbox, identity: Identity
    ) -> str:
        plan, wanted = self._plan.call, endpoint.authorization
        signer = plan.signer()
        authorization = wanted.value if wanted else None
        if wanted is not None and wanted.type == "vonage":
            authorization = signer.authorization(None) if signer else None
        events = EventLeg(
            identity.caller,
            endpoint.uri,
            identity.conversation_uuid,
            "outbound",
            headers=endpoint.headers,
        )
        self._post(post, events.event("started"))
        self._post(post, events.event("ringing"))
        begin = perf_counter()
        try:
            connection = await dial(
                endpoint.uri,
                min(plan.handshake_timeout, action.timeout),
                authorization,
                plan.tls(),
                factory=FastConnection,
            )
        except DialError as error:
            self._post(post, events.event(error.status))
            return f"socket: {error.seen}"
        if not isinstance(connection, FastConnection):
            raise TypeError("the dialler made another connection than it was told to")
        self._result.handshakes.add((perf_counter() - begin) * 1000)
        self._opened.append(begin)
        self._live.open += 1
        self._result.most_at_once = max(self._result.most_at_once, self._live.open)
        self._post(post, events.answered())
        try:
            return await self._conversation.hold(connection, endpoint)
        finally:
            self._live.open -= 1
            await connection.close()
            self._post(post, events.completed("platform"))
