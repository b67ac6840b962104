"""Moves of a call from one socket to the next, as the caller heard them. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from phone.constants import FRAME_SECONDS
from phone.legs.log import Problem, SocketRecord
from phone.legs.trace import LegTrace

__all__ = ["Move", "gaps_ms", "moved_from", "moves_of"]


@dataclass(frozen=True)
class Move:
    """A socket that the application closed or lost, and the one that continued the call.

    Args:
        close_code: of the old socket; 1006 when there was no closing handshake.
        gap_ms: from the end of the last sound that the caller heard on the old socket to the first
            on the new one; None when nothing was heard on one of them.
        attempts: how many sockets were dialled for it.
        same_call: whether both sockets had the same `uuid` in their headers.

    """

    close_code: int | None
    gap_ms: float | None
    attempts: int
    same_call: bool


def moves_of(records: Sequence[SocketRecord | Problem]) -> list[Move]:
    """Return the moves of a call, in order."""
    sockets = [record for record in records if isinstance(record, SocketRecord)]
    moves = []
    for old, new, attempts in _pairs(sockets):
        same = old.headers.get("uuid") == new.headers.get("uuid")
        gap = _gap_ms(old.trace, new.trace)
        moves.append(Move(old.trace.close_code, gap, attempts, same))
    return moves


def moved_from(records: Sequence[SocketRecord | Problem]) -> set[int]:
    """Return the indices of what a move recovered: the old sockets, and dials that failed."""
    good: set[int] = set()
    waiting: list[int] = []
    for place, record in enumerate(records):
        if isinstance(record, Problem):
            if waiting and record.step == "socket":
                waiting.append(place)
        elif record.handshake_ms is None:
            if waiting:
                waiting.append(place)
        else:
            good.update(waiting)
            waiting = [place] if record.trace.disconnected else []
    return good


def gaps_ms(records: Sequence[SocketRecord | Problem], running: LegTrace) -> list[float | None]:
    """Return the gaps of a running call's moves (see `Move`), in order.

    Args:
        records: of its log, with the sockets that are over.
        running: the trace of the socket that is open.

    """
    gaps = [move.gap_ms for move in moves_of(records)]
    sockets = [r for r in records if isinstance(r, SocketRecord) and r.handshake_ms is not None]
    if sockets and sockets[-1].trace.disconnected:
        gaps.append(_gap_ms(sockets[-1].trace, running))
    return gaps


def _pairs(sockets: Sequence[SocketRecord]) -> list[tuple[SocketRecord, SocketRecord, int]]:
    pairs = []
    old: SocketRecord | None = None
    attempts = 0
    for socket in sockets:
        attempts += 1
        if socket.handshake_ms is None:
            continue
        if old is not None:
            pairs.append((old, socket, attempts))
        old = socket if socket.trace.disconnected else None
        attempts = 0
    return pairs


def _gap_ms(old: LegTrace, new: LegTrace) -> float | None:
    before, after = old.playback, new.playback
    if before.first_at is None or after.first_at is None:
        return None
    end = before.first_at + len(before.frames) * FRAME_SECONDS
    return (after.first_at - end) * 1000
