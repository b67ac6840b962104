"""Log lines about the text messages of a call: escaped, cut, masked, at a bounded rate."""

from __future__ import annotations

import json
import logging

from .. import protocol
from ..call import Call
from ..logs import get_logger, masked

__all__ = ["log_text"]

logger = get_logger(__name__)


def log_text(call: Call, message: protocol.Message, log_numbers: bool) -> None:
    """Log a text message, unless the call has used up its lines.

    Args:
        call: whose peer sent it.
        message: as it was understood.
        log_numbers: whether callers' numbers and the keys they press are logged in full.

    """
    if isinstance(message, protocol.Notify) and not logger.isEnabledFor(logging.DEBUG):
        # The handler asked for it, perhaps many times a second: keys come less often.
        return
    if not call.log_lines.take():
        return

    def shown(value: object) -> str:
        text = value if isinstance(value, str) else json.dumps(value)
        return text if log_numbers else str(masked(text))

    log = logger.bind(call=call.id, unlogged=call.log_lines.reset_denied())
    match message:
        case protocol.Connected():
            metadata = shown(dict(message.metadata))
            if call.rate is not None:
                log.info("call_started", rate=call.rate, metadata=metadata)
            else:
                log.warning(
                    "call_started",
                    metadata=metadata,
                    content_type=message.content_type or "none",
                    message="the content type is not audio/l16;rate=N: frame sizes unchecked",
                )
        case protocol.Dtmf():
            digit = message.digit if log_numbers else "masked"
            log.info("dtmf", digit=digit, duration_ms=message.duration_ms)
        case protocol.Answered():
            log.info("answered")
        case protocol.Machine():
            log.info("machine", beep=message.beep)
        case protocol.Cleared():
            log.info("cleared")
        case protocol.Notify():
            log.debug("notify", payload=shown(message.payload))
        case protocol.Other():
            log.warning("text", problem=message.problem, text=shown(message.text))
