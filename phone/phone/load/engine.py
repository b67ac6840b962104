"""Places many calls at once from one process."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import replace
from time import perf_counter

from phone.legs.log import CallLog
from phone.load.caller import LoadCaller, signer_of
from phone.load.load_plan import Live, LoadPlan
from phone.load.machine import OtherWork
from phone.load.result import LoadResult
from phone.load.socket_talk import SocketTalk
from phone.load.uninterrupted import uninterrupted
from phone.load.wheel import Wheel
from phone.platform.webhooks.client import WebhookClient
from phone.platform.webhooks.queue import EventTarget, WebhookQueue

__all__ = ["place_load"]

FLUSH_SECONDS = 20.0  # for a call's last events
LIVE_SECONDS = 0.5


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


class _QuietLog(CallLog):
    def add(self, kind: str, text: str) -> None:
        """Record nothing: no one reads it, and for hundreds of calls it costs much."""


class _Load:
    def __init__(
        self, plan: LoadPlan, stop: asyncio.Event, on_live: Callable[[Live], None] | None
    ) -> None:
        self._plan = plan
        self._stop = stop
        self._on_live = on_live
        self._live = Live()
        self._result = LoadResult()
        self._wheel = Wheel()
        self._conversation = SocketTalk(plan.call, self._wheel, self._result, stop)

    async def run(self) -> LoadResult:
        result = self._result
        begin, cpu, others = perf_counter(), time.process_time(), OtherWork.now()
        telling = asyncio.create_task(self._tell())
        try:
            with uninterrupted(), self._wheel.turning():
                await self._place_all()
        finally:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)
        result.seconds = perf_counter() - begin
        result.cpu_seconds = time.process_time() - cpu
        result.other_work = OtherWork.now() - others
        result.interrupted = self._stop.is_set()
        return result

    async def _place_all(self) -> None:
        plan = self._plan
        async with WebhookClient(plan.call.tls(), signer_of(plan.call)) as webhooks:
            gap = plan.ramp / plan.calls
            caller = LoadCaller(plan, webhooks, self._conversation, self._result, self._live)
            calls = (self._call(caller, webhooks, number * gap) for number in range(plan.calls))
            await asyncio.gather(*calls)
        if caller.opened:
            self._result.opening_seconds = max(caller.opened) - min(caller.opened)

    async def _tell(self) -> None:
        while self._on_live is not None:
            live, result = self._live, self._result
            self._on_live(replace(live, sent=result.sent, late=result.late))
            await asyncio.sleep(LIVE_SECONDS)

    async def _call(self, caller: LoadCaller, webhooks: WebhookClient, delay: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(delay):
                await self._stop.wait()
                return
        self._result.calls += 1
        event_url = self._plan.call.event_url
        log = _QuietLog()
        events = WebhookQueue(webhooks, log, EventTarget(event_url) if event_url else None)
        try:
            failure = await caller.place(events)
        finally:
            await events.close(FLUSH_SECONDS)
        if not failure and self._plan.events:
            lost = next((posted for posted in log.posted if posted.seen), None)
            failure = f"event: {lost.seen}" if lost else ""
        if failure:
            self._result.failures[failure] += 1
            self._live.failed += 1
        else:
            self._result.worked += 1
        self._live.finished += 1
