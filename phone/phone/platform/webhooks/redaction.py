"""Removes secrets from what is kept of a call."""

import json
from typing import Any

__all__ = ["without_secrets"]

SECRET = "(left out)"  # noqa: S105 - what stands in a secret's place


def without_secrets(text: str) -> str:
    """Return a JSON text without the values of its authorizations; other text as it is.

    Reports and cassettes are made to be shown to others.
    """
    try:
        document = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return json.dumps(_cleaned(document), ensure_ascii=False)


def _cleaned(item: Any) -> Any:
    if isinstance(item, dict):
        return {
            key: _hide(value) if key == "authorization" else _cleaned(value)
            for key, value in item.items()
        }
    if isinstance(item, list):
        return [_cleaned(value) for value in item]
    return item


def _hide(value: Any) -> Any:
    if isinstance(value, dict) and "value" in value:
        return {**value, "value": SECRET}
    return SECRET if isinstance(value, str) else value
