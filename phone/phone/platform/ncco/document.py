"""Reading an NCCO as the platform would: what it refuses, and what a person should know about
it.
"""

import difflib
import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from phone.constants import CONTENT_TYPE, NCCO_MAX_ACTIONS
from phone.platform.ncco.actions import ACTIONS, Action, Connect, Input, Stream, Talk
from phone.platform.ncco.endpoints import MISSPELLED, WebSocket
from phone.words import printable

__all__ = ["Ncco", "NccoError", "NccoFault", "parse", "parse_actions"]

# Keys that libraries or older pages use for the field beside them.
MISNAMED = {
    "contentType": "content-type",
    "content_type": "content-type",
    "event_url": "eventUrl",
    "event_method": "eventMethod",
    "event_type": "eventType",
    "from_": "from",
    "stream_url": "streamUrl",
    "voiceName": "language and style",
}


@dataclass(frozen=True)
class NccoFault:
    """One thing wrong with an NCCO.

    Args:
        where: the field, such as `[1].endpoint[0].uri`; empty for the document itself.
        seen: what stands there.
        wrong: what the platform wants instead.

    """

    where: str
    seen: str
    wrong: str

    def __str__(self) -> str:
        return f"{self.where}: {self.reason}" if self.where else self.reason

    @property
    def reason(self) -> str:
        """What is wrong, without the place."""
        return f"{self.wrong} (seen: {self.seen})" if self.seen else self.wrong


class NccoError(ValueError):
    """An NCCO that the platform would refuse; `faults` says why, field by field."""

    def __init__(self, faults: Sequence[NccoFault]) -> None:
        super().__init__("; ".join(str(fault) for fault in faults))
        self.faults = tuple(faults)


@dataclass(frozen=True)
class Ncco:
    """An NCCO that the platform takes: its actions, and warnings about what it takes but hardly
    as meant.
    """

    actions: tuple[Action, ...]
    warnings: tuple[str, ...] = ()

    @property
    def names(self) -> str:
        """The actions' names, for a line in a report."""
        return ", ".join(action.action for action in self.actions) or "no actions"


def parse(body: bytes) -> Ncco:
    """Read an NCCO.

    Args:
        body: the webhook's reply.

    Raises:
        NccoError: not JSON, not an array, or an action that breaks a rule.

    """
    try:
        document = json.loads(body.decode("utf-8"), parse_constant=_no_constant)
    except RecursionError:
        raise NccoError([NccoFault("", "", "the JSON is nested too deeply")]) from None
    except ValueError as error:
        seen = printable(body[:80].decode("utf-8", "replace"), 80)
        raise NccoError([NccoFault("", seen or "nothing", f"not valid JSON: {error}")]) from None
    return parse_actions(document)


def parse_actions(document: object) -> Ncco:
    """Check an NCCO that was read from JSON already.

    Raises:
        NccoError: it is not an array, or an action breaks a rule.

    """
    if not isinstance(document, list):
        raise NccoError([NccoFault("", _seen(document), "an NCCO is an array of actions")])
    if len(document) > NCCO_MAX_ACTIONS:
        many = f"{len(document)} actions"
        raise NccoError([NccoFault("", many, f"more than {NCCO_MAX_ACTIONS} are not taken")])
    actions: list[Action] = []
    faults: list[NccoFault] = []
    for index, item in enumerate(document):
        result = _action(index, item)
        if isinstance(result, list):
            faults += result
        else:
            actions.append(result)
    if faults:
        raise NccoError(faults)
    return Ncco(tuple(actions), tuple(_warnings(actions)))


def _no_constant(name: str) -> None:
    raise ValueError(f"{name} is no JSON number")


def _action(index: int, item: object) -> Action | list[NccoFault]:
    where = f"[{index}]"
    if not isinstance(item, dict):
        return [NccoFault(where, _seen(item), "an action is an object")]
    name = item.get("action")
    model = ACTIONS.get(name) if isinstance(name, str) else None
    if model is None:
        allowed = "must be one of " + ", ".join(ACTIONS)
        seen = _seen(name) if "action" in item else "no such field"
        return [NccoFault(f"{where}.action", seen, allowed)]
    try:
        return model.model_validate(item)
    except ValidationError as error:
        details = error.errors(include_url=False)
        return [_fault(where, item, detail) for detail in details[:20]]
    except RecursionError:
        return [NccoFault(where, "", "nested too deeply")]


