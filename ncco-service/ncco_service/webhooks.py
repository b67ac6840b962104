"""What the platform asks: how to answer a call, what happened to it, what to do when all failed."""

import json
import logging
import re
import time

from flask import Blueprint, Response, request
from werkzeug.exceptions import HTTPException

from ncco_service import logs
from ncco_service.errors import Problem
from ncco_service.fields import fields_of, lenient_text, text
from ncco_service.public_url import NotKnown
from ncco_service.service import Service
from ncco_service.template import TemplateError
from ncco_service.tickets import with_authorization

__all__ = ["FALLBACK_STATUSES", "blueprint"]

logger = logging.getLogger(__name__)

# Vonage WebSockets guide: in these states of a synchronous connect the reply may hold an NCCO.
FALLBACK_STATUSES = frozenset(
    {"failed", "unanswered", "timeout", "rejected", "busy", "disconnected"}
)
_ANSWER_FIELDS = ("from", "to", "uuid", "conversation_uuid")
_SOCKET = re.compile(r"wss?:", re.IGNORECASE)


def blueprint(service: Service) -> Blueprint:
    """Make the webhooks of a service."""
    hooks = Blueprint("webhooks", __name__)
    methods = ["GET", "POST"]

    @hooks.before_request
    def admit() -> None:
        if service.gate:
            service.gate.admit(request)

    def shown(number: str) -> str | None:
        if not number:
            return None
        if _SOCKET.match(number):
            return number.partition("?")[0]  # a query may hold a secret
        return number if service.settings.log_numbers else logs.masked(number)

    @hooks.route("/webhooks/answer", methods=methods)
    @hooks.route("/ncco", methods=methods)  # its name in Vonage's old guide
    def answer() -> Response:
        """Answer a call with the NCCO."""
        began = time.perf_counter()
        fields = fields_of(request)
        values = {name: text(fields, name) for name in _ANSWER_FIELDS}
        if service.is_busy:
            call, caller = values["uuid"], shown(values["from"])
            logs.event(logger, "answer_busy", logging.WARNING, call=call, **{"from": caller})
            return _ncco(service.busy)
        asker = service.asker(request)
        try:
            socket = service.public_url.socket(asker)
            events = service.public_url.events(asker)
        except NotKnown as error:
            # 503, which the platform tries again, unlike 500.
            raise Problem(503, "not_ready", str(error), error.hint, {"Retry-After": "1"}) from None
        values |= {"socket_url": socket.url, "events_url": events.url}
        try:
            document = service.answer.fill(values)
            if authorization := service.authorization(values["uuid"]):
                document = with_authorization(document, authorization)
            body, problem = json.dumps(document), None
        except TemplateError as error:
            body, problem = service.fallback, str(error)
        logs.event(
            logger,
            "answer_refused" if problem else "answer",
            logging.ERROR if problem else logging.INFO,
            call=values["uuid"],
            conversation=values["conversation_uuid"],
            to=shown(values["to"]),
            socket=socket.url.partition("?")[0],
            source=socket.source,
            ms=(time.perf_counter() - began) * 1000,
            problem=problem,
            reply="fallback" if problem else None,
            **{"from": shown(values["from"])},
        )
        return _ncco(body)

    @hooks.route("/webhooks/events", methods=methods)
    def events() -> Response:
        """Take note of an event; say what the caller hears when the socket failed."""
        fields = fields_of(request)
        status = lenient_text(fields, "status").lower()
        to = lenient_text(fields, "to").strip()
        failed = bool(_SOCKET.match(to)) and status in FALLBACK_STATUSES
        logs.event(
            logger,
            "event",
            logging.WARNING if failed else logging.INFO,
            status=status or None,
            kind=None if status else _kind(fields),
            leg="socket" if _SOCKET.match(to) else None,
            call=lenient_text(fields, "uuid") or lenient_text(fields, "call_uuid") or None,
            conversation=lenient_text(fields, "conversation_uuid") or None,
            direction=lenient_text(fields, "direction") or None,
            to=shown(to),
            detail=lenient_text(fields, "detail") or None,
            reason=lenient_text(fields, "reason") or None,
            seconds=lenient_text(fields, "duration") or None,
            reply="fallback" if failed else None,
            **{"from": shown(lenient_text(fields, "from"))},
        )
        return _ncco(service.fallback) if failed else Response(status=204)

    @hooks.route("/webhooks/fallback", methods=methods)
    def fallback() -> Response:
        """Answer when the answer or an event could not be had; always, whatever was sent."""
        try:
            fields = fields_of(request)
        except (Problem, HTTPException):
            fields = {}
        original = fields.get("original_request")
        logs.event(
            logger,
            "fallback",
            logging.WARNING,
            call=lenient_text(fields, "uuid") or None,
            conversation=lenient_text(fields, "conversation_uuid") or None,
            reason=lenient_text(fields, "reason") or None,
            asked=lenient_text(original, "url") if isinstance(original, dict) else None,
        )
        return _ncco(service.fallback)

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
