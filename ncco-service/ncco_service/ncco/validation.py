"""Validation of a document, with a line for each problem that says how to correct it."""

import json

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from ncco_service.ncco.actions import ACTIONS
from ncco_service.ncco.unchecked import checkable
from ncco_service.ncco.unknown_fields import unknown_fields

__all__ = ["problems_of"]

_LONGEST_SEEN = 80  # characters


def problems_of(document: object) -> list[str]:
    """List everything that the platform would refuse, and probably misspelled fields.

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
    return [line for n, action in enumerate(document, 1) for line in _in_action(n, action)]


def _in_action(number: int, action: object) -> list[str]:
    name = action.get("action") if isinstance(action, dict) else None
    if not isinstance(action, dict):
        return [f"action {number}: saw {_seen(action)}; allowed: an object"]
    checked = checkable(action)
    if checked is None:
        return []
    model = ACTIONS.get(name) if isinstance(name, str) else None
    if model is None:
        seen = _seen(name) if "action" in action else "nothing"
        return [f"action {number}: action: saw {seen}; allowed: {', '.join(ACTIONS)}"]
    lines: list[str] = []
    try:
        model.model_validate(checked)
    except ValidationError as error:
        lines = [_line(detail) for detail in error.errors(include_url=False)]
    lines += [
        f'{field.path}: saw this name, which Vonage does not know; did you mean "{field.meant}"?'
        for field in unknown_fields(checked, model)
        if field.meant
    ]
    return [f"action {number} ({name}): {line}" for line in lines]


def _line(detail: ErrorDetails) -> str:
    path = ""
    for part in detail["loc"]:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    seen = "nothing" if detail["type"] == "missing" else _seen(detail["input"])
    if "authorization" in path and detail["type"] != "missing":
        seen = "(a value not shown here)"
    return f"{path or 'it'}: saw {seen}; allowed: {_allowed(detail)}"


def _allowed(detail: ErrorDetails) -> str:
    context = detail.get("ctx", {})
    match detail["type"]:
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


def _seen(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=repr)
    return text if len(text) <= _LONGEST_SEEN else text[: _LONGEST_SEEN - 3] + "..."