def _fault(where: str, item: dict[str, object], detail: ErrorDetails) -> NccoFault:
    for part in detail["loc"]:
        if isinstance(part, int):
            where += f"[{part}]"
        elif part not in ("websocket", "phone", "app", "sip", "vbc"):  # pydantic's union tags
            where += f".{part}"
    message = detail["msg"].removeprefix("Value error, ")
    if detail["type"] == "missing":
        hint = _misnamed(str(detail["loc"][-1]), detail["input"])
        return NccoFault(where, hint or "no such field", "is required")
    return NccoFault(where, _seen(detail["input"]), message[:1].lower() + message[1:])


def _misnamed(name: str, holder: object) -> str:
    if isinstance(holder, dict):
        for wrong, right in MISNAMED.items():
            if right == name and wrong in holder:
                return f"{wrong!r}, which the platform does not know"
    return ""


def _seen(value: object) -> str:
    try:
        return printable(json.dumps(value, ensure_ascii=False), 100)
    except (TypeError, ValueError, RecursionError):
        return type(value).__name__


def _warnings(actions: Sequence[Action]) -> Iterator[str]:
    for index, action in enumerate(actions):
        yield from _unknown_fields(f"[{index}]", action)
        if isinstance(action, Talk | Stream):
            yield from _barge_in(actions, index)
        if not isinstance(action, Connect):
            continue
        if action.caller is not None and not re.fullmatch(r"[1-9][0-9]{6,14}", action.caller):
            yield (
                f"[{index}].from is {printable(action.caller, 40)!r} and no number of 7 to 15 "
                "digits: the callee sees an unknown number"
            )
        if not isinstance(action.endpoint[0], WebSocket):
            continue
        if "content_type" not in action.endpoint[0].model_fields_set:
            yield f"[{index}].endpoint[0] has no content-type: {CONTENT_TYPE} is what comes"
        if action.endpoint[0].content_type.lower().startswith(MISSPELLED):
            yield f"[{index}].endpoint[0].content-type says {MISSPELLED}; is audio/l16 meant?"
        if index + 1 < len(actions):
            yield (
                f"[{index + 1}] stands behind a connect to a WebSocket: the platform has been "
                f"seen to "
                "run it as soon as the socket is up; put what should come later into an event's "
                "reply"
            )
        if action.event_type is None:
            yield (
                f"[{index}] has no eventType synchronous: when the socket fails, no reply to the "
                "event can help the caller"
            )


def _barge_in(actions: Sequence[Action], index: int) -> Iterator[str]:
    action = actions[index]
    if isinstance(action, Talk | Stream) and action.barge_in:
        rest = (later for later in actions[index + 1 :] if not isinstance(later, Talk | Stream))
        if not isinstance(following := next(rest, None), Input):
            seen = "nothing follows" if following is None else f"{following.action} follows"
            yield (
                f"[{index}] has bargeIn, and no input behind it ({seen}): the platform wants one "
                "as the next action that is no talk, and answers with its error event"
            )


def _unknown_fields(where: str, model: BaseModel) -> Iterator[str]:
    known = [field.alias or name for name, field in type(model).model_fields.items()]
    for name in list(model.model_extra or {})[:10]:
        right = MISNAMED.get(name) or next(iter(difflib.get_close_matches(name, known, 1)), "")
        hint = f"; is {right} meant?" if right else ""
        clean = printable(name, 40)
        yield f"{where}.{clean} is not in the NCCO reference and may be ignored{hint}"
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        for number, item in enumerate(value if isinstance(value, list) else [value]):
            if isinstance(item, BaseModel):
                index = f"[{number}]" if isinstance(value, list) else ""
                yield from _unknown_fields(f"{where}.{field.alias or name}{index}", item)


def spoken_seconds(text: str) -> float:
    """Return how long speaking takes, at 150 English words of six characters a minute."""
    letters = len(re.sub(r"\s+", " ", text).strip())
    return letters / 15
