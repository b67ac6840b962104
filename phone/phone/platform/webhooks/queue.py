"""Posts a call's events beside the call: one after the other, in the platform's order."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from phone.constants import EVENTS_MAX, Method
from phone.legs.log import CallLog, Posted
from phone.platform.webhooks.client import EVENT, WebhookClient
from phone.platform.webhooks.exchange import Reply, WebhookError
from phone.words import printable

__all__ = ["EventTarget", "WebhookQueue"]


@dataclass(frozen=True)
class EventTarget:
    """Where events go."""

    url: str
    method: Method = "POST"


@dataclass
class _Waiting:
    event: Mapping[str, Any]
    target: EventTarget | None
    answer: asyncio.Future[Reply | None]


class WebhookQueue:
    """Takes events and posts them in order; a slow application delays events, not the call.

    Events without a target wait until `default` is set: the phone leg's events may go to the
    application's event URL, which is only known once an NCCO names it.

    Args:
        webhooks: the HTTP client.
        log: records each event.
        default: the application's event URL.

    """

    def __init__(
        self, webhooks: WebhookClient, log: CallLog, default: EventTarget | None = None
    ) -> None:
        self._webhooks = webhooks
        self._log = log
        self._default = default
        self._held: list[_Waiting] = []
        self._queue: asyncio.Queue[_Waiting] = asyncio.Queue()
        self._task = asyncio.create_task(self._run())

    @property
    def default(self) -> EventTarget | None:
        """URL of events that have none of their own."""
        return self._default

    def set_default(self, target: EventTarget) -> None:
        """Set the application's event URL, unless there is one, and post waiting events
        there.
        """
        if self._default is None:
            self._default = target
            for waiting in self._held:
                self._queue.put_nowait(waiting)
            self._held.clear()

    def post(
        self, event: Mapping[str, Any], target: EventTarget | None = None
    ) -> asyncio.Future[Reply | None]:
        """Post an event after those before it.

        Args:
            event: its fields.
            target: where to; None: the application's event URL.

        Returns:
            A future with the application's reply, or with None when there was none.

        """
        answer: asyncio.Future[Reply | None] = asyncio.get_running_loop().create_future()
        waiting = _Waiting(event, target, answer)
        if self._queue.qsize() + len(self._held) >= EVENTS_MAX:
            self._lost(waiting, "too many events waited to be posted", "answer events faster")
        elif target is None and self._default is None:
            self._held.append(waiting)
        else:
            self._queue.put_nowait(waiting)
        return answer

    async def close(self, within: float) -> None:
        """Post waiting events for at most `within` seconds, then stop."""
        try:
            async with asyncio.timeout(within):
                await self._queue.join()
        except TimeoutError:
            pass
        finally:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            while not self._queue.empty():
                waiting = self._queue.get_nowait()
                seen = "the call ended before it could be posted"
                self._lost(waiting, seen, "answer events at once, with 204")
            for waiting in self._held:
                waiting.answer.cancel()
                self._log.posted.append(_record(waiting, "", None))
            self._held.clear()

    async def _run(self) -> None:
        while True:
            waiting = await self._queue.get()
            try:
                await self._deliver(waiting)
            except asyncio.CancelledError:
                seen = "no reply before the call ended"
                self._lost(waiting, seen, "answer events at once, with 204")
                raise
            finally:
                self._queue.task_done()

    async def _deliver(self, waiting: _Waiting) -> None:
        target = waiting.target or self._default
        if target is None:
            raise RuntimeError("an event without a target left the queue")
        try:
            reply = await self._webhooks.ask(target.method, target.url, waiting.event, EVENT)
        except WebhookError as error:
            elapsed = error.attempts[-1].milliseconds if error.attempts else 0.0
            self._lost(waiting, error.seen, error.advice, error.status, elapsed)
            return
        record = _record(waiting, target.url, reply.status, milliseconds=reply.milliseconds)
        self._log.posted.append(record)
        self._log.add("event", f"{_name(waiting)} → {reply.status} in {reply.milliseconds:.0f} ms")
        if not waiting.answer.done():
            waiting.answer.set_result(reply)

    def _lost(
        self,
        waiting: _Waiting,
        seen: str,
        advice: str,
        status: int | None = None,
        milliseconds: float = 0.0,
    ) -> None:
        target = waiting.target or self._default
        url = target.url if target else ""
        self._log.posted.append(_record(waiting, url, status, seen, advice, milliseconds))
        self._log.add("event", f"{_name(waiting)} → {seen}")
        if not waiting.answer.done():
            waiting.answer.set_result(None)


def _name(waiting: _Waiting) -> str:
    to = str(waiting.event.get("to", ""))
    status = _status(waiting.event)
    if not to:
        return status
    return f"{status} ({'socket' if to.startswith(('ws:', 'wss:')) else 'phone'} leg)"


def _status(event: Mapping[str, Any]) -> str:
    """Return an event's status, or what stands for it in those that have none."""
    for name in ("status", *_STATUSLESS):
        if name in event:
            return str(event["status"]) if name == "status" else _STATUSLESS[name]
    return "error"


_STATUSLESS = {
    "dtmf": "input",
    "speech": "input",
    "payload": "notify",
    "recording_url": "record",
    "conversation_uuid_to": "transfer",
}


def _record(
    waiting: _Waiting,
    url: str,
    reply: int | None,
    seen: str = "",
    advice: str = "",
    milliseconds: float = 0.0,
) -> Posted:
    event = waiting.event
    status = _status(event)
    to = printable(str(event.get("to", "")))
    return Posted(status, to, printable(url), reply, seen, advice, milliseconds)
