"""The operator's interface: start calls, steer them, follow them. It has a port of its own."""

import json
import re
from typing import Any, TypeVar

from flask import Blueprint, Response, request
from pydantic import BaseModel, ValidationError

from ncco_service.calls import (
    HANG_UP,
    PATTERNS,
    Bot,
    Calls,
    Keys,
    NewCall,
    Sound,
    SpokenText,
    Transfer,
)
from ncco_service.http.errors import Problem
from ncco_service.http.request_fields import object_of
from ncco_service.views.openapi import document
from ncco_service.views.operator_check import OperatorCheck

__all__ = ["blueprint"]

Body = TypeVar("Body", bound=BaseModel)
Json = dict[str, Any]

MOST_LISTED = 100
_KEY = re.compile(r"[\x21-\x7e]{1,200}")
_NAME = re.compile(r"[A-Za-z0-9._-]{1,64}")
_HINT = "GET /openapi.json describes what is accepted here"


def blueprint(calls: Calls, check: OperatorCheck) -> Blueprint:
    """Make the interface.

    Args:
        calls: the calls that it starts and steers.
        check: who may use it.

    """
    operator = Blueprint("operator", __name__)
    operator.before_request(lambda: check.require(request))

    @operator.get("/openapi.json")
    def describe() -> Json:
        """Describe this interface."""
        return document()

    @operator.post("/calls")
    def place() -> tuple[Json, int]:
        """Place a call."""
        key = request.headers.get("Idempotency-Key")
        if key is not None and not _KEY.fullmatch(key):
            seen = "the Idempotency-Key is not 1 to 200 printable characters without blanks"
            raise Problem(400, "bad_field", seen, "send a UUID, for example")
        call = calls.place(_body(NewCall), key)
        uuids = {"uuid": call.uuid, "conversation_uuid": call.conversation_uuid}
        return {"call": call.id, **uuids}, 201

    @operator.get("/calls")
    def latest() -> Json:
        """List the latest calls."""
        return {"calls": calls.latest(MOST_LISTED)}

    @operator.get("/calls/<name>")
    def one(name: str) -> Json:
        """Describe a call, with its events so far."""
        return calls.find(_named(name))

    @operator.delete("/calls/<name>")
    def hang_up(name: str) -> Response:
        """Hang a call up."""
        return _steered(name, "PUT", "", HANG_UP)

    def _steered(name: str, method: str, what: str, body: Json | None = None) -> Response:
        calls.steer(_named(name), method, what, body)
        return Response(status=204)

    @operator.post("/calls/<name>/transfer")
    def transfer(name: str) -> Response:
        """Continue a call with another NCCO."""
        wanted = _body(Transfer)
        where: Json = {"ncco": wanted.ncco} if wanted.url is None else {"url": [wanted.url]}
        destination = {"type": "ncco", **where}
        return _steered(name, "PUT", "", {"action": "transfer", "destination": destination})

    @operator.post("/calls/<name>/talk")
    def talk(name: str) -> Response:
        """Say a text to a call."""
        return _steered(name, "PUT", "talk", _body(SpokenText).model_dump(exclude_none=True))

    @operator.post("/calls/<name>/stream")
    def stream(name: str) -> Response:
        """Play a sound file to a call."""
        fields = _body(Sound).model_dump(exclude_none=True)
        return _steered(name, "PUT", "stream", fields | {"stream_url": [fields["stream_url"]]})

    @operator.delete("/calls/<name>/talk")
    def stop_talk(name: str) -> Response:
        """Stop the text."""
        return _steered(name, "DELETE", "talk")

    @operator.delete("/calls/<name>/stream")
    def stop_stream(name: str) -> Response:
        """Stop the sound file."""
        return _steered(name, "DELETE", "stream")

    @operator.post("/calls/<name>/dtmf")
    def dtmf(name: str) -> Response:
        """Press keys in a call."""
        return _steered(name, "PUT", "dtmf", _body(Keys).model_dump())

    @operator.post("/calls/<name>/<any(mute, unmute, earmuff, unearmuff):action>")
    def switch(name: str, action: str) -> Response:
        """Mute or earmuff a call, or undo it."""
        return _steered(name, "PUT", "", {"action": action})

    @operator.get("/meetings")
    def meetings() -> Json:
        """List the meetings."""
        return {"meetings": calls.meetings.report()}

    @operator.put("/meetings/<name>/socket")
    def invite(name: str) -> Json:
        """Call the socket into a meeting."""
        return calls.meetings.invite(_named(name), _body(Bot))

    @operator.delete("/meetings/<name>/socket")
    def dismiss(name: str) -> Json:
        """Hang up a meeting's socket."""
        if (room := calls.meetings.dismiss(_named(name))) is None:
            seen = "no meeting of this name is known"
            raise Problem(404, "no_such_meeting", seen, "GET /meetings lists those that are")
        return room

    return operator


def _named(name: str) -> str:
    if not _NAME.fullmatch(name):
        seen = "the name in the path is not 1 to 64 letters, digits, dots, dashes and underscores"
        raise Problem(404, "no_such_name", seen, "GET /calls and GET /meetings list those known")
    return name


def _body(model: type[Body]) -> Body:
    fields = object_of(request, _HINT)
    try:
        return model.model_validate_json(json.dumps(fields))
    except ValidationError as error:
        lines = [_line(detail) for detail in error.errors(include_url=False)[:10]]
        raise Problem(400, "bad_field", "; ".join(lines), _HINT) from None


def _line(detail: Any) -> str:
    where = ".".join(str(part) for part in detail["loc"]) or "the body"
    seen = json.dumps(detail["input"], default=str)[:80]
    wrong = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "string_pattern_mismatch":
        wrong = f"it must be {PATTERNS[detail['ctx']['pattern']]}"
    return f"{where}: {wrong} (seen: {seen})"
