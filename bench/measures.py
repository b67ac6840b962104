"""Measurements of one echo server. Each one starts a new server process."""

from __future__ import annotations

import contextlib
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from phone.load import stolen_seconds

from bench import counters, load
from bench.capacity import Outcome, search, time_limit
from bench.counters import Counters
from bench.exactness import compared
from bench.load import Report
from bench.peers.catalogue import Peer
from bench.plan import Plan
from bench.processes import Cores
from bench.server import Server

__all__ = ["P99_MS", "Figures", "Measures", "Spent", "held", "kept_up"]

Figures = dict[str, float | None]
"""Figures by name; None where the server did not get that far."""

P99_MS = 20.0
SATURATED = 0.97
"""Share of its core above which a server's cost per frame is not meaningful: frames queue up."""
MOST_OF_A_CORE = 0.9
"""Share of the time for which a server must have had its core to be judged by its use of it."""

VALGRIND_FRAMES = (1000, 4000)
VALGRIND_CALLS = 20
VALGRIND_START = 120.0
"""Seconds until a server listens; Python's start takes some fifty times as long."""


@dataclass
class Spent:
    """What a server used during a measurement, and what others took from it.

    Args:
        seconds: that passed.
        cpu: seconds of processor time that it used.
        taken: seconds for which it had no processor: the hypervisor's, or another process's.
        memory: bytes at the end.
        instructions: that it executed, where they are counted.

    """

    seconds: float = 0.0
    cpu: float = 0.0
    taken: float = 0.0
    memory: int = 0
    instructions: counters.Instructions | None = None

    @property
    def saturated(self) -> bool:
        """Whether it had nearly all of its core, and used nearly all of that."""
        had = self.seconds - self.taken
        return had > MOST_OF_A_CORE * self.seconds and self.cpu > SATURATED * had


def kept_up(report: Report) -> bool:
    """Whether every frame came back in time: p99 under 20 ms, none over 60 ms late or lost."""
    return report.failure is None and report.late == 0 and report.delay_ms.p99 < P99_MS


def held(report: Report, spent: Spent) -> Outcome:
    """Judge one trial: p99 under 20 ms, no frame over 60 ms late, nothing lost or broken.

    A trial that failed is void when others took more time from the server, or from the generator,
    than a frame may be late; unless the server was at its end anyway.
    """
    if kept_up(report):
        return Outcome.HELD
    # A server that is behind cannot make the generator late: it sends on a clock of its own.
    disturbed = max(report.lag_ms.max, spent.taken * 1000) > P99_MS
    return Outcome.VOID if disturbed and not spent.saturated else Outcome.FAILED


