"""The documents of this service: the answer, and what callers hear when it cannot be given."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from ncco_service.ncco import template
from ncco_service.ncco.prepared import PreparedAnswer
from ncco_service.ncco.reconnect import connect_again
from ncco_service.ncco.template import Template, TemplateError
from ncco_service.ncco.tickets import Tickets, with_authorization, without_uuid
from ncco_service.ncco.traceparent import TRACEPARENT, TraceparentHeader
from ncco_service.ncco.validation import problems_of
from ncco_service.settings import Settings

__all__ = ["Documents"]

_IN_A_MEETING = {
    **{name: template.PLACEHOLDERS[name] for name in ("from", "to", "uuid")},
    "meeting": "room-1",
}


@dataclass(frozen=True)
class Documents:
    """What callers get.

    Attributes:
        template: of the answer.
        prepared: the same, for most answers.
        call: of the answer of a person whom we called.
        meeting: of the answer of a number that leads into a meeting.
        fallback: what a caller hears when the socket or the answer failed, as JSON text.
        busy: what a caller hears when all lines are busy, as JSON text.
        after: what a caller gets after a handler hung up, as JSON text; None: the call ends.
        authorization: makes the authorization of the websocket of the call with a uuid, or None.
        traceparents: gives the socket the name of the call's trace, where there is one.
        warnings: constructs whose behaviour is surprising, in any of them.

    """

    template: Template
    prepared: PreparedAnswer
    call: Template
    meeting: Template
    fallback: str
    busy: str
    after: str | None
    authorization: Callable[[str], dict[str, str] | None]
    traceparents: TraceparentHeader
    warnings: tuple[str, ...] = ()

    @classmethod
    def load(cls, settings: Settings) -> "Documents":
        """Read and check all of them.

        Raises:
            TemplateError: a document is wrong.

        """
        answer = template.load(settings.ncco_file)
        call = template.load(settings.ncco_call_file, template.OUTBOUND)
        meeting = template.load(settings.ncco_meeting_file, _IN_A_MEETING)
        authorization = _authorization(settings)
        for each in (answer, call) if settings.socket_auth == "ticket" else ():
            if problems := without_uuid(each.document):
                raise TemplateError(each.file, problems)
        last = call.document[-1]
        if last["action"] != "connect" or last["endpoint"][0]["type"] != "websocket":
            problem = "the last action must be a connect to the websocket that calls lead to"
            raise TemplateError(call.file, [problem])
        fallback = template.load(settings.ncco_fallback_file, {})
        busy = template.load(settings.ncco_busy_file, {})
        after = template.load(settings.ncco_after_file, {}, may_be_empty=True)
        warnings = tuple(
            f"{each.file}: {warning}"
            for each in (answer, call, meeting, fallback, busy, after)
            for warning in each.warnings
        )
        traceparents = TraceparentHeader()
        return cls(
            answer,
            PreparedAnswer(answer, traceparents),
            call,
            meeting,
            json.dumps(fallback.document),
            json.dumps(busy.document),
            json.dumps(after.document) if after.document else None,
            authorization,
            traceparents,
            warnings,
        )

    @property
    def query(self) -> frozenset[str]:
        """The webhook's fields that the answer names as `${query.NAME}`."""
        return self.template.query

    def answer(self, values: Mapping[str, str], traceparent: str | None = None) -> str:
        """Fill the answer for one call.

        Args:
            values: the placeholders' values, all of PLACEHOLDERS, and `query.NAME` for all of
                `query`.
            traceparent: of the call's trace, for the socket's headers.

        Returns:
            The document as JSON text.

        Raises:
            TemplateError: the values make it a document that the platform would refuse.

        """
        return self.prepared.text(values, self.authorization(values["uuid"]), traceparent)

    def reconnect(
        self,
        values: Mapping[str, str],
        uri: str,
        headers: Mapping[str, Any],
        traceparent: str | None = None,
        *,
        pause: bool,
    ) -> str:
        """Return the NCCO that connects a call to its socket again.

        Args:
            values: the placeholders' values, as in `answer`, as far as they are known.
            uri: where the socket was.
            headers: of the new socket.
            traceparent: of the call's trace from here on, which replaces the one in the headers.
            pause: whether to wait a second before, since the socket could not be opened.

        Returns:
            The document as JSON text.

        Raises:
            TemplateError: the answer has no socket, or the platform would refuse the document.

        """
        if traceparent:
            headers = {name: headers[name] for name in headers if name != TRACEPARENT}
        document = connect_again(self.template.connect(values), uri, headers, pause=pause)
        if problems := problems_of(document):
            raise TemplateError(self.template.file, problems)
        if traceparent:
            document = self.traceparents.put(document, traceparent)
        if authorization := self.authorization(values["uuid"]):
            document = with_authorization(document, authorization)
        return json.dumps(document)

    def meeting_answer(self, values: Mapping[str, str], meeting: str) -> list[dict[str, Any]]:
        """Fill the document that leads into a meeting.

        Args:
            values: of the placeholders `from`, `to` and `uuid`.
            meeting: the room's name.

        Raises:
            TemplateError: the values make it a document that the platform would refuse.

        """
        return self.meeting.fill({**values, "meeting": meeting})

    def call_answer(
        self, values: Mapping[str, str], headers: Mapping[str, Any], traceparent: str | None = None
    ) -> list[dict[str, Any]]:
        """Fill the document of a call that we start.

        Args:
            values: the placeholders' values, all of OUTBOUND; `uuid` is our own name for it.
            headers: further ones for its socket; those in the document come first.
            traceparent: of the call's trace, likewise.

        Raises:
            TemplateError: the headers make it a document that the platform would refuse.

        """
        document = self.call.fill(values)
        connect = document[-1]
        endpoint = connect["endpoint"][0]
        merged = {**endpoint, "headers": {**headers, **endpoint.get("headers", {})}}
        document = [*document[:-1], {**connect, "endpoint": [merged]}]
        if problems := problems_of(document):
            raise TemplateError(self.call.file, problems)
        if traceparent:
            document = self.traceparents.put(document, traceparent)
        if authorization := self.authorization(values["uuid"]):
            document = with_authorization(document, authorization)
        return document

    def call_socket(
        self, values: Mapping[str, str], headers: Mapping[str, Any], traceparent: str | None = None
    ) -> dict[str, Any]:
        """Return the websocket endpoint of that document alone; arguments and errors as there."""
        document = self.call_answer(values, headers, traceparent)
        endpoint: dict[str, Any] = document[-1]["endpoint"][0]
        return endpoint


def _authorization(settings: Settings) -> Callable[[str], dict[str, str] | None]:
    if settings.socket_auth == "ticket" and settings.socket_secret:
        return Tickets(settings.socket_secret, settings.ticket_seconds).authorization
    fixed = {"type": "vonage"} if settings.socket_auth == "vonage" else None
    return lambda _uuid: fixed
