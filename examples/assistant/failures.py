"""Failures of the model: what a session survives, what is tried again, what ends it. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from .connection import Cause, ModelError
from .protocol import ProtocolError, ResponseDone, ServerError

__all__ = ["Failures"]

STRANGE_MESSAGES = 20
"""Messages that are none of the protocol, after which the server is given up."""

FATAL: dict[str, Cause] = {
    "session_expired": "session ended",
    "insufficient_quota": "limit",
    "rate_limit_exceeded": "limit",
    "session_limit_reached": "limit",
    "invalid_api_key": "key",
    "model_not_found": "refused",
    "beta_api_shape_disabled": "refused",
}
"""Codes of errors that a session does not survive, and the cause that they stand for."""

ACTIVE = "conversation_already_has_active_response"

EXPECTED = frozenset({ACTIVE, "response_cancel_not_active"})
"""Codes of errors that come of messages that crossed, and of which nobody needs to know."""


@dataclass
class Failures:
    """Failures of one session so far."""

    strange: int = 0
    """Messages that were none of the protocol."""
    retried: bool = False
    """Whether the response in progress is the second attempt."""

    def message(self, error: ProtocolError) -> None:
        """Note a message that is none of the protocol.

        Raises:
            ModelError: there were too many.

        """
        self.strange += 1
        if self.strange >= STRANGE_MESSAGES:
            raise ModelError("refused", f"the server speaks another protocol: {error}")

    def error(self, event: ServerError) -> None:
        """Take an error of the server.

        Raises:
            ModelError: the session does not survive it.

        """
        if event.code in FATAL:
            raise ModelError(FATAL[event.code], event.message)

    def response(self, event: ResponseDone, awaited: bool) -> bool:
        """Take the end of a response; return whether to ask for it once more.

        Args:
            event: its end.
            awaited: whether nothing else was asked for meanwhile.

        Raises:
            ModelError: it failed, and it is of no use to ask again.

        """
        if event.status == "completed":
            self.retried = False
        if event.status != "failed" or not awaited:
            return False
        if event.reason in FATAL or self.retried:
            raise ModelError(
                FATAL.get(event.reason, "refused"), f"the model failed to respond: {event.reason}"
            )
        self.retried = True
        return True
