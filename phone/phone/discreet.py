"""Leaves secrets out of what is kept of a call."""

import json
from typing import Any

__all__ = ["discreet"]

SECRET = "(left out)"  # noqa: S105 - what stands in a secret's place


def discreet(text: str) -> str:
    """Return a JSON text without the values of its authorizations; other text as it is.

    Reports and cassettes are made to be shown to others.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return json.dumps(_without_secrets(document), ensure_ascii=False)


def _without_secrets(item: Any) -> Any:
    if isinstance(item, dict):
        return {
            key: _hide(value) if key == "authorization" else _without_secrets(value)
            for key, value in item.items()
        }
    if isinstance(item, list):
        return [_without_secrets(value) for value in item]
    return item


def _hide(value: Any) -> Any:
    if isinstance(value, dict) and "value" in value:
        return {**value, "value": SECRET}
    return SECRET if isinstance(value, str) else value
