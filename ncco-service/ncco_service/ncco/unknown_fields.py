"""Fields of a document that are not in Vonage's NCCO reference, and suggested corrections."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, get_args

from pydantic import BaseModel

__all__ = ["UnknownField", "unknown_fields"]


@dataclass(frozen=True)
class UnknownField:
    """A field that is not known.

    Attributes:
        path: its place in the action, by wire names.
        meant: the known field that was probably meant; None if no name is close.

    """

    path: str
    meant: str | None


def unknown_fields(value: object, model: type[BaseModel], path: str = "") -> Iterator[UnknownField]:
    """Find the fields that a model does not know, in it and in its parts.

    Args:
        value: the action, or a part of it, as parsed from JSON.
        model: of the action or the part.
        path: the part's place in the action.

    """
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from unknown_fields(item, model, f"{path}[{index}]")
    if not isinstance(value, dict):
        return
    known = [field.alias or name for name, field in model.model_fields.items()]
    for name, item in value.items():
        place = f"{path}.{name}" if path else name
        if name not in known:
            missing = (candidate for candidate in known if candidate not in value)
            meant = next((each for each in missing if _one_slip(name, each)), None)
            yield UnknownField(place, meant)
        elif part := _model_of(model, name):
            yield from unknown_fields(item, part, place)


def _model_of(model: type[BaseModel], wire_name: str) -> type[BaseModel] | None:
    for name, field in model.model_fields.items():
        if (field.alias or name) == wire_name:
            candidates: tuple[Any, ...] = (field.annotation, *get_args(field.annotation))
            return next(
                (c for c in candidates if isinstance(c, type) and issubclass(c, BaseModel)), None
            )
    return None


def _one_slip(name: str, known: str) -> bool:
    """Whether two names differ by case and hyphens only, or by one letter, or by two swapped."""
    one, two = (re.sub("[-_]", "", each).lower() for each in (name, known))
    if len(one) > len(two):
        one, two = two, one
    same = 0
    while same < len(one) and one[same] == two[same]:
        same += 1
    rest, other = one[same:], two[same:]
    if len(one) < len(two):
        return rest == other[1:]
    return rest[1:] == other[1:] or (rest[1::-1] == other[:2] and rest[2:] == other[2:])
