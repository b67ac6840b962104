"""Judge of a client's messages: the official client's own models, where it is installed."""

from __future__ import annotations

import importlib
import typing
from typing import Any

from pydantic import BaseModel, ValidationError

__all__ = ["judge"]


def _models() -> dict[str, type[BaseModel]]:
    try:
        realtime = importlib.import_module("openai.types.realtime")
    except ImportError:
        return {}
    union = typing.get_args(realtime.RealtimeClientEvent)[0]
    return {
        typing.get_args(model.model_fields["type"].annotation)[0]: model
        for model in typing.get_args(union)
    }


MODELS = _models()


def judge(message: dict[str, Any]) -> str | None:
    """Return what is wrong with a message, None if nothing is (or if there is no judge)."""
    if not MODELS:
        return None
    model = MODELS.get(str(message.get("type")))
    if model is None:
        return f"there is no message of the type {message.get('type')!r}"
    try:
        read = model.model_validate(message, strict=True)
    except ValidationError as error:
        return f"{message['type']}: {error.errors()[0]['loc']}: {error.errors()[0]['msg']}"
    unknown = _unknown(read)
    return f"{message['type']}: unknown {', '.join(unknown)}" if unknown else None


def _unknown(value: object) -> list[str]:
    if isinstance(value, list):
        return [name for each in value for name in _unknown(each)]
    if not isinstance(value, BaseModel):
        return []
    nested = [
        name for field in type(value).model_fields for name in _unknown(getattr(value, field))
    ]
    return [*(value.model_extra or {}), *nested]
