"""The figures of a socket while the call runs: delay, loss, the play buffer's depth."""

import asyncio
import statistics
from typing import Any

from phone.audio.align import align
from phone.constants import FRAME_MS, FRAMES_PER_SECOND
from phone.legs.log import CallLog
from phone.legs.socket import SocketLeg
from phone.report.moves import gaps_ms

__all__ = ["figures", "recent_delay"]

HEARD_FRAMES = 2 * FRAMES_PER_SECOND  # of what came back, compared with
SAID_FRAMES = 6 * FRAMES_PER_SECOND  # what was sent before it


def figures(socket: SocketLeg, log: CallLog) -> dict[str, Any]:
    """Return the figures that need no alignment.

    Args:
        socket: the one that is open.
        log: the call's, with those that are over.

    """
    trace = socket.trace
    return {
        "rate": trace.rate,
        "sent": trace.frames_sent,
        "received": trace.frames_received,
        "missing": max(0, trace.frames_sent - trace.frames_received),
        "late": trace.playback.late,
        "overflowed": trace.playback.overflowed,
        "depth_ms": socket.waiting * FRAME_MS,
        "gaps_ms": gaps_ms(log.records, trace),
    }


async def recent_delay(socket: SocketLeg) -> float | None:
    """Return the echo's delay in the last seconds, in ms; None without an echo."""
    trace = socket.trace
    heard, heard_at = trace.received[-HEARD_FRAMES:], trace.received_at[-HEARD_FRAMES:]
    said, said_at = trace.sent[-SAID_FRAMES:], trace.sent_at[-SAID_FRAMES:]
    if len(heard) < HEARD_FRAMES // 2 or not any(map(any, heard)):
        return None
    found = await asyncio.to_thread(align, said, said_at, heard, heard_at, trace.rate)
    return round(statistics.median(found.delays_ms), 1) if found.delays_ms else None
