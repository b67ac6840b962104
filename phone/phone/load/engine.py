"""Places many calls at once from one process."""

import asyncio
import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from websockets.exceptions import ConnectionClosed

from phone.actions import Connect, WebSocket
from phone.answering import event_target
from phone.audio import load as load_audio
from phone.constants import ECHO_QUIET, FRAMES_PER_SECOND, SEND_TIMEOUT
from phone.dial import DialError, dial
from phone.events import Leg as EventLeg
from phone.identity import Identity
from phone.leg import first_message
from phone.load.fast import FastConnection, masked
from phone.load.leg import LoadLeg, Sound
from phone.load.result import LoadResult
from phone.load.wheel import Wheel
from phone.ncco import NccoError, parse
from phone.plan import CallPlan
from phone.postbox import Postbox
from phone.timeline import Timeline
from phone.webhooks import ANSWER, WebhookError, Webhooks

__all__ = ["Live", "LoadPlan", "place_load"]

FLUSH_SECONDS = 20.0  # for a call's last events
PATIENCE = 2  # times a call's length that a machine which is too slow may take to send it
TOO_SLOW = "phone: this machine was too slow to send every frame in time"


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
    """How a load goes, while it goes."""

    open: int = 0
    finished: int = 0
    failed: int = 0


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
        on_live: told about each call that opens or ends.

    Raises:
        PlanError: the plan cannot be carried out; nothing was dialled.
    """
    plan.call.check()
    stop = stop or asyncio.Event()
    return await _Load(plan, stop, on_live).run()


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
        self._sounds: dict[int, Sound] = {}
        self._opened: list[float] = []

    async def run(self) -> LoadResult:
        result, plan = self._result, self._plan
        begin, cpu = perf_counter(), time.process_time()
        turning = asyncio.create_task(self._wheel.run())
        try:
            async with Webhooks(plan.call.tls(), plan.call.signer()) as webhooks:
                gap = plan.ramp / plan.calls
                calls = (self._call(webhooks, number * gap) for number in range(plan.calls))
                await asyncio.gather(*calls)
        finally:
            turning.cancel()
            await asyncio.gather(turning, return_exceptions=True)
        result.seconds = perf_counter() - begin
        result.cpu_seconds = time.process_time() - cpu
        result.interrupted = self._stop.is_set()
        if self._opened:
            result.opening_seconds = max(self._opened) - min(self._opened)
        return result

    def _tell(self) -> None:
        self._result.most_at_once = max(self._result.most_at_once, self._live.open)
        if self._on_live is not None:
            self._on_live(self._live)

    async def _call(self, webhooks: Webhooks, delay: float) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(delay):
                await self._stop.wait()
                return
        self._result.calls += 1
        post = Postbox(webhooks, Timeline())
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
        self._tell()

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
        self._tell()
        self._post(post, events.answered())
        try:
            return await self._converse(connection, endpoint)
        finally:
            self._live.open -= 1
            await connection.close()
            self._post(post, events.completed("platform"))

    async def _converse(self, connection: FastConnection, endpoint: WebSocket) -> str:
        seconds = self._plan.call.seconds or 10.0
        sound = self._sound(endpoint.rate)
        leg = LoadLeg(connection, sound, round(seconds * FRAMES_PER_SECOND), self._result)
        over = asyncio.create_task(connection.wait_closed())
        waits = [asyncio.create_task(leg.done.wait()), asyncio.create_task(self._stop.wait()), over]
        drain = asyncio.create_task(_drain(connection))
        try:
            async with asyncio.timeout(SEND_TIMEOUT):
                await connection.send(first_message(endpoint.content_type, endpoint.headers))
            self._wheel.add(leg.turn)
            await _wait(waits, leg, seconds)
            if over.done() and not leg.done.is_set():
                return f"socket: the application closed it with {connection.close_code}"
            if leg.failure:
                return leg.failure
            if leg.done.is_set() or self._stop.is_set():
                return ""
            return "echo: not every frame came back" if leg.all_sent else TOO_SLOW
        except (TimeoutError, ConnectionClosed):
            return "socket: the application closed it at once"
        finally:
            leg.done.set()
            leg.close(forgive=self._stop.is_set() or not leg.all_sent)
            for task in (*waits, drain):
                task.cancel()
            await asyncio.gather(*waits, drain, return_exceptions=True)

    def _sound(self, rate: int) -> Sound:
        if rate not in self._sounds:
            frames = load_audio(self._plan.call.audio, rate).frames()
            self._sounds[rate] = Sound(frames, [masked(frame) for frame in frames])
        return self._sounds[rate]


async def _wait(waits: list[asyncio.Task[Any]], leg: LoadLeg, seconds: float) -> None:
    """Wait for the end of a leg: of its echo, of the connection, or of patience."""
    latest = perf_counter() + PATIENCE * seconds + ECHO_QUIET
    while (left := latest - perf_counter()) > 0:
        timeout = min(left, seconds if not leg.all_sent else ECHO_QUIET)
        sent_before = leg.sent
        done, _ = await asyncio.wait(waits, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
        if done or (leg.all_sent and leg.sent == sent_before):
            return


async def _drain(connection: FastConnection) -> None:
    """Take texts off the connection, so that it never stops reading."""
    with contextlib.suppress(ConnectionClosed, UnicodeDecodeError):
        while True:
            await connection.recv()
