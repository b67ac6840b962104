"""The Vonage application's document, edited in place: the addresses of its voice webhooks. Pure.

Source: Vonage's Application API v2. PUT replaces the application, so everything that is not edited,
unknown keys included, must go back as it came.
"""

import copy
import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

__all__ = ["Change", "DocumentError", "differences", "pointed", "read"]

PATHS: Mapping[str, str] = {
    "answer_url": "/webhooks/answer",
    "event_url": "/webhooks/events",
    "fallback_answer_url": "/webhooks/fallback",
}
"""The webhooks, by their names in the document, and where this service takes them."""

METHODS = ("GET", "POST")  # this service takes both, so a method that is set stays

_NO_OBJECT = (
    "the application's {} is {}, not an object: set the webhooks in Vonage's dashboard once"
)


class DocumentError(Exception):
    """The document is not that of an application; the message says what was seen."""


@dataclass(frozen=True)
class Change:
    """A changed value in the document: `old` (None: absent) and `new`."""

    webhook: str
    field: str
    old: Any
    new: str


def read(body: bytes) -> dict[str, Any]:
    """Read the document of an application.

    Raises:
        DocumentError: it is not one, or would not come out again as it went in.

    """
    try:
        document = json.loads(
            body,
            object_pairs_hook=_without_repetition,
            parse_constant=_refuse,
            parse_float=_exactly,
        )
    except RecursionError:
        raise DocumentError("the application is nested too deeply") from None
    except (ValueError, ArithmeticError) as error:
        raise DocumentError(f"the application is not JSON: {error}") from None
    if not isinstance(document, dict) or not isinstance(document.get("name"), str):
        raise DocumentError("the answer is no application: it has no name")
    return document


def pointed(
    document: Mapping[str, Any], base_url: str
) -> tuple[dict[str, Any], tuple[Change, ...]]:
    """Point the webhooks here.

    Args:
        document: the application, which stays as it is.
        base_url: where the platform reaches this service, such as https://host.

    Returns:
        The edited copy, and what was changed in it.

    Raises:
        DocumentError: something else is where the webhooks belong.

    """
    edited = copy.deepcopy(dict(document))
    hooks = edited
    for name in ("capabilities", "voice", "webhooks"):
        hooks = hooks.setdefault(name, {})
        if not isinstance(hooks, dict):
            raise DocumentError(_NO_OBJECT.format(name, json.dumps(hooks)[:80]))
    changes = []
    for name, path in PATHS.items():
        hook = hooks.setdefault(name, {})
        if not isinstance(hook, dict):
            raise DocumentError(_NO_OBJECT.format(name, json.dumps(hook)[:80]))
        wanted = {"address": base_url + path}
        if hook.get("http_method") not in METHODS:
            wanted["http_method"] = "POST"
        for field, value in wanted.items():
            if hook.get(field) != value:
                changes.append(Change(name, field, hook.get(field), value))
                hook[field] = value
    return edited, tuple(changes)


def differences(before: Any, after: Any, path: str = "") -> list[str]:
    """Name every value of a document that is missing in another one or differs there."""
    if isinstance(before, dict) and isinstance(after, dict):
        found = []
        for name, value in before.items():
            where = f"{path}.{name}" if path else str(name)
            found += differences(value, after[name], where) if name in after else [where]
        return found
    return [] if before == after and type(before) is type(after) else [path]


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise ValueError("a name appears more than once in an object")
    return fields


def _exactly(text: str) -> float:
    number = float(text)
    if not math.isfinite(number) or Decimal(text) != Decimal(repr(number)):
        raise ValueError(f"{text[:80]} could not be written back as it is")
    return number


def _refuse(word: str) -> None:
    raise ValueError(f"{re.sub('[^A-Za-z-]', '', word)} is not a JSON number")
