"""Validation of a document, with a line for each problem that says how to correct it."""

import json
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from ncco_service.ncco.actions import ACTIONS

__all__ = ["problems_of"]

_LONGEST_SEEN = 80  # characters


def problems_of(document: object) -> list[str]:
    """List everything that the platform would refuse.

    Args:
        document: the NCCO as parsed from JSON.

    Returns:
        One line for each problem: the action (from 1), the field by its wire name, what was seen,
        what is allowed. Empty when the document is good.

    """
    if not isinstance(document, list):
        return [f"saw {_seen(document)}; allowed: a list of actions, [{{...}}, {{...}}]"]
    if not document:
        return ["saw no action at all; allowed: one action or more"]
    problems = [line for n, action in enumerate(document, 1) for line in _in_action(n, action)]
    return problems + _in_order(document)


def _in_action(number: int, action: object) -> list[str]:
    name = action.get("action") if isinstance(action, dict) else None
    if not isinstance(action, dict):
        return [f"action {number}: saw {_seen(action)}; allowed: an object"]
    model = ACTIONS.get(name) if isinstance(name, str) else None
    if model is None:
        seen = _seen(name) if "action" in action else "nothing"
        return [f"action {number}: action: saw {seen}; allowed: {', '.join(ACTIONS)}"]
    try:
        model.model_validate(action)
    except ValidationError as error:
        lines = (_line(model, detail) for detail in error.errors(include_url=False))
        return [f"action {number} ({name}): {line}" for line in lines]
    return []


def _in_order(document: list[Any]) -> list[str]:
    """Find actions after a websocket.

    The platform runs them as soon as the socket is open, not after it closes, as developers found
    in 2026; a spoken fallback belongs in the answer to the event instead.
    """
    return [
        f"action {number} (connect): saw {len(document) - number} more after a websocket; "
        "allowed: a websocket connect as the last action, since what follows is played while the "
        "socket is open. What callers hear when the socket fails belongs in NCCO_FALLBACK_FILE"
        for number, action in enumerate(document[:-1], 1)
        if isinstance(action, dict) and action.get("action") == "connect"
    ]


def _line(model: type[BaseModel], detail: ErrorDetails) -> str:
    path, within = _walk(model, detail["loc"])
    seen = "nothing" if detail["type"] == "missing" else _seen(detail["input"])
    if "authorization" in path and detail["type"] != "missing":
        seen = "(a value not shown here)"
    return f"{path or 'it'}: saw {seen}; allowed: {_allowed(within, detail)}"


def _allowed(model: type[BaseModel], detail: ErrorDetails) -> str:
    context = detail.get("ctx", {})
    match detail["type"]:
        case "extra_forbidden":
            names = [field.alias or name for name, field in model.model_fields.items()]
            return f"only the fields {', '.join(names)}"
        case "missing":
            return "this field is required"
        case "value_error":
            return str(context["error"])
        case "too_short":
            return f"a list of at least {context['min_length']}"
        case "too_long":
            return f"a list of at most {context['max_length']}"
        case _:
            return detail["msg"].removeprefix("Input should be ").replace("'", '"')


def _walk(model: type[BaseModel], location: tuple[int | str, ...]) -> tuple[str, type[BaseModel]]:
    """Write a location as a path of wire names, and find the model that its last name is in."""
    path = ""
    within, inner = model, None
    for part in location:
        if isinstance(part, int):
            path += f"[{part}]"
        else:
            within, path = inner or within, f"{path}.{part}" if path else part
            inner = _model_of(within, part)
    return path, within


def _model_of(model: type[BaseModel], wire_name: str) -> type[BaseModel] | None:
    for name, field in model.model_fields.items():
        if (field.alias or name) == wire_name:
            candidates = (field.annotation, *get_args(field.annotation))
            return next(
                (c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), None
            )
    return None


def _seen(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=repr)
    return text if len(text) <= _LONGEST_SEEN else text[: _LONGEST_SEEN - 3] + "..."
