"""The platform's webhooks: answer a call, log its events, reply after failures."""

import json
import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import structlog
from flask import Blueprint, Response, request
from werkzeug.exceptions import HTTPException

from ncco_service.calls import EVENT_FIELDS, Calls
from ncco_service.discovery import Discovery, NotKnown
from ncco_service.http.errors import Problem
from ncco_service.http.request_fields import any_text, fields_of, lenient_text, text
from ncco_service.logs import masked
from ncco_service.ncco import Documents, TemplateError, headers_of
from ncco_service.settings import Settings
from ncco_service.views.metrics import Metrics
from ncco_service.views.plain_events import PlainEventsWarning
from ncco_service.views.signature_check import SignatureCheck
from ncco_service.views.socket_ends import FAILED_STATUSES, Reply, SocketEnds

if TYPE_CHECKING:
    from ncco_service.calls.traces import Traces

__all__ = ["blueprint"]

logger = structlog.get_logger()

_ANSWER_FIELDS = ("from", "to", "uuid", "conversation_uuid")
_SOCKET = re.compile(r"wss?:", re.IGNORECASE)


def blueprint(
    documents: Documents,
    discovery: Discovery,
    signature_check: SignatureCheck | None,
    calls: Calls | None,
    metrics: Metrics,
    traces: "Traces | None",
    settings: Settings,
) -> Blueprint:
    """Make the webhooks.

    Args:
        documents: what callers get.
        discovery: where the platform reaches the socket and the webhooks.
        signature_check: refuses webhooks that are not Vonage's; None accepts all.
        calls: are told of events; None when none can be started.
        metrics: counts answers, and ends of sockets.
        traces: of calls; None without a collector.
        settings: whether numbers are logged unmasked, which lead into meetings, and how often in a
            minute a call is connected to the socket again.

    """
    socket_ends = SocketEnds(documents, discovery, settings.reconnects, traces)
    plain_events = PlainEventsWarning(discovery, settings)
    hooks = Blueprint("webhooks", __name__)
    methods = ["GET", "POST"]
    meetings = dict(settings.meetings)

    if signature_check:
        hooks.before_request(lambda: signature_check.require(request))

    def shown(number: str) -> str | None:
        if not number:
            return None
        if _SOCKET.match(number):
            return number.partition("?")[0]  # a query may hold a secret
        return number if settings.log_numbers else masked(number)

    def reply_to_end(fields: dict[str, Any]) -> Reply | None:
        """Return what comes after a socket, if that is what an event is about."""
        status = lenient_text(fields, "status").lower()
        if status not in FAILED_STATUSES or not _SOCKET.match(lenient_text(fields, "to").strip()):
            return None
        reply = socket_ends.reply(fields, status, discovery.proxies.origin(request.environ))
        metrics.socket_ended(reply.word)
        return reply

    @hooks.route("/webhooks/answer", methods=methods)
    @hooks.route("/ncco", methods=methods)  # its name in Vonage's old guide
    def answer() -> Response:
        """Answer a call with the NCCO."""
        began = time.perf_counter()
        fields = fields_of(request)
        values = {name: text(fields, name) for name in _ANSWER_FIELDS}
        if (meeting := meetings.get(values["to"])) is not None:
            if calls:
                calls.meetings.expect(values["uuid"], meeting)
            return answered(
                values,
                began,
                lambda _: json.dumps(documents.meeting_answer(values, meeting)),
                meeting=meeting,
            )
        if discovery.all_lines_are_busy:
            logger.warning("answer_busy", call=values["uuid"], **{"from": shown(values["from"])})
            metrics.answered("busy", time.perf_counter() - began)
            return _ncco(documents.busy)
        origin = discovery.proxies.origin(request.environ)
        try:
            socket = discovery.public_url.socket(origin)
            events = discovery.public_url.events(origin)
        except NotKnown as error:
            metrics.answered("not_ready", time.perf_counter() - began)
            # 503, which the platform tries again, unlike 500.
            raise Problem(503, "not_ready", str(error), error.hint, {"Retry-After": "1"}) from None
        if events.source == "request":
            plain_events.check(request.environ, events.url)
        if documents.query:
            sent = request.args.to_dict() | fields  # a POST's URL may have a query as well
            values |= {f"query.{name}": any_text(sent, name) for name in documents.query}
        values |= {"socket_url": socket.url, "events_url": events.url}
        return answered(
            values,
            began,
            lambda traceparent: documents.answer(values, traceparent),
            socket=socket.url.partition("?")[0],
            source=socket.source,
        )

    def answered(
        values: dict[str, str],
        began: float,
        document: Callable[[str | None], str],
        **destination: str,
    ) -> Response:
        """Answer with a document, made for a trace; measure, trace and log that."""
        span = traces.begin("answer", ago=time.perf_counter() - began) if traces else None
        try:
            body, problem = document(span.traceparent if span else None), None
        except TemplateError as error:
            body, problem = documents.fallback, str(error)
        seconds = time.perf_counter() - began
        result = "fallback" if problem else "answered"
        metrics.answered(result, seconds)
        uuids = {"call": values["uuid"], "conversation": values["conversation_uuid"]}
        if span:
            span.end(**uuids, result=result, meeting=destination.get("meeting"))
        log = logger.error if problem else logger.info
        log(
            "answer_refused" if problem else "answer",
            **uuids,
            to=shown(values["to"]),
            **destination,
            ms=seconds * 1000,
            problem=problem,
            reply="fallback" if problem else None,
            **{"from": shown(values["from"])},
        )
        return _ncco(body)

    @hooks.route("/webhooks/events", methods=methods)
    def events() -> Response:
        """Log an event; when the socket is gone, answer with what comes next."""
        fields = fields_of(request)
        status = lenient_text(fields, "status").lower()
        to = lenient_text(fields, "to").strip()
        if calls:
            event = {name: lenient_text(fields, name) for name in EVENT_FIELDS}
            event |= {"status": status, "to": to}
            event["uuid"] = event["uuid"] or lenient_text(fields, "call_uuid")
            # A socket that is connected again has another URL for its events, and the same headers.
            name = request.args.get("call") or lenient_text(headers_of(fields), "uuid")
            calls.happened(name, event)
        kind = None if status else _kind(fields)
        reply = reply_to_end(fields)
        # The platform found a mistake in what it got, such as "Syntax error in NCCO".
        worth_a_look = kind == "error" or (reply is not None and reply.word != "after")
        log = logger.warning if worth_a_look else logger.info
        log(
            "event",
            status=status or None,
            kind=kind,
            leg="socket" if _SOCKET.match(to) else None,
            call=lenient_text(fields, "uuid") or lenient_text(fields, "call_uuid") or None,
            conversation=lenient_text(fields, "conversation_uuid") or None,
            direction=lenient_text(fields, "direction") or None,
            to=shown(to),
            sub_state=lenient_text(fields, "sub_state") or None,
            detail=lenient_text(fields, "detail") or None,
            reason=lenient_text(fields, "reason") or None,
            seconds=lenient_text(fields, "duration") or None,
            reply=reply.word if reply else None,
            **{"from": shown(lenient_text(fields, "from"))},
        )
        if reply is None or reply.document is None:
            return Response(status=204)
        return _ncco(reply.document)

    @hooks.route("/webhooks/fallback", methods=methods)
    def fallback() -> Response:
        """Answer after the answer or an event webhook failed, whatever was sent.

        The fields are those of the webhook that failed (Webhook reference): so a call whose socket
        is gone is connected again from here, too.
        """
        try:
            fields = fields_of(request)
        except (Problem, HTTPException):
            fields = {}
        original = fields.get("original_request")
        reply = reply_to_end(fields)
        logger.warning(
            "fallback",
            call=lenient_text(fields, "uuid") or None,
            conversation=lenient_text(fields, "conversation_uuid") or None,
            reason=lenient_text(fields, "reason") or None,
            requested=lenient_text(original, "url") if isinstance(original, dict) else None,
            reply=reply.word if reply else None,
        )
        if reply is None:
            return _ncco(documents.fallback)
        return _ncco(reply.document) if reply.document else Response(status=204)

    return hooks


def _ncco(document: str) -> Response:
    return Response(document, mimetype="application/json")


def _kind(fields: dict[str, object]) -> str:
    """Name an event that has no status, by the field that only it has."""
    signs = {
        "recording_url": "record",
        "dtmf": "input",
        "speech": "input",
        "conversation_uuid_to": "transfer",
        "payload": "notify",
        "reason": "error",
    }
    return next((kind for field, kind in signs.items() if field in fields), "other")