class Measures:
    """Measurements of peers, one after the other.

    Each measurement raises `LoadError` or `ServerError` when the peer fails.

    Args:
        plan: how much is measured.
        cores: who runs where.
        hardware: instruction counters; used where they count.

    """

    def __init__(self, plan: Plan, cores: Cores, hardware: Counters) -> None:
        self.plan = plan
        self.cores = cores
        self.hardware = hardware
        self.reports: list[tuple[str, Report]] = []
        """Every report of the generator, with the peer's name."""
        self.exact = 0
        """Number of runs after which a server's metrics equalled the generator's counts."""
        self.inexact: list[str] = []
        """Every difference between them."""

    def flood(self, peer: Peer, depth: int) -> Figures:
        """Measure a flood with so many frames in flight per connection: CPU, instructions, rate."""
        plan, key = self.plan, f"flood{depth}"
        report, spent = self._measured(
            peer,
            "flood",
            calls=plan.flood_calls,
            depth=depth,
            seconds=plan.seconds,
            warmup=plan.warmup,
        )
        return {
            f"{key}_frames_per_second": report.echoed / report.seconds,
            **_costs(key, report, spent, paced=False),
        }

    def paced(self, peer: Peer, calls: int) -> Figures:
        """Measure this many paced calls: CPU and instructions per frame, delays."""
        plan, key = self.plan, f"paced{calls}"
        report, spent = self._measured(
            peer, "paced", calls=calls, seconds=plan.seconds, warmup=plan.warmup
        )
        return {
            f"{key}_p50_ms": report.delay_ms.p50,
            f"{key}_p99_ms": report.delay_ms.p99,
            f"{key}_p999_ms": report.delay_ms.p999,
            f"{key}_late": float(report.late),
            **_costs(key, report, spent, paced=True),
        }

    def memory(self, peer: Peer) -> Figures:
        """Measure the memory of open calls, in KiB a call."""
        calls = self.plan.held_calls
        with self._server(peer) as server:
            # What the first calls ever make a server load is not what a call costs.
            self._load(peer, server, "idle", calls=20, seconds=0.1)
            before = server.memory_bytes()
            spent = Spent()
            with self._watched(server, spent) as at:
                report = self._load(peer, server, "idle", at, calls=calls, seconds=1)
        if report.failure is not None:
            raise load.LoadError(report.failure)
        return {"kib_per_call": (spent.memory - before) / 1024 / calls}

    def handshakes(self, peer: Peer) -> Figures:
        """Measure how many calls a second are opened and closed, 16 at a time."""
        report, _ = self._measured(peer, "handshakes", calls=16, seconds=self.plan.seconds)
        return {"handshakes_per_second": report.handshakes / report.seconds}

    def deaf(self, peer: Peer) -> Figures:
        """Measure how much memory a peer that never reads makes the server take, in MiB."""
        with self._server(peer) as server:
            self._load(peer, server, "idle", calls=20, seconds=0.1)
            before = server.memory_bytes()
            spent = Spent()
            with self._watched(server, spent) as at:
                seconds = self.plan.deaf_seconds
                self._load(peer, server, "deaf", at, calls=1, seconds=seconds)
        return {"deaf_mib": max(0.0, (spent.memory - before) / 2**20)}

    def capacity(self, peer: Peer, estimate: float) -> Figures:
        """Search for the most paced calls that one core holds, beginning at an estimate."""

        def attempt(calls: int) -> Outcome:
            spent = Spent()
            with self._server(peer) as server, self._watched(server, spent) as at:
                report = self._load(peer, server, "paced", at, calls=calls, **self.probe)
                self._compare(server, report)
            return held(report, spent)

        over = time_limit(self.plan.search_seconds)
        found = search(attempt, estimate, fine=self.plan.fine, over=over)
        void = sum(outcome is Outcome.VOID for _, outcome in found.trials)
        # Nothing held, and a generator that was late: that is no finding about the server.
        unknown = found.held == 0 and void > 0
        return {"calls_held": None if unknown else float(found.held), "void_trials": float(void)}

    @property
    def probe(self) -> dict[str, float]:
        """Options of the generator for one trial."""
        return {
            "seconds": self.plan.probe_seconds,
            "warmup": self.plan.warmup,
            "open_seconds": 15,
            "stop_late": 1,
        }

    def counted_in_software(self, peer: Peer, depth: int) -> Figures:
        """Count user instructions with valgrind, as the difference of two runs of known length."""
        counts = []
        for frames in VALGRIND_FRAMES:
            with tempfile.TemporaryDirectory() as folder:
                output = Path(folder, "cachegrind.out")
                command = counters.valgrind_command(output) + peer.command
                with Server(command, peer.environ, self.cores.server, VALGRIND_START) as server:
                    options = {"calls": VALGRIND_CALLS, "depth": depth, "frames": frames}
                    report = load.run(
                        "flood",
                        server.port,
                        {**options, "seconds": 60, "warmup": 0},
                        core=self.cores.load,
                    )
                counts.append((report.echoed, counters.valgrind_instructions(output).user))
        (few, before), (many, after) = counts
        return {f"flood{depth}_instructions_user": (after - before) / (many - few)}

    def _server(self, peer: Peer) -> Server:
        return Server(peer.command, peer.environ, self.cores.server)

    def _load(
        self, peer: Peer, server: Server, mode: str, at: _At | None = None, **options: float
    ) -> Report:
        report = load.run(mode, server.port, options, core=self.cores.load, at=at or _unwatched)
        self.reports.append((peer.name, report))
        return report

    def _measured(self, peer: Peer, mode: str, **options: float) -> tuple[Report, Spent]:
        spent = Spent()
        with self._server(peer) as server, self._watched(server, spent) as at:
            report = self._load(peer, server, mode, at, **options)
            if mode in ("paced", "flood"):
                self._compare(server, report)
        if report.failure is not None:
            raise load.LoadError(report.failure)
        return report, spent

    def _compare(self, server: Server, report: Report) -> None:
        differences = compared(server, report)
        if differences:
            self.inexact += [f"{report.mode}, {report.calls} calls: {one}" for one in differences]
        elif differences is not None:
            self.exact += 1

    @contextlib.contextmanager
    def _watched(self, server: Server, spent: Spent) -> Iterator[_At]:
        if self.hardware.why_not is not None:
            yield _At(server, spent, self.cores.server, None)
            return
        with self.hardware.attached(server.pid) as attached:
            yield _At(server, spent, self.cores.server, attached)
            spent.instructions = attached.read()


class _At:
    """Reads the server's resource usage when the generator starts and stops measuring."""

    def __init__(
        self, server: Server, spent: Spent, core: int, attached: counters.Attached | None
    ) -> None:
        self._server, self._spent, self._core, self._attached = server, spent, core, attached

    def __call__(self, mark: str) -> None:
        if mark == "measuring":
            if self._attached:
                self._attached.start()
            self._spent.seconds = -time.monotonic()
            self._spent.cpu = -self._server.cpu_seconds()
            self._spent.taken = -self._taken()
        elif mark == "measured":
            self._spent.seconds += time.monotonic()
            self._spent.cpu += self._server.cpu_seconds()
            self._spent.taken += self._taken()
            if self._attached:
                self._attached.stop()
            self._spent.memory = self._server.memory_bytes()

    def _taken(self) -> float:
        return self._server.waited_seconds() + stolen_seconds([self._core])


def _unwatched(mark: str) -> None:
    pass


def _costs(key: str, report: Report, spent: Spent, *, paced: bool) -> Figures:
    """CPU in us and instructions, per frame.

    A server that is behind its pace has none: which frames it worked on cannot be told.
    """
    share = spent.cpu / spent.seconds if spent.seconds > 0 else 0.0
    behind = paced and (share > SATURATED or report.late > 0)
    known = report.echoed > 0 and not behind
    figures: Figures = {f"{key}_cpu_us": spent.cpu * 1e6 / report.echoed if known else None}
    if spent.instructions is not None:
        user, kernel = spent.instructions.user, spent.instructions.kernel or 0.0
        figures[f"{key}_instructions_user"] = user / report.echoed if known else None
        figures[f"{key}_instructions_kernel"] = kernel / report.echoed if known else None
    return figures
