"""Placing of calls: the body of each is made, queued, sent at the platform's pace, and traced."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from ncco_service.calls.bodies import Addresses
from ncco_service.calls.call import CallBook, OutboundCall
from ncco_service.calls.dispatcher import PATIENCE_SECONDS, Dispatcher
from ncco_service.calls.order import CallOrder
from ncco_service.calls.placement import Placement
from ncco_service.calls.voice_api import Call, VoiceApi
from ncco_service.http.errors import Problem
from ncco_service.ncco import TemplateError

if TYPE_CHECKING:
    from ncco_service.calls.traces import Span, Traces

__all__ = ["Placer", "Submission"]


@dataclass
class Submission:
    """A call on its way to the platform.

    Attributes:
        call: our record of it.
        placement: its place in the queue, and its result.
        span: of its trace, until the result is there; None without traces.

    """

    call: OutboundCall
    placement: Placement
    span: "Span | None" = None

    def end_span(self, result: str) -> None:
        """End the span, once."""
        span, self.span = self.span, None
        if span:
            span.end(call=self.call.id, leg=self.call.uuid, result=result)


class Placer:
    """Places the calls of one application.

    Args:
        api: the platform's interface.
        book: the calls that are known.
        addresses: returns the URLs of the socket and of the events; raises Problem.
        per_second: calls placed in any second at most.
        traces: of calls; None without a collector.

    """

    def __init__(
        self,
        api: VoiceApi,
        book: CallBook,
        addresses: Callable[[], tuple[str, str]],
        per_second: int,
        traces: "Traces | None",
    ) -> None:
        self._api = api
        self._book = book
        self._addresses = addresses
        self._traces = traces
        self._dispatcher = Dispatcher(per_second)
        self.start, self.stop = self._dispatcher.start, self._dispatcher.stop
        self.refuse = self._dispatcher.refuse

    @property
    def results(self) -> Mapping[str, int]:
        """Calls by result: placed, or why not."""
        return self._dispatcher.results

    def submit(
        self, call: OutboundCall, body: Callable[[Addresses, str | None], dict[str, Any]]
    ) -> Submission:
        """Queue a call.

        Args:
            call: our record of it.
            body: makes the request's body from our addresses and the traceparent, for each
                attempt, since it holds a ticket.

        Raises:
            Problem: the body cannot be made, the queue is full, or the service stops.

        """
        span = self._traces.begin("place_call") if self._traces else None

        def make_body() -> dict[str, Any]:
            socket, events = self._addresses()
            addresses = Addresses(socket, f"{events}?{urlencode({'call': call.id})}")
            try:
                return body(addresses, span.traceparent if span else None)
            except TemplateError as error:
                hint = "correct the headers, or the documents that the message names"
                raise Problem(400, "bad_ncco", str(error), hint) from None

        make_body()  # what is wrong with it is said before it is queued
        placement = self._dispatcher.submit(CallOrder(call, make_body, self._api, self._book))
        self._book.add(call)
        return Submission(call, placement, span)

    def restore(self, call: OutboundCall, first_sent: float) -> Submission:
        """Take over a call of an earlier process; one without a uuid is looked up, not sent.

        Args:
            call: our record of it.
            first_sent: seconds since 1970.

        """
        order = CallOrder(call, dict, self._api, self._book, first_sent=first_sent)
        if call.uuid is None:
            placement = self._dispatcher.look_up(order)
        else:
            placement = self._dispatcher.already(
                order, Call(call.uuid, call.conversation_uuid or "")
            )
        self._book.add(call)
        self._book.learn(call)
        return Submission(call, placement)

    def result(self, submission: Submission, seconds: float = PATIENCE_SECONDS) -> Call:
        """Wait for a call's result, at most so many seconds.

        Raises:
            Problem: it was not placed, or its result is unknown.

        """
        try:
            placed = self._dispatcher.result(submission.placement, seconds)
        except Problem as problem:
            submission.end_span(problem.slug)
            if submission.placement.was_not_placed:
                submission.call.problem = problem.message
            raise
        submission.end_span("placed")
        return placed
