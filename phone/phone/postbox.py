"""Posts a call's events beside the call: one after the other, in the platform's order."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from phone.constants import EVENTS_MAX
from phone.exchange import Reply, WebhookError
from phone.timeline import Timeline
from phone.webhooks import EVENT, Method, Webhooks
from phone.words import printable

__all__ = ["EventTarget", "Postbox", "Posted"]


@dataclass(frozen=True)
class EventTarget:
    """Where events go."""

    url: str
    method: Method = "POST"


@dataclass(frozen=True)
class Posted:
    """One event and what became of it.

    Args:
        status: its status, or "error", "notify" and the like where it has none.
        to: the leg's `to`.
        url: where it went; empty when nobody had named an event URL.
        reply: the HTTP status; None when there was none.
        seen: what went wrong; empty when nothing did.
        advice: what to try then.
        milliseconds: the last attempt's.
    """

    status: str
    to: str
    url: str
    reply: int | None
    seen: str = ""
    advice: str = ""
    milliseconds: float = 0.0


@dataclass
class _Letter:
    event: Mapping[str, Any]
    target: EventTarget | None
    answer: asyncio.Future[Reply | None]


class Postbox:
    """Takes events and posts them in order; a slow application delays events, not the call.

    Events without a target wait until `default` is set: the phone leg's events may go to the
    application's event URL, which is only known once an NCCO names it.

    Args:
        webhooks: the HTTP client.
        timeline: told about each event.
        default: the application's event URL.
    """

    def __init__(
        self, webhooks: Webhooks, timeline: Timeline, default: EventTarget | None = None
    ) -> None:
        self.posted: list[Posted] = []
        self._webhooks = webhooks
        self._timeline = timeline
        self._default = default
        self._held: list[_Letter] = []
        self._queue: asyncio.Queue[_Letter] = asyncio.Queue()
        self._task = asyncio.create_task(self._run())

    @property
    def default(self) -> EventTarget | None:
        """Where events go that name no URL."""
        return self._default

    def set_default(self, target: EventTarget) -> None:
        """Name the application's event URL, unless there is one, and let waiting events go
        there.
        """
        if self._default is None:
            self._default = target
            for letter in self._held:
                self._queue.put_nowait(letter)
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
        letter = _Letter(event, target, answer)
        if self._queue.qsize() + len(self._held) >= EVENTS_MAX:
            self._lost(letter, "too many events waited to be posted", "answer events faster")
        elif target is None and self._default is None:
            self._held.append(letter)
        else:
            self._queue.put_nowait(letter)
        return answer

    async def close(self, within: float) -> None:
        """Post what waits, for at most `within` seconds, and stop."""
        try:
            async with asyncio.timeout(within):
                await self._queue.join()
        except TimeoutError:
            pass
        finally:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            while not self._queue.empty():
                letter = self._queue.get_nowait()
                seen = "the call ended before it could be posted"
                self._lost(letter, seen, "answer events at once, with 204")
            for letter in self._held:
                letter.answer.cancel()
                self.posted.append(_record(letter, "", None))
            self._held.clear()

    async def _run(self) -> None:
        while True:
            letter = await self._queue.get()
            try:
                await self._deliver(letter)
            except asyncio.CancelledError:
                seen = "no reply before the call ended"
                self._lost(letter, seen, "answer events at once, with 204")
                raise
            finally:
                self._queue.task_done()

    async def _deliver(self, letter: _Letter) -> None:
        target = letter.target or self._default
        if target is None:
            raise RuntimeError("an event without a target left the postbox")
        try:
            reply = await self._webhooks.ask(target.method, target.url, letter.event, EVENT)
        except WebhookError as error:
            elapsed = error.attempts[-1].milliseconds if error.attempts else 0.0
            self._lost(letter, error.seen, error.advice, error.status, elapsed)
            return
        record = _record(letter, target.url, reply.status, milliseconds=reply.milliseconds)
        self.posted.append(record)
        self._timeline.add(
            "event", f"{_name(letter)} → {reply.status} in {reply.milliseconds:.0f} ms"
        )
        if not letter.answer.done():
            letter.answer.set_result(reply)

    def _lost(
        self,
        letter: _Letter,
        seen: str,
        advice: str,
        status: int | None = None,
        milliseconds: float = 0.0,
    ) -> None:
        target = letter.target or self._default
        url = target.url if target else ""
        self.posted.append(_record(letter, url, status, seen, advice, milliseconds))
        self._timeline.add("event", f"{_name(letter)} → {seen}")
        if not letter.answer.done():
            letter.answer.set_result(None)


def _name(letter: _Letter) -> str:
    to = str(letter.event.get("to", ""))
    status = _status(letter.event)
    if not to:
        return status
    return f"{status} ({'socket' if to.startswith(('ws:', 'wss:')) else 'phone'} leg)"


def _status(event: Mapping[str, Any]) -> str:
    """Return an event's status, or what stands for it in those that have none."""
    for name in ("status", "dtmf", "speech", "payload"):
        if name in event:
            return str(event["status"]) if name == "status" else _STATUSLESS[name]
    return "error"


_STATUSLESS = {"dtmf": "input", "speech": "input", "payload": "notify"}


def _record(
    letter: _Letter,
    url: str,
    reply: int | None,
    seen: str = "",
    advice: str = "",
    milliseconds: float = 0.0,
) -> Posted:
    event = letter.event
    status = _status(event)
    to = printable(str(event.get("to", "")))
    return Posted(status, to, printable(url), reply, seen, advice, milliseconds)
