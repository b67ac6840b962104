"""Calls that we start, steer and follow, and the meetings that they belong to."""

import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import structlog

from ncco_service.calls.background import Background
from ncco_service.calls.bodies import Bodies
from ncco_service.calls.bots import Bots
from ncco_service.calls.call import CallBook, Kind, OutboundCall, is_over
from ncco_service.calls.idempotency import IdempotencyKeys, Repeatable
from ncco_service.calls.journal import Journal
from ncco_service.calls.placer import Placer
from ncco_service.calls.platform_errors import NoAnswer
from ncco_service.calls.requests import Bot, NewCall
from ncco_service.calls.voice_api import VoiceApi
from ncco_service.http.errors import Problem

if TYPE_CHECKING:
    from ncco_service.calls.traces import Traces

__all__ = ["EVENT_FIELDS", "Calls"]

logger = structlog.get_logger()

EVENT_FIELDS = (
    *("uuid", "conversation_uuid", "to", "status", "sub_state", "type", "detail", "reason"),
    *("duration", "timestamp", "region_url", "conversation_uuid_from", "conversation_uuid_to"),
)
SOCKET_SECONDS = 10.0  # that a signal waits for the socket to be there
SOCKET_STEP = 0.1


class Calls:
    """The calls of one application.

    Args:
        api: the platform's interface.
        bodies: makes what is sent to it.
        addresses: returns the URLs of the socket and of the events; raises Problem.
        per_second: calls placed in any second at most.
        bot: how the socket takes part in each meeting; None: it comes only when invited.
        traces: of calls; None without a collector.
        journal: keeps Idempotency-Keys and meetings over a restart; None: they are forgotten.

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
        self._bodies = bodies
        self._book = CallBook()
        self._placer = Placer(api, self._book, addresses, per_second, traces)
        self._background = Background()
        self._keys = IdempotencyKeys(journal)
        self._lock = threading.Lock()
        self._journal = journal
        note = journal.meeting if journal else None
        self._bots = Bots(api, bodies, self._placer, self._book, self._background, bot, note)
        self.meetings = self._bots.meetings

    @property
    def results(self) -> Mapping[str, int]:
        """Calls by result: placed, or why not."""
        return self._placer.results

    def start(self) -> None:
        """Start the background threads, in the process that serves."""
        entries, notes = self._journal.read() if self._journal else ([], [])
        for entry in entries:
            call = _record(entry.wanted)
            call.id = entry.call
            if entry.leg is not None:
                call.placed(entry.leg, entry.conversation or "")
            submission = self._placer.restore(call, entry.since)
            since = time.monotonic() - (time.time() - entry.since)
            self._keys.keep(entry.key, Repeatable(entry.wanted, submission, since, earlier=True))
        self._bots.restore(notes)
        self._placer.start()
        self._background.start()
        self._bots.start()

    def refuse(self) -> None:
        """Place nothing more; safe in a signal handler."""
        self._placer.refuse()

    def stop(self) -> None:
        """Place nothing more, and answer those who wait."""
        self._bots.stop()
        self._placer.stop()
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
        with self._lock:
            known = self._keys.find(key, wanted)
            is_new = known is None
            if known is None:
                call = _record(wanted)
                self._keys.submitted(key, call, wanted)
                try:
                    body = partial(self._bodies.call, wanted, call.id)
                    submission = self._placer.submit(call, body)
                except Problem:
                    self._keys.refused(key, call)
                    raise
                known = Repeatable(wanted, submission, time.monotonic())
                self._keys.keep(key, known)
        submission = known.submission
        try:
            self._placer.result(submission)
        except Problem:
            if submission.placement.was_not_placed:
                with self._lock:
                    self._keys.refused(key, submission.call)
            raise
        if wanted.meeting and submission.call.person.uuid:
            self.meetings.expect(submission.call.person.uuid, wanted.meeting)
        if is_new or known.earlier:
            self._keys.placed(key, submission.call)
        return submission.call

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
        """Change a call; arguments as in `VoiceApi.steer`, `name` as in `find`.

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
        if call.wanted is None:
            self._bots.happened(call)

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

    def _asked(self, ask: Callable[[], Any]) -> Any:
        try:
            return ask()
        except NoAnswer as error:
            hint = "try again; GET /calls/{uuid} tells its state"
            raise Problem(502, "platform_silent", str(error), hint) from None


def _record(wanted: NewCall) -> OutboundCall:
    root: Kind = "socket" if wanted.order == "socket-first" else "person"
    return OutboundCall(wanted, wanted.to, root, wanted.meeting)
