"""Constructs that the platform accepts, but probably not with the intended effect."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ncco_service.ncco.actions import ACTIONS
from ncco_service.ncco.unchecked import checkable, is_websocket, unchecked
from ncco_service.ncco.unknown_fields import unknown_fields

__all__ = ["literal_placeholders", "warnings_of"]

_NUMBER = re.compile(r"[1-9][0-9]{6,14}")  # E.164 without its +
_SPOKEN = ("talk", "stream")


def warnings_of(document: Sequence[Mapping[str, Any]]) -> list[str]:
    """List constructs whose behaviour is surprising, one line each.

    Args:
        document: a filled one that `problems_of` finds nothing in.

    """
    return [
        f"action {number} ({action['action']}): {line}"
        for number, action in enumerate(document, 1)
        for line in _in_action(action, document[number:])
    ]


def literal_placeholders(value: Any, names: Sequence[str]) -> list[str]:
    """List placeholders in another program's style, such as {{uuid}}, which are not filled.

    Args:
        value: a document, not filled.
        names: of the placeholders that there are.

    """
    if isinstance(value, list):
        return [line for item in value for line in literal_placeholders(item, names)]
    if isinstance(value, dict):
        return [line for item in value.values() for line in literal_placeholders(item, names)]
    if not isinstance(value, str):
        return []
    known = "|".join(names)
    others = re.compile(
        rf"\{{\{{\s*({known})\s*\}}\}}|\$({known})\b|(?<!\$)\{{({known})\}}|%({known})%"
        rf"|<({known})>"
    )
    return [
        f'{match[0]} is sent as it is; did you mean "${{{match[match.lastindex or 0]}}}"?'
        for match in others.finditer(value)
    ]


def _in_action(action: Mapping[str, Any], rest: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    if passed_on := unchecked(action):
        yield f"{passed_on} is passed on unchecked, since this service sends none of its own"
    checked = checkable(action)
    if checked is None:
        return
    for field in unknown_fields(checked, ACTIONS[action["action"]]):
        yield f"{field.path} is not in Vonage's NCCO reference; it is sent, and perhaps ignored"
    if action["action"] in _SPOKEN and str(action.get("bargeIn")).lower() in ("true", "1"):
        following = next((later for later in rest if later["action"] not in _SPOKEN), None)
        if following is None or following["action"] != "input":
            seen = f"{following['action']} follows" if following else "nothing follows"
            yield (
                f"bargeIn needs an input as the next action that is not spoken, and {seen}: the "
                "platform answers with an error event"
            )
    if action["action"] == "connect":
        yield from _in_connect(action, len(rest))


def _in_connect(connect: Mapping[str, Any], following: int) -> Iterator[str]:
    caller = connect.get("from")
    if isinstance(caller, str) and not _NUMBER.fullmatch(caller):
        yield (
            'from is not a number of 7 to 15 digits (with the country code, without "+"): the '
            "person called sees an unknown number"
        )
    if not is_websocket(connect):
        return
    if "content-type" not in connect["endpoint"][0]:
        yield "endpoint[0] has no content-type: the platform sends audio/l16;rate=16000"
    if following:
        # As developers found in 2026.
        yield (
            f"{following} more after a websocket: the platform plays what follows while the socket "
            "is open, not after it. What callers hear when the socket fails belongs in "
            "NCCO_FALLBACK_FILE"
        )
    if connect.get("eventType") != "synchronous":
        yield (
            'without "eventType": "synchronous" no answer to an event counts: when the socket '
            "fails, callers do not hear NCCO_FALLBACK_FILE"
        )
