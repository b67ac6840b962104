"""How a connection was closed."""

from __future__ import annotations

from typing import NamedTuple

from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode

__all__ = ["CloseInfo"]

_REASONS: dict[int, str] = {
    CloseCode.GOING_AWAY: "stopped",
    CloseCode.PROTOCOL_ERROR: "protocol_error",
    CloseCode.INVALID_DATA: "bad_text",
    CloseCode.MESSAGE_TOO_BIG: "too_big",
    CloseCode.INTERNAL_ERROR: "internal_error",
}


class CloseInfo(NamedTuple):
    """How a connection was closed: the code (1006 if there was none), by whom, and why."""

    code: int
    closed_by: str
    reason: str

    @classmethod
    def of(cls, closed: ConnectionClosed, reason: str | None) -> CloseInfo:
        """Return how a connection was closed.

        Args:
            closed: the library's description.
            reason: why we closed it, one word; None if we did not.

        """
        if closed.rcvd is not None and closed.rcvd_then_sent is not False:
            return cls(closed.rcvd.code, "peer", reason or "hang_up")
        if closed.sent is not None:
            code = closed.sent.code
            return cls(code, "us", reason or _REASONS.get(code, "closed"))
        return cls(CloseCode.ABNORMAL_CLOSURE.value, "nobody", reason or "lost")
