"""What a caller gets when the socket was closed, lost, or could not be opened."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import structlog

from ncco_service.discovery import Discovery, NotKnown, RequestOrigin
from ncco_service.http.request_fields import lenient_text
from ncco_service.ncco import Documents, Reconnections, TemplateError, headers_of

if TYPE_CHECKING:
    from ncco_service.calls.traces import Traces

__all__ = ["FAILED_STATUSES", "Reply", "SocketEnds"]

logger = structlog.get_logger()

# Vonage WebSockets guide: in these states of a synchronous connect the reply may hold an NCCO.
FAILED_STATUSES = frozenset({"failed", "unanswered", "timeout", "rejected", "busy", "disconnected"})


@dataclass(frozen=True)
class Reply:
    """The reply to an event: a document as JSON text or None, and a word for the log."""

    document: str | None
    word: str


class SocketEnds:
    """Decides what follows a socket that ended.

    A call that did not end normally is connected again, so that it outlives the process that
    carried it. Reconnections are counted in the socket's headers, so any replica can answer.

    Args:
        documents: what callers get.
        discovery: where the socket is now, and why the last one ended.
        limit: reconnections of a call in a minute.
        traces: of calls; None without a collector.
        clock: seconds since 1970.

    """

    def __init__(
        self,
        documents: Documents,
        discovery: Discovery,
        limit: int,
        traces: "Traces | None" = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._documents = documents
        self._discovery = discovery
        self._limit = limit
        self._traces = traces
        self._clock = clock

    def reply(self, fields: Mapping[str, Any], status: str, origin: RequestOrigin) -> Reply:
        """Choose the reply to an event of a socket.

        Args:
            fields: the event's.
            status: one of FAILED_STATUSES.
            origin: of the request.

        """
        headers = headers_of(fields)
        if self._traces is None:
            return self._reply(fields, headers, status, origin, None)
        span = self._traces.begin("socket_ended", headers.get("traceparent"))
        reply = self._reply(fields, headers, status, origin, span.traceparent)
        span.end(call=lenient_text(headers, "uuid"), status=status, reply=reply.word)
        return reply

    def _reply(
        self,
        fields: Mapping[str, Any],
        headers: Mapping[str, Any],
        status: str,
        origin: RequestOrigin,
        traceparent: str | None,
    ) -> Reply:
        uuid = headers.get("uuid")
        before = Reconnections.of(headers)
        apology = Reply(self._documents.fallback, "fallback")
        if not isinstance(uuid, str) or not uuid:
            return apology  # another application's NCCO: the call is not known
        if status == "disconnected":
            end = self._discovery.call_status.end_of(uuid)
            if end == "done":
                return Reply(self._documents.after, "after")
            if end == "failed":
                return apology
        elif not before.count:
            return apology
        now = self._clock()
        lately = before.lately(now)
        if lately is None or lately >= self._limit:
            return apology
        try:
            document = self._documents.reconnect(
                self._values(fields, headers, uuid, origin),
                lenient_text(fields, "to").strip(),
                {**headers, **before.headers(now)},
                traceparent,
                pause=status != "disconnected",
            )
        except (NotKnown, TemplateError) as error:
            logger.error("reconnect_refused", call=uuid, problem=str(error))
            return apology
        return Reply(document, "reconnect")

    def _values(
        self,
        fields: Mapping[str, Any],
        headers: Mapping[str, Any],
        uuid: str,
        origin: RequestOrigin,
    ) -> dict[str, str]:
        urls = self._discovery.public_url
        return {
            "from": lenient_text(headers, "from") or lenient_text(fields, "from"),
            "to": lenient_text(headers, "to"),
            "uuid": uuid,
            "conversation_uuid": lenient_text(fields, "conversation_uuid"),
            "socket_url": urls.socket(origin).url,
            "events_url": urls.events(origin).url,
        }
