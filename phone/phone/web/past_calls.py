"""Store of ended calls: their summaries, reports and sounds, while the program runs."""

import io
from collections import OrderedDict
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import soundfile

from phone.constants import PLATFORM_RATE
from phone.report import CallReport, summary
from phone.report.hearing import heard
from phone.report.page import page

__all__ = ["PastCall", "PastCalls"]

CALLS_KEPT = 10
PROBLEMS_TOLD = 20


@dataclass(frozen=True)
class PastCall:
    """One call that is over.

    Args:
        id: the phone leg's uuid.
        at: when it ended.
        report: what `phone call --json` prints.
        summary: the same for people.
        page: what `phone call --report` writes.
        wav: what the caller heard; empty when that was nothing.

    """

    id: str
    at: datetime
    report: dict[str, Any]
    summary: str
    page: str
    wav: bytes

    @classmethod
    def of(cls, report: CallReport) -> "PastCall":
        """Return what is kept of a report; the sound in its traces is not."""
        return cls(
            report.uuid,
            datetime.now(UTC),
            report.as_dict(),
            summary(report),
            page(report),
            _wav(report),
        )

    def line(self) -> dict[str, Any]:
        """Return the call in a line for the page."""
        return {
            "id": self.id,
            "at": self.at.isoformat(timespec="seconds"),
            "ok": self.report["ok"],
            "answer_url": self.report["answer_url"],
            "seconds": self.report["seconds"],
            "problems": self.report["problems"][:PROBLEMS_TOLD],
            "heard": bool(self.wav),
        }


class PastCalls:
    """Keeps the latest calls."""

    def __init__(self) -> None:
        self._calls: OrderedDict[str, PastCall] = OrderedDict()

    def add(self, call: PastCall) -> None:
        """Keep a call, in place of the oldest."""
        self._calls[call.id] = call
        while len(self._calls) > CALLS_KEPT:
            self._calls.popitem(last=False)

    def get(self, identity: str) -> PastCall | None:
        """Return a call; None when it is not kept."""
        return self._calls.get(identity)

    def lines(self) -> list[dict[str, Any]]:
        """Return the calls in a line each, the latest first."""
        return [call.line() for call in reversed(self._calls.values())]


def _wav(report: CallReport) -> bytes:
    traces = [socket.trace for socket in report.sockets if socket.trace.playback.frames]
    rate = traces[0].rate if traces else PLATFORM_RATE
    samples = heard(report.played, traces, rate)
    if not len(samples):
        return b""
    file = io.BytesIO()
    soundfile.write(file, samples, rate, subtype="PCM_16", format="WAV")
    return file.getvalue()
