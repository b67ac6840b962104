"""Measurements of one echo server. Each one starts a new server process."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from bench import load, software_counts
from bench.capacity import Outcome, search, time_limit
from bench.counters import Counters
from bench.exactness import compared
from bench.load import Report
from bench.peers.catalogue import Peer
from bench.plan import Plan
from bench.processes import Cores
from bench.server import Server
from bench.tickets import tickets
from bench.trial import SATURATED, Meter, Spent, held

__all__ = ["Figures", "Measures"]

Figures = dict[str, float | None]
"""Figures by name; None where the server did not get that far."""


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
        warmup = plan.sound_warmup if peer.plays else plan.warmup
        report, spent = self._measured(
            peer,
            "paced",
            calls=calls,
            seconds=plan.seconds,
            warmup=warmup,
            sound=peer.plays,
            mute=peer.mute,
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
        with tickets(peer) as tokens:
            report, spent = self._measured(
                peer, "handshakes", calls=16, seconds=self.plan.seconds, tokens=tokens
            )
        return {
            "handshakes_per_second": report.handshakes / report.seconds,
            "handshakes_cpu_us": spent.cpu * 1e6 / report.handshakes,
        }

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
        """Count the user instructions of a flood's frame with valgrind."""
        count = software_counts.of_flood(peer, self.cores, depth)
        return {f"flood{depth}_instructions_user": count}

    def counted(self, peer: Peer) -> Figures:
        """Count the user instructions of a paced frame with valgrind."""
        return {"paced_instructions_user": software_counts.of_paced(peer, self.cores)}

    def counted_handshakes(self, peer: Peer) -> Figures:
        """Count the user instructions of a call that is opened and closed with valgrind."""
        with tickets(peer) as tokens:
            count = software_counts.of_handshakes(peer, self.cores, tokens)
        return {"handshakes_instructions_user": count}

    def _server(self, peer: Peer) -> Server:
        return Server(peer.command, peer.environ, self.cores.server)

    def _load(
        self, peer: Peer, server: Server, mode: str, at: Meter | None = None, **options: float | str
    ) -> Report:
        report = load.run(mode, server.port, options, core=self.cores.load, at=at or _unwatched)
        self.reports.append((peer.name, report))
        return report

    def _measured(self, peer: Peer, mode: str, **options: float | str) -> tuple[Report, Spent]:
        spent = Spent()
        with self._server(peer) as server, self._watched(server, spent) as at:
            report = self._load(peer, server, mode, at, **options)
            if mode in ("paced", "flood") and not peer.plays:
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
    def _watched(self, server: Server, spent: Spent) -> Iterator[Meter]:
        if self.hardware.why_not is not None:
            yield Meter(server, spent, self.cores.server, None)
            return
        with self.hardware.attached(server.pid) as attached:
            yield Meter(server, spent, self.cores.server, attached)
            spent.instructions = attached.read()


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
