"""Actions that this service does not model: passed on unchecked, with a warning."""

from collections.abc import Mapping
from typing import Any

__all__ = ["checkable", "is_websocket", "unchecked"]

# Vonage's NCCO reference. `pay` is not among them: the platform has withdrawn it.
_ACTIONS = ("transfer",)
_ENDPOINTS = ("phone", "app", "sip", "vbc")
_STAND_IN = [{"type": "websocket", "uri": "wss://voice.example.org"}]


def unchecked(action: Mapping[str, Any]) -> str | None:
    """Name the action, or the endpoint of a `connect`, that is passed on unchecked.

    Args:
        action: as parsed from JSON.

    Returns:
        Such as "transfer" or "an endpoint of type phone"; None if the action is checked.

    """
    name = action.get("action")
    if name in _ACTIONS:
        return str(name)
    endpoint = action.get("endpoint")
    if name != "connect" or not isinstance(endpoint, list) or len(endpoint) != 1:
        return None
    kind = endpoint[0].get("type") if isinstance(endpoint[0], dict) else None
    return f"an endpoint of type {kind}" if kind in _ENDPOINTS else None


def checkable(action: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Return what is checked of an action: with another endpoint, the rest of a `connect`.

    Args:
        action: as parsed from JSON.

    Returns:
        None if nothing is.

    """
    if unchecked(action) is None:
        return action
    return {**action, "endpoint": _STAND_IN} if action["action"] == "connect" else None


def is_websocket(action: Mapping[str, Any]) -> bool:
    """Return whether an action of a valid document connects to a websocket."""
    return action["action"] == "connect" and unchecked(action) is None
