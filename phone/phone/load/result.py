"""What a load showed: counts that add up across processes."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Histogram", "LoadResult"]

STEP_MS = 0.02
STEPS = 50_000  # up to a second; anything longer is counted as a second
OWN_LAG_MS = 5.0  # p99 of our own lateness from which the measurement is ours, not the server's
OWN_CPU = 0.95  # of a core


@dataclass
class Histogram:
    """Times in ms, in steps of 20 µs up to a second."""

    counts: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(STEPS + 1, np.int64))
    longest: float = 0.0

    def add(self, milliseconds: float) -> None:
        """Count one time."""
        self.counts[min(STEPS, max(0, int(milliseconds / STEP_MS)))] += 1
        self.longest = max(self.longest, milliseconds)

    def add_all(self, milliseconds: list[float]) -> None:
        """Count many times."""
        if milliseconds:
            places = (np.asarray(milliseconds) / STEP_MS).astype(np.int64).clip(0, STEPS)
            self.counts += np.bincount(places, minlength=STEPS + 1)
            self.longest = max(self.longest, *milliseconds)

    def merge(self, other: "Histogram") -> None:
        """Count what another has counted."""
        self.counts += other.counts
        self.longest = max(self.longest, other.longest)

    @property
    def total(self) -> int:
        """How many were counted."""
        return int(self.counts.sum())

    def quantile(self, share: float) -> float | None:
        """Return the time that this share stays within, None when nothing was counted."""
        total = self.total
        if not total:
            return None
        place = int(np.searchsorted(np.cumsum(self.counts), share * total))
        return min((place + 1) * STEP_MS, self.longest)

    def as_dict(self) -> dict[str, float | None]:
        """Return the quantiles for JSON."""
        shares = {"p50": 0.5, "p99": 0.99, "p99.9": 0.999}
        quantiles = {name: _rounded(self.quantile(share)) for name, share in shares.items()}
        return {**quantiles, "max": _rounded(self.longest if self.total else None)}


@dataclass
class LoadResult:
    """What many calls showed.

    Args:
        calls: how many were placed, `worked` of them without a failure.
        most_at_once: the most sockets that were open at the same time.
        sent: frames, and how many of them came back `matched`, late (`late`), or not at all
        (`lost`).
        strange: messages that came back and were not what had been sent.
        delays: of the frames that came back.
        lags: how much later than due this program sent each frame.
        handshakes: how long the sockets took to open.
        answers: how long the answer webhook took.
        failures: how many calls failed for each reason.
        seconds: from the first call to the end of the last.
        opening_seconds: from the first handshake to the last.
        cpu_seconds: of this program, of all processes together.
        processes: how many it ran in.
    """

    calls: int = 0
    worked: int = 0
    most_at_once: int = 0
    sent: int = 0
    matched: int = 0
    late: int = 0
    lost: int = 0
    strange: int = 0
    delays: Histogram = field(default_factory=Histogram)
    lags: Histogram = field(default_factory=Histogram)
    handshakes: Histogram = field(default_factory=Histogram)
    answers: Histogram = field(default_factory=Histogram)
    failures: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0
    opening_seconds: float = 0.0
    cpu_seconds: float = 0.0
    processes: int = 1
    interrupted: bool = False

    @property
    def cpu(self) -> float:
        """The share of one core that each process took, on average."""
        return self.cpu_seconds / self.seconds / self.processes if self.seconds else 0.0

    @property
    def handshakes_per_second(self) -> float:
        """How fast sockets opened."""
        opened = self.handshakes.total
        return opened / self.opening_seconds if self.opening_seconds > 0 else float(opened)

    @property
    def own_fault(self) -> str:
        """Why the measurement shows this program rather than the server; empty when it does not."""
        lag = self.lags.quantile(0.99) or 0.0
        if lag > OWN_LAG_MS:
            return f"its frames left {lag:.1f} ms late at p99"
        if self.cpu > OWN_CPU:
            return f"it used {self.cpu:.0%} of a core"
        return ""

    @property
    def ok(self) -> bool:
        """Whether every call worked, and no frame was lost."""
        return self.calls > 0 and self.worked == self.calls and not self.lost and not self.strange

    def merge(self, other: "LoadResult") -> None:
        """Add what another process showed at the same time."""
        for name in (
            "calls",
            "worked",
            "most_at_once",
            "sent",
            "matched",
            "late",
            "lost",
            "strange",
        ):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in ("delays", "lags", "handshakes", "answers"):
            getattr(self, name).merge(getattr(other, name))
        self.failures += other.failures
        self.seconds = max(self.seconds, other.seconds)
        self.opening_seconds = max(self.opening_seconds, other.opening_seconds)
        self.cpu_seconds += other.cpu_seconds
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
                "strange": self.strange,
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
            "phone_was_the_bottleneck": self.own_fault,
            "interrupted": self.interrupted,
        }


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 2)
