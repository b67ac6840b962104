"""Sockets of meetings: called, hung up, and looked after until they have left."""

import threading
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from functools import partial
from typing import Any

import structlog

from ncco_service.calls.background import Background
from ncco_service.calls.bodies import Bodies
from ncco_service.calls.call import CallBook, OutboundCall, is_over
from ncco_service.calls.journal import Note
from ncco_service.calls.meetings import Meetings, SocketCall
from ncco_service.calls.placer import Placer, Submission
from ncco_service.calls.platform_errors import NoAnswer
from ncco_service.calls.requests import Bot
from ncco_service.calls.voice_api import VoiceApi
from ncco_service.http.errors import Problem
from ncco_service.periodic import Periodic

__all__ = ["HANG_UP", "Bots"]

logger = structlog.get_logger()

HANG_UP = {"action": "hangup"}
BOT_STAYS_SECONDS = 86_400
SETTLING_SECONDS = 120.0  # that a socket's call waits for the platform
AGAIN_SECONDS = 10.0  # between two attempts at what the platform did not take
SHOWN_SECONDS = 60.0  # after which a call that the platform does not know is over


class Bots:
    """Calls sockets into meetings and hangs them up; a `BotCaller`.

    What the platform did not take is tried again.

    Args:
        api: the platform's interface.
        bodies: makes what is sent to it.
        placer: places the calls.
        book: the calls of this process.
        background: hangs up, so that no webhook waits.
        bot: how the socket takes part that comes with the first person; None: it comes only when
            invited.
        note: keeps the notes of meetings; None: they are forgotten.

    """

    def __init__(
        self,
        api: VoiceApi,
        bodies: Bodies,
        placer: Placer,
        book: CallBook,
        background: Background,
        bot: Bot | None,
        note: Callable[[str, tuple[Any, ...]], None] | None,
    ) -> None:
        self._api = api
        self._bodies = bodies
        self._placer = placer
        self._book = book
        self._background = background
        self._unsure: set[str] = set()  # legs of an earlier process, that may have ended since
        self._tending = Periodic("meetings", self._tend)
        self.meetings = Meetings(self, bot, note)

    def restore(self, notes: Iterable[Note]) -> None:
        """Take over the meetings of an earlier process; `start` follows."""
        self.meetings.replay(notes)
        self._unsure.update(self.meetings.people())
        for call in self.meetings.sockets():
            record = _record(call)
            if call.leg is not None:
                record.placed(call.leg, "")
                self._unsure.add(call.leg)
            submission = self._placer.restore(record, call.since)
            if call.leg is None:  # perhaps it was sent
                self._settle_later(call, submission)

    def start(self) -> None:
        """Start looking after the meetings, in the process that serves."""
        self._tending.start()

    def stop(self) -> None:
        """Stop looking after them."""
        self._tending.stop()

    def call_bot(self, call: SocketCall, bot: Bot) -> None:
        """Call the socket into a meeting; returns at once."""
        record = _record(call)
        body = partial(self._bodies.bot, call.meeting, bot, call.name, BOT_STAYS_SECONDS)
        try:
            submission = self._placer.submit(record, body)
        except Problem as problem:
            self._not_placed(call, problem)
        else:
            self._settle_later(call, submission)

    def hang_up_bot(self, call: SocketCall) -> None:
        """Hang up a meeting's socket, in the background."""
        self._background.put("hang_up_bot", lambda: self._hang_up(call))

    def happened(self, record: OutboundCall) -> None:
        """Follow the call of a socket, about which an event came."""
        if record.meeting is None or record.uuid is None:
            return
        if record.is_over:
            self.meetings.ended(record.meeting, record.id)
        else:
            self.meetings.placed(record.meeting, record.id, record.uuid)

    def _settle_later(self, call: SocketCall, submission: Submission) -> None:
        """Wait for the platform in a thread of its own; the queue of calls bounds them."""

        def settle() -> None:
            try:
                self._placer.result(submission, SETTLING_SECONDS)
            except Problem as problem:
                self._not_placed(call, problem)
            else:
                self.happened(submission.call)

        threading.Thread(target=settle, name="socket of a meeting", daemon=True).start()

    def _not_placed(self, call: SocketCall, problem: Problem) -> None:
        again = problem.status == 503 or problem.slug == "platform_unreachable"
        message = f"{problem.message}; {problem.hint}"
        logger.error(
            "bot_not_called",
            meeting=call.meeting,
            message=message,
            again=f"in {AGAIN_SECONDS:g} s" if again else "when somebody enters the meeting",
        )
        self.meetings.not_placed(call.meeting, call.name, message, again)

    def _hang_up(self, call: SocketCall) -> None:
        leg = call.leg or ""
        record = self._book.find(call.name)
        try:
            self._api.steer(leg, "PUT", body=HANG_UP, region=record.region if record else None)
        except (Problem, NoAnswer) as error:
            logger.warning("bot_not_hung_up", meeting=call.meeting, message=str(error))
            with suppress(Problem, NoAnswer):  # it is hung up again later
                if is_over(self._status(leg, call.since)):
                    self.meetings.ended(call.meeting, call.name)

    def _tend(self) -> float:
        try:
            for leg in list(self._unsure):
                status = self._status(leg)
                if is_over(status):
                    self.meetings.gone(leg)
                elif status == "answered":
                    self.meetings.arrived(leg)
                self._unsure.discard(leg)
        except (Problem, NoAnswer) as error:
            logger.warning(
                "meeting_unclear",
                legs=len(self._unsure),
                message=f"the platform does not say who is still in the meetings ({error}); "
                f"it is asked again in {AGAIN_SECONDS:g} s",
            )
        self.meetings.try_again()
        return AGAIN_SECONDS

    def _status(self, leg: str, since: float = 0.0) -> str | None:
        """Ask the platform for the status of a leg; raises Problem or NoAnswer."""
        try:
            return str(self._api.get(leg).get("status"))
        except Problem as problem:
            if problem.status != 404:
                raise
            is_new = time.time() - since < SHOWN_SECONDS  # it may show up late
            return None if is_new else "completed"


def _record(call: SocketCall) -> OutboundCall:
    return OutboundCall(None, "websocket", "socket", call.meeting, id=call.name)
