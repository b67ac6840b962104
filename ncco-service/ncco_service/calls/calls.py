"""Calls that we start, steer and follow, and the meetings that they belong to."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

import structlog

from ncco_service.calls.background import Background
from ncco_service.calls.bodies import Addresses, Bodies
from ncco_service.calls.call import CallBook, OutboundCall, is_over
from ncco_service.calls.dispatcher import Dispatcher, Placement
from ncco_service.calls.journal import Entry, Journal
from ncco_service.calls.meetings import Meetings
from ncco_service.calls.order import CallOrder
from ncco_service.calls.requests import Bot, NewCall
from ncco_service.calls.voice_api import Call, NoAnswer, VoiceApi
from ncco_service.http.errors import Problem
from ncco_service.ncco import TemplateError

if TYPE_CHECKING:
    from ncco_service.traces import Span, Traces

__all__ = ["EVENT_FIELDS", "Calls"]

logger = structlog.get_logger()

EVENT_FIELDS = (
    *("uuid", "conversation_uuid", "to", "status", "sub_state", "type", "detail", "reason"),
    *("duration", "timestamp", "region_url", "conversation_uuid_from", "conversation_uuid_to"),
)
KEYS_KEPT_SECONDS = 24 * 3600
MOST_KEYS = 10_000
SOCKET_SECONDS = 10.0  # that a signal waits for the socket to be there
SOCKET_STEP = 0.1
BOT_STAYS_SECONDS = 86_400


@dataclass(frozen=True)
class _Repeatable:
    """The request and result behind an idempotency key.

    Attributes:
        since: seconds of the monotonic clock.
        earlier: whether it was made by an earlier process.

    """

    wanted: NewCall
    call: OutboundCall
    placement: Placement
    since: float
    earlier: bool = False


class Calls:
    """The calls of one application.

    Args:
        api: the platform's interface.
        bodies: makes what is sent to it.
        addresses: returns the URLs of the socket and of the events; raises NotKnown.
        per_second: calls placed in any second at most.
        bot: how the socket takes part in meetings; None: only when asked to.
        traces: of calls; None without a collector.
        journal: keeps Idempotency-Keys over a restart; None: they are forgotten.

    """

    def __init__(
        self,
        api: VoiceApi,
        bodies: Bodies,
        addresses: Callable[[], tuple[str, str]],
        per_second: int,
        bot: Bot | None,
        traces: "Traces | None" = None,
        journal: Journal | None = None,
    ) -> None:
        self._api = api
        self._traces = traces
        self._journal = journal
        self._bodies = bodies
        self._addresses = addresses
        self._book = CallBook()
        self._dispatcher = Dispatcher(per_second)
        self._background = Background()
        self._keys: OrderedDict[str, _Repeatable] = OrderedDict()
        self._lock = threading.Lock()
        self.meetings = Meetings(self, bot)

    @property
    def results(self) -> Mapping[str, int]:
        """Calls by result: placed, or why not."""
        return self._dispatcher.results

    def start(self) -> None:
        """Start the background threads, in the process that serves."""
        for entry in self._journal.read() if self._journal else ():
            self._restore(entry)
        self._dispatcher.start()
        self._background.start()

    def refuse(self) -> None:
        """Place nothing more; safe in a signal handler."""
        self._dispatcher.refuse()

    def stop(self) -> None:
        """Place nothing more, and answer those who wait."""
        self._dispatcher.stop()
        self._background.stop()

    # For operators

    def place(self, wanted: NewCall, key: str | None) -> OutboundCall:
        """Place a call, and wait until the platform has.

        Args:
            wanted: what is asked for.
            key: the same for a request that is repeated; the call is placed once.

        Raises:
            Problem: it was not placed, or its result is unknown.

        """
        span: Span | None = None
        with self._lock:
            known = self._known(key, wanted)
            is_new = known is None
            if known is None:
                call = OutboundCall(wanted, wanted.to, _root(wanted), wanted.meeting)
                span, trace = self._begin_trace()
                body = self._body_of(call, lambda at: self._bodies.call(wanted, call.id, at, trace))
                if self._journal and key is not None:
                    self._journal.submitted(key, call.id, wanted)
                try:
                    placement = self._submit(call, body)
                except Problem:
                    self._note_refused(call, key)
                    raise
                known = _Repeatable(wanted, call, placement, time.monotonic())
                if key is not None:
                    self._keys[key] = known
        try:
            self._dispatcher.result(known.placement)
        except Problem as problem:
            if span:
                span.end(call=known.call.id, result=problem.slug)
            if known.placement.is_done and problem.status not in (500, 504):
                known.call.problem = problem.message
                self._note_refused(known.call, key)
                with self._lock:
                    if key is not None and self._keys.get(key) is known:
                        del self._keys[key]  # nothing was placed: it may be tried again
            raise
        if span:
            span.end(call=known.call.id, leg=known.call.uuid, result="placed")
        if self._journal and key is not None and (is_new or known.earlier):
            self._journal.placed(known.call.id, known.call.uuid, known.call.conversation_uuid)
        return known.call

    def find(self, name: str) -> dict[str, Any]:
        """Describe a call by our name for it or a leg's uuid.

        A call that this process does not know is looked up on the platform.

        Raises:
            Problem: there is none, or the platform does not say.

        """
        call = self._book.find(name)
        return call.report() if call else {"platform": self._asked(lambda: self._api.get(name))}

    def latest(self, count: int) -> list[dict[str, Any]]:
        """Describe the latest calls, the latest first."""
        return [call.report() for call in self._book.latest(count)]

    def steer(
        self, name: str, method: str, what: str = "", body: dict[str, Any] | None = None
    ) -> None:
        """Change a call; arguments as in `VoiceApi.steer`, ``name`` as in `find`.

        Raises:
            Problem: it was not changed, or its result is unknown.

        """
        call = self._book.find(name)
        leg = call.uuid if call and name == call.id else name
        if call and leg is None:
            raise Problem(409, "not_placed", "the call is not placed yet", "wait for its uuid")
        region = call.region if call else None
        self._asked(lambda: self._api.steer(leg or name, method, what, body, region))

    # For webhooks

    def happened(self, name: str, fields: Mapping[str, str]) -> None:
        """Follow an event; returns at once.

        Args:
            name: our name for the call, from the URL of the event; "" if there is none.
            fields: the event's, all of EVENT_FIELDS; "" for what it lacks.

        """
        call = self._book.find(name) or self._book.find(fields["uuid"])
        if call is not None:
            self._follow(call, fields)
        self.meetings.happened(fields)

    def _follow(self, call: OutboundCall, fields: Mapping[str, str]) -> None:
        answered, was_over, machine = call.person.status, call.is_over, call.machine
        kind = call.happened(fields)
        self._book.learn(call)
        call.region = self._api.region(fields["region_url"]) or call.region
        if kind == "person" and call.meeting and call.person.uuid:
            self.meetings.expect(call.person.uuid, call.meeting)
        if call.root == "socket" and call.person.status == "answered" != answered:
            self._signal(call, "answered", self._bodies.signals.answered)
        if call.machine not in (machine, "human"):
            self._signal(call, "machine", self._bodies.signals.machine)
        if call.is_over and not was_over:
            status = call.person.status if call.wanted else call.socket.status
            logger.info("call_over", call=call.id, leg=call.uuid, status=status)
            if call.wanted is None and call.meeting:
                self.meetings.socket_left(call.meeting)

    def _signal(self, call: OutboundCall, what: str, key: str) -> None:
        """Send the socket a key, once it is connected."""

        def press() -> None:
            deadline = time.monotonic() + SOCKET_SECONDS
            while call.socket.status != "answered":
                if is_over(call.socket.status) or call.is_over or time.monotonic() > deadline:
                    logger.warning("signal_lost", call=call.id, what=what)
                    return
                time.sleep(SOCKET_STEP)
            self._api.steer(
                call.socket.uuid or "", "PUT", "dtmf", {"digits": key}, region=call.region
            )

        if call.meeting is None:
            self._background.put(what, press)

    # For meetings

    def call_bot(self, meeting: str, bot: Bot) -> None:
        """Call the socket into a meeting, in the background."""

        def call() -> None:
            record = OutboundCall(None, "websocket", "socket", meeting)
            seconds = BOT_STAYS_SECONDS
            span, trace = self._begin_trace()
            try:
                body = self._body_of(
                    record, lambda at: self._bodies.bot(meeting, bot, record.id, seconds, at, trace)
                )
                placed = self._dispatcher.result(self._submit(record, body))
            except Problem as problem:
                record.problem = problem.message
                logger.error("bot_not_called", meeting=meeting, message=problem.message)
                self.meetings.socket_left(meeting)
                return
            if span:
                span.end(call=record.id, leg=placed.uuid, result="placed")
            if not record.is_over:  # or an event came first, and the meeting knows
                self.meetings.placed(meeting, placed.uuid)

        self._background.put("call_bot", call)

    def hang_up_bot(self, leg: str) -> None:
        """Hang up a meeting's socket, in the background."""
        self._background.put("hang_up_bot", lambda: self.steer(leg, "PUT", body=HANG_UP))

    # How

    def _known(self, key: str | None, wanted: NewCall) -> _Repeatable | None:
        now = time.monotonic()
        while self._keys:
            oldest = next(iter(self._keys.values()))
            if now - oldest.since < KEYS_KEPT_SECONDS and len(self._keys) < MOST_KEYS:
                break
            self._keys.popitem(last=False)
        if key is None or (known := self._keys.get(key)) is None:
            return None
        if known.earlier and known.placement.was_not_placed:
            self._note_refused(known.call, key)
            del self._keys[key]
            return None
        if known.wanted != wanted:
            raise Problem(
                422,
                "key_reused",
                "this Idempotency-Key was sent with another body before",
                "send a new key with each new call, the same key only with the same body",
            )
        return known

    def _begin_trace(self) -> "tuple[Span | None, str | None]":
        span = self._traces.begin("place_call") if self._traces else None
        return span, span.traceparent if span else None

    def _note_refused(self, call: OutboundCall, key: str | None) -> None:
        if self._journal and key is not None:
            self._journal.refused(call.id)

    def _restore(self, entry: Entry) -> None:
        """Take over a call of an earlier process; without a result, it is looked up."""
        wanted = entry.wanted
        call = OutboundCall(wanted, wanted.to, _root(wanted), wanted.meeting, id=entry.call)
        order = CallOrder(call, dict, self._api, self._book, first_sent=entry.since)
        if entry.leg is not None:
            conversation = entry.conversation or ""
            call.placed(entry.leg, conversation)
            placement = self._dispatcher.already(order, Call(entry.leg, conversation))
        else:
            placement = self._dispatcher.look_up(order)
        self._book.add(call)
        self._book.learn(call)
        since = time.monotonic() - (time.time() - entry.since)
        self._keys[entry.key] = _Repeatable(wanted, call, placement, since, earlier=True)

    def _body_of(
        self, call: OutboundCall, make: Callable[[Addresses], dict[str, Any]]
    ) -> Callable[[], dict[str, Any]]:
        def body() -> dict[str, Any]:
            socket, events = self._addresses()
            try:
                return make(Addresses(socket, f"{events}?{urlencode({'call': call.id})}"))
            except TemplateError as error:
                hint = "correct the headers, or the documents that the message names"
                raise Problem(400, "bad_ncco", str(error), hint) from None

        body()  # says now what is wrong
        return body

    def _submit(self, call: OutboundCall, body: Callable[[], dict[str, Any]]) -> Placement:
        placement = self._dispatcher.submit(CallOrder(call, body, self._api, self._book))
        self._book.add(call)
        return placement

    def _asked(self, ask: Callable[[], Any]) -> Any:
        try:
            return ask()
        except NoAnswer as error:
            hint = "try again; GET /calls/{uuid} tells its state"
            raise Problem(502, "platform_silent", str(error), hint) from None


HANG_UP = {"action": "hangup"}


def _root(wanted: NewCall) -> Any:
    return "socket" if wanted.order == "socket-first" else "person"
