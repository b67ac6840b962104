"""Result of a load: counts that add up across processes."""

import os
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from phone.load.histogram import Histogram
from phone.load.machine import OtherWork

__all__ = ["Gap", "LoadResult"]

LAG_MS = 5.0  # p99 of frames' lateness from which the measurement is not the server's alone
OWN_CPU = 0.95  # of a core
OTHERS_SHARE = 0.01  # of the time; kept waiting for less, 99 % of frames could leave in time
COUNTS = (
    *("calls", "worked", "most_at_once", "sent", "matched", "late", "lost", "in_gaps", "strange"),
)
TIMES = ("delays", "lags", "handshakes", "answers")


@dataclass(frozen=True)
class Gap:
    """What the caller did not hear while the call moved to another socket.

    Args:
        at: when it was over, in seconds of the machine's monotonic clock.
        ms: from the last frame heard to the next one.

    """

    at: float
    ms: float


@dataclass
class LoadResult:
    """Result of many calls.

    Args:
        calls: how many were placed, `worked` of them without a failure.
        most_at_once: the most sockets that were open at the same time.
        sent: frames, and how many of them came back `matched`, late (`late`), or not at all
        (`lost`).
        in_gaps: frames that were on their way when the application closed or lost a socket.
        gaps: of each move to another socket.
        strange: messages that came back and were not what had been sent.
        delays: of the frames that came back.
        lags: how much later than due each frame was sent.
        handshakes: how long the sockets took to open.
        answers: how long the answer webhook took.
        failures: how many calls failed for each reason.
        seconds: from the first call to the end of the last.
        opening_seconds: from the first handshake to the last.
        cpu_seconds: of this program, of all processes together.
        other_work: what the machine did for other processes during the load.
        processes: how many it ran in.

    """

    calls: int = 0
    worked: int = 0
    most_at_once: int = 0
    sent: int = 0
    matched: int = 0
    late: int = 0
    lost: int = 0
    in_gaps: int = 0
    gaps: list[Gap] = field(default_factory=list)
    strange: int = 0
    delays: Histogram = field(default_factory=Histogram)
    lags: Histogram = field(default_factory=Histogram)
    handshakes: Histogram = field(default_factory=Histogram)
    answers: Histogram = field(default_factory=Histogram)
    failures: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    opening_seconds: float = 0.0
    cpu_seconds: float = 0.0
    other_work: OtherWork = field(default_factory=lambda: OtherWork(None, None))
    processes: int = 1
    interrupted: bool = False

    @property
    def cpu(self) -> float:
        """The share of one core that each process took, on average."""
        return self.cpu_seconds / self.seconds / self.processes if self.seconds else 0.0

    @property
    def handshakes_per_second(self) -> float:
        """Sockets opened per second."""
        opened = self.handshakes.total
        return opened / self.opening_seconds if self.opening_seconds > 0 else float(opened)

    @property
    def own_fault(self) -> str:
        """Why the measurement reflects this program, not the server; empty when it does not."""
        if self.cpu > OWN_CPU:
            return f"it used {self.cpu:.0%} of a core"
        if self._lag > LAG_MS and self.others_share < OTHERS_SHARE:
            return f"frames left {self._lag:.1f} ms late at p99, and nothing else kept it waiting"
        return ""

    @property
    def machine_fault(self) -> str:
        """Why the measurement reflects other work on the machine; empty when it does not."""
        if self._lag <= LAG_MS or self.own_fault:
            return ""
        return (
            f"frames left {self._lag:.1f} ms late at p99, and others had the processor for "
            f"{self.others_share:.0%} of the time"
        )

    @property
    def _lag(self) -> float:
        return self.lags.quantile(0.99) or 0.0

    @property
    def others_share(self) -> float:
        """The share of the time in which others may have kept a process from running, at most."""
        waited = (self.other_work.waited or 0.0) / self.processes
        return (waited + (self.other_work.stolen or 0.0)) / self.seconds if self.seconds else 0.0

    def gap_times(self) -> dict[str, float | None]:
        """Return the quantiles of the gaps, in ms."""
        ordered = sorted(gap.ms for gap in self.gaps)

        def quantile(share: float) -> float | None:
            place = min(len(ordered) - 1, int(share * len(ordered)))
            return round(ordered[place], 1) if ordered else None

        return {"p50": quantile(0.5), "p99": quantile(0.99), "max": quantile(1.0)}

    @property
    def ok(self) -> bool:
        """Whether every call worked, and no frame was lost."""
        return self.calls > 0 and self.worked == self.calls and not self.lost and not self.strange

    def merge(self, other: "LoadResult") -> None:
        """Add the result of another process of the same load."""
        for name in COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in TIMES:
            getattr(self, name).merge(getattr(other, name))
        self.gaps += other.gaps
        self.failures += other.failures
        self.seconds = max(self.seconds, other.seconds)
        self.opening_seconds = max(self.opening_seconds, other.opening_seconds)
        self.cpu_seconds += other.cpu_seconds
        self.other_work = self.other_work.together(other.other_work)
        self.interrupted = self.interrupted or other.interrupted

    def as_dict(self) -> dict[str, Any]:
        """Return everything for JSON."""
        return {
            "ok": self.ok,
            "calls": self.calls,
            "worked": self.worked,
            "most_at_once": self.most_at_once,
            "frames": {
                "sent": self.sent,
                "matched": self.matched,
                "late": self.late,
                "lost": self.lost,
                "in_gaps": self.in_gaps,
                "strange": self.strange,
            },
            "moves": {
                "count": len(self.gaps),
                "gap_ms": self.gap_times(),
                "each": [[round(gap.at, 3), round(gap.ms, 1)] for gap in self.gaps],
            },
            "delay_ms": self.delays.as_dict(),
            "own_lag_ms": self.lags.as_dict(),
            "handshake_ms": self.handshakes.as_dict(),
            "handshakes_per_second": round(self.handshakes_per_second, 1),
            "answer_ms": self.answers.as_dict(),
            "failures": dict(self.failures),
            "seconds": round(self.seconds, 3),
            "cpu": round(self.cpu, 3),
            "processes": self.processes,
            "machine": {"cores": os.cpu_count(), **self.other_work.as_dict()},
            "phone_was_the_bottleneck": self.own_fault,
            "machine_had_other_work": self.machine_fault,
            "interrupted": self.interrupted,
        }
