"""What happened in a call: plain data, for programs and for JSON. Words for people are in
`summary`.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from phone.audio.alignment import Alignment
from phone.constants import FRAME_MS
from phone.legs.log import Exchange, Moment, PlatformSound, Posted, Problem
from phone.legs.trace import LegTrace
from phone.report.moves import Move

__all__ = ["CallReport", "SocketReport"]


@dataclass(frozen=True)
class SocketReport:
    """One socket leg.

    Args:
        uri: where it went.
        trace: everything that went over it.
        alignment: what came back against what was sent.
        handshake_ms: None when the socket never opened.

    """

    uri: str
    trace: LegTrace
    alignment: Alignment
    handshake_ms: float | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return the leg for JSON, without its audio."""
        trace, alignment = self.trace, self.alignment
        lags = sorted(trace.lags_ms)
        return {
            "uri": self.uri,
            "rate": trace.rate,
            "handshake_ms": _rounded(self.handshake_ms),
            "frames_sent": len(trace.sent),
            "frames_received": len(trace.received),
            "seconds_heard": round(self.seconds_heard, 3),
            "odd_sizes": {str(size): count for size, count in sorted(trace.odd_sizes.items())},
            "heard": {
                "frames": len(trace.playback.frames),
                "gaps": trace.playback.gaps,
                "gap_ms": trace.playback.gap_frames * FRAME_MS,
                "overflowed": trace.playback.overflowed,
                "clears": trace.playback.clears,
                "cleared": trace.playback.cleared,
                "notified": trace.playback.notified,
                "deepest": trace.playback.deepest,
                "unplayed": trace.playback.unplayed,
                "wait_ms": {
                    "p50": _rounded(_quantile(sorted(trace.playback.waits_ms), 0.5)),
                    "max": _rounded(max(trace.playback.waits_ms, default=None)),
                },
            },
            "texts": trace.texts,
            "text_count": trace.text_count,
            "unknown_texts": trace.unknown_texts,
            "close_code": trace.close_code,
            "close_reason": trace.close_reason,
            "ended_by": trace.ended_by,
            "closed_cleanly": trace.closed_cleanly,
            "sending_late_ms": {
                "p50": _rounded(_quantile(lags, 0.5)),
                "p99": _rounded(_quantile(lags, 0.99)),
                "max": _rounded(lags[-1] if lags else None),
            },
            "echo": {
                "method": alignment.method,
                "whole": alignment.whole,
                "matched": alignment.matched,
                "lost": len(alignment.lost),
                "changed": len(alignment.changed),
                "reordered": len(alignment.reordered),
                "duplicated": len(alignment.duplicated),
                "extra": len(alignment.extra),
                "late": len(alignment.late),
                "similarity": round(alignment.similarity, 4),
                "lost_frames": alignment.lost[:100],
                "delay_ms": {
                    "p50": _rounded(alignment.delay(0.5)),
                    "p95": _rounded(alignment.delay(0.95)),
                    "max": _rounded(alignment.delay(1.0)),
                },
            },
        }

    @property
    def seconds_heard(self) -> float:
        """How much audio came back."""
        return sum(map(len, self.trace.received)) / (2 * self.trace.rate)


@dataclass(frozen=True)
class CallReport:
    """One call.

    Args:
        answer_url: what was called.
        uuid: the phone leg's.
        conversation_uuid: the call's.
        moments: the timeline.
        spoken: what `talk` actions said, aloud or not.
        played: what of it, and of `stream`, the caller heard.
        sockets: one per socket that the NCCO connected to.
        moves: from one socket to the next, which went on with the call.
        events: what was posted.
        exchanges: every webhook's request and reply.
        problems: what went wrong; no failures among them means that the call worked.
        seconds: the call's length.
        saved: the WAV file with what was heard.
        interrupted: the caller hung up before the end.

    """

    answer_url: str
    uuid: str
    conversation_uuid: str
    moments: list[Moment] = field(default_factory=list)
    spoken: list[str] = field(default_factory=list)
    played: list[PlatformSound] = field(default_factory=list)
    sockets: list[SocketReport] = field(default_factory=list)
    moves: list[Move] = field(default_factory=list)
    events: list[Posted] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    seconds: float = 0.0
    saved: str | None = None
    interrupted: bool = False

    @property
    def ok(self) -> bool:
        """Whether the call worked."""
        return not self.failures

    @property
    def failures(self) -> list[Problem]:
        """The problems that made the call fail."""
        return [problem for problem in self.problems if problem.severity == "failure"]

    @property
    def warnings(self) -> list[Problem]:
        """The problems that did not."""
        return [problem for problem in self.problems if problem.severity == "warning"]

    def as_dict(self) -> dict[str, Any]:
        """Return everything but the audio, ready for `json.dumps`."""
        return {
            "ok": self.ok,
            "answer_url": self.answer_url,
            "uuid": self.uuid,
            "conversation_uuid": self.conversation_uuid,
            "seconds": round(self.seconds, 3),
            "interrupted": self.interrupted,
            "problems": [asdict(problem) for problem in self.problems],
            "spoken": self.spoken,
            "played": [
                {"kind": sound.kind, "text": sound.text, "seconds": round(sound.seconds, 3)}
                for sound in self.played
            ],
            "sockets": [socket.as_dict() for socket in self.sockets],
            "moves": [asdict(move) | {"gap_ms": _rounded(move.gap_ms)} for move in self.moves],
            "events": [asdict(posted) for posted in self.events],
            "timeline": [
                {"seconds": round(m.seconds, 4), "kind": m.kind, "text": m.text}
                for m in self.moments
            ],
            "exchanges": [asdict(exchange) for exchange in self.exchanges],
            "saved": self.saved,
        }


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 2)


def _quantile(ordered: Sequence[float], share: float) -> float | None:
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None
