"""How a call ended, in one word of a small set."""

from __future__ import annotations

from typing import NamedTuple

from websockets.exceptions import ConnectionClosed
from websockets.frames import CloseCode

__all__ = ["HARMLESS", "Ending", "ending"]

HARMLESS = frozenset(("hang_up", "lost", "stopped"))
"""How a connection may end that sent no message, and that nobody needs to hear of."""

_OURS: dict[int, str] = {
    CloseCode.GOING_AWAY: "stopped",
    CloseCode.PROTOCOL_ERROR: "protocol_error",
    CloseCode.INVALID_DATA: "bad_text",
    CloseCode.MESSAGE_TOO_BIG: "too_big",
    CloseCode.INTERNAL_ERROR: "internal_error",
}


class Ending(NamedTuple):
    """The close code (1006 if there was none), who closed, and why."""

    code: int
    closed_by: str
    reason: str


def ending(closed: ConnectionClosed, reason: str | None) -> Ending:
    """Tell how a connection ended.

    Args:
        closed: what the library says of it.
        reason: why we closed it, if we did.

    """
    if closed.rcvd is not None and closed.rcvd_then_sent is not False:
        return Ending(closed.rcvd.code, "peer", reason or "hang_up")
    if closed.sent is not None:
        code = closed.sent.code
        return Ending(code, "us", reason or _OURS.get(code, "closed"))
    return Ending(CloseCode.ABNORMAL_CLOSURE.value, "nobody", reason or "lost")
