"""What is logged of the texts of a call: escaped, cut, masked, at a bounded rate."""

from __future__ import annotations

import json
import logging

from . import wire
from .call import Call
from .logs import event, mask

__all__ = ["log_text"]

logger = logging.getLogger(__name__)


def log_text(call: Call, message: wire.Message, numbers: bool) -> None:
    """Log a text message, unless the call has had its lines.

    Args:
        call: whose peer sent it.
        message: what it was understood to be.
        numbers: whether callers' numbers and the keys they press are shown in full.

    """
    if not call.lines.take():
        return
    shown: dict[str, object] = {"call": call.id, "unlogged": call.lines.taken_back()}
    level = logging.INFO
    match message:
        case wire.Connected():
            name = "call_started"
            shown |= {"rate": call.rate, "metadata": _shown(dict(message.metadata), numbers)}
            if call.rate is None:
                level = logging.WARNING
                shown["content_type"] = message.content_type or "none"
                shown["message"] = "the content type is not audio/l16;rate=N: sizes unchecked"
        case wire.Dtmf():
            name = "dtmf"
            digit = message.digit if numbers else "masked"
            shown |= {"digit": digit, "duration_ms": message.duration_ms}
        case wire.Cleared():
            name = "cleared"
        case wire.Notify():
            name = "notify"
            shown["payload"] = _shown(message.payload, numbers)
        case wire.Other():
            name, level = "text", logging.WARNING
            shown |= {"problem": message.problem, "text": _shown(message.text, numbers)}
    event(logger, name, level, **shown)


def _shown(value: object, numbers: bool) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if numbers else mask(text)
