"""The operator's interface as an OpenAPI document, made from the models of its bodies."""

from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from ncco_service.calls import Bot, Keys, NewCall, Sound, SpokenText, Transfer

__all__ = ["document"]

Json = dict[str, Any]

_TEXT = {"type": "string"}
_MAYBE = {"type": ["string", "null"]}
_LEG = {
    "type": "object",
    "required": ["uuid", "status"],
    "properties": {"uuid": _MAYBE, "status": _MAYBE},
}
_SCHEMAS: dict[str, Json] = {
    "Error": {
        "type": "object",
        "required": ["error", "message", "hint"],
        "properties": {"error": _TEXT, "message": _TEXT, "hint": _TEXT},
    },
    "Placed": {
        "type": "object",
        "required": ["call", "uuid", "conversation_uuid"],
        "properties": {"call": _TEXT, "uuid": _TEXT, "conversation_uuid": _TEXT},
    },
    "Call": {
        "type": "object",
        "description": "a call of this process; of one that it does not know, what the platform "
        "says, as `platform`",
        "properties": {
            "call": _TEXT,
            "uuid": _MAYBE,
            "conversation_uuid": _MAYBE,
            "to": _TEXT,
            "from": _MAYBE,
            "order": _MAYBE,
            "meeting": _MAYBE,
            "created": {"type": "string", "format": "date-time"},
            "person": _LEG,
            "socket": _LEG,
            "machine": {"enum": ["human", "machine", "beep", None]},
            "over": {"type": "boolean"},
            "problem": _MAYBE,
            "events": {"type": "array", "items": {"type": "object"}},
            "platform": {"type": "object"},
        },
    },
    "Calls": {
        "type": "object",
        "required": ["calls"],
        "properties": {"calls": {"type": "array", "items": {"$ref": "#/components/schemas/Call"}}},
    },
    "Meeting": {
        "type": "object",
        "required": ["name", "people", "socket"],
        "properties": {
            "name": _TEXT,
            "people": {"type": "integer", "minimum": 0},
            "socket": {
                "type": "object",
                "required": ["uuid", "status", "listen_only", "problem"],
                "properties": {
                    "uuid": _MAYBE,
                    "status": {"enum": ["absent", "invited", "present", "leaving"]},
                    "listen_only": {"type": "boolean"},
                    "problem": _MAYBE,
                },
            },
        },
    },
    "Meetings": {
        "type": "object",
        "required": ["meetings"],
        "properties": {
            "meetings": {"type": "array", "items": {"$ref": "#/components/schemas/Meeting"}}
        },
    },
    "Document": {"type": "object"},
}
_NAME = {
    "name": "name",
    "in": "path",
    "required": True,
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9._-]{1,64}$"},
}
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "description": "the same for a request that is repeated: its call is placed once",
    "schema": {"type": "string", "pattern": r"^[\x21-\x7e]{1,200}$"},
}
# Method, path, what it does, body, status and schema of the answer.
_OPERATIONS: tuple[tuple[str, str, str, type[BaseModel] | None, int, str | None], ...] = (
    ("get", "/openapi.json", "This document.", None, 200, "Document"),
    ("post", "/calls", "Place a call.", NewCall, 201, "Placed"),
    ("get", "/calls", "The latest calls.", None, 200, "Calls"),
    ("get", "/calls/{name}", "A call, with its events so far.", None, 200, "Call"),
    ("delete", "/calls/{name}", "Hang a call up.", None, 204, None),
    ("post", "/calls/{name}/transfer", "Continue it with another NCCO.", Transfer, 204, None),
    ("post", "/calls/{name}/talk", "Say a text.", SpokenText, 204, None),
    ("delete", "/calls/{name}/talk", "Stop the text.", None, 204, None),
    ("post", "/calls/{name}/stream", "Play a sound file.", Sound, 204, None),
    ("delete", "/calls/{name}/stream", "Stop the sound file.", None, 204, None),
    ("post", "/calls/{name}/dtmf", "Press keys.", Keys, 204, None),
    ("post", "/calls/{name}/mute", "Mute it: it is not heard.", None, 204, None),
    ("post", "/calls/{name}/unmute", "Unmute it.", None, 204, None),
    ("post", "/calls/{name}/earmuff", "Earmuff it: it does not hear.", None, 204, None),
    ("post", "/calls/{name}/unearmuff", "Undo earmuff.", None, 204, None),
    ("get", "/meetings", "The meetings.", None, 200, "Meetings"),
    ("put", "/meetings/{name}/socket", "Call the socket into a meeting.", Bot, 200, "Meeting"),
    ("delete", "/meetings/{name}/socket", "Hang up its socket.", None, 200, "Meeting"),
)


def document() -> Json:
    """Make the document."""
    models = [(model, "validation") for _, _, _, model, _, _ in _OPERATIONS if model]
    _, definitions = models_json_schema(models, ref_template="#/components/schemas/{model}")  # type: ignore[arg-type]
    paths: dict[str, Json] = {}
    for method, path, summary, model, status, schema in _OPERATIONS:
        operation: Json = {
            "operationId": f"{method}{path.replace('/', '_').replace('{', '').replace('}', '')}",
            "summary": summary,
            "responses": {
                str(status): _response(summary, schema),
                "4XX": _response("It was refused, or the platform refused it.", "Error"),
                "5XX": _response("It could not be done now.", "Error"),
            },
        }
        if path == "/calls" and method == "post":
            operation["parameters"] = [_KEY]
        if "{name}" in path:
            operation["parameters"] = [_NAME]
        if model is not None or method == "post":
            shape = _ref(model.__name__) if model else {"type": "object", "maxProperties": 0}
            operation["requestBody"] = {"required": True, **_json(shape)}
        paths.setdefault(path, {})[method] = operation
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Operator's interface of ncco-service",
            "version": "1",
            "description": "Calls that we start, and meetings. A name is a call's or a leg's uuid.",
        },
        "security": [{}, {"token": []}],
        "paths": paths,
        "components": {
            "schemas": {**definitions.get("$defs", {}), **_SCHEMAS},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def _response(summary: str, schema: str | None) -> Json:
    return {"description": summary, **(_json(_ref(schema)) if schema else {})}


def _json(schema: Json) -> Json:
    return {"content": {"application/json": {"schema": schema}}}


def _ref(name: str) -> Json:
    return {"$ref": f"#/components/schemas/{name}"}
