"""A whole run: alternating rounds over all peers, then replicas and gateway."""

from __future__ import annotations

import dataclasses
import functools
import shutil
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

from phone.load import stolen_seconds

from bench import gateway, machine, replicas
from bench.counters import Counters
from bench.load import GENERATOR_LAG_MS, LoadError, Report
from bench.measures import Figures, Measures
from bench.peers.catalogue import OURS, PEERS, Peer, installed, named
from bench.plan import Plan
from bench.processes import Cores
from bench.record import gathered, median
from bench.server import ServerError

__all__ = ["Run"]

FRAMES_PER_SECOND = 50
CALLS_AT_FIRST = 400
"""Calls with which a search starts when nothing is known about a server."""
GATEWAY_SHARE = 5
"""First guess: the gateway carries this many times less, since it copies each frame twice, and
shares the cores."""


class Run:
    """One run of the bench.

    Args:
        plan: how much is measured.
        hop: the way through a gateway; None: not measured.
        progress: gets a line now and then.

    """

    def __init__(
        self,
        plan: Plan,
        hop: gateway.Hop | None = None,
        progress: Callable[[str], None] = lambda line: None,
    ) -> None:
        self._plan, self._hop, self._progress = plan, hop, progress
        self._hardware = Counters()
        self._measures = Measures(plan, Cores(), self._hardware)
        self._software = (
            self._hardware.why_not is not None
            and plan.software_counter
            and shutil.which("valgrind") is not None
        )
        self._notes: list[str] = []
        self._began = time.monotonic()

    @property
    def reports(self) -> list[tuple[str, Report]]:
        """Every report of the generator so far, with the server's name."""
        return self._measures.reports

    def results(self) -> dict[str, Any]:
        """Measure everything; return the content of a figures file (see `record`)."""
        plan = self._plan
        busy, stolen = machine.load_average(), stolen_seconds(self._measures.cores.usable)
        peers, skipped = installed([named(name) for name in plan.peers] or PEERS)
        rounds: dict[str, list[Figures]] = {peer.name: [] for peer in peers}
        for number in range(plan.rounds):
            # Every other round goes the other way, so that a drift of the machine evens out.
            for peer in peers[:: -1 if number % 2 else 1]:
                rounds[peer.name].append(self._round(number, peer, rounds[peer.name]))
        figures = {peer: gathered(of_peer) for peer, of_peer in rounds.items()}
        known = median(figures.get(OURS, {}).get("calls_held", ())) or CALLS_AT_FIRST
        return {
            **machine.provenance(),
            "plan": dataclasses.asdict(plan),
            "counted_by": self._counted_by,
            "labels": {peer.name: peer.label for peer in PEERS},
            "figures": figures,
            "replicas": self._replicas(known) if plan.replicas and OURS in figures else None,
            "gateway": self._gateway(known) if self._hop else None,
            "notes": [
                self._about_instructions(),
                self._about_generator(),
                *self._about_exactness(),
                f"One-minute load average before the run {busy:.2f}; "
                f"it took {time.monotonic() - self._began:.0f} s, in which the hypervisor "
                f"kept cores with work waiting for "
                f"{stolen_seconds(self._measures.cores.usable) - stolen:.0f} s.",
                *(f"{name} skipped: {reason}." for name, reason in skipped.items()),
                *self._notes,
            ],
        }

    def _round(self, number: int, peer: Peer, before: list[Figures]) -> Figures:
        figures: Figures = {}
        for name, step in self._steps(number, peer, before, figures):
            self._progress(
                f"{time.monotonic() - self._began:5.0f} s  round {number + 1}  {peer.name}: {name}"
            )
            try:
                figures |= step()
            except (LoadError, ServerError, OSError, ValueError) as error:
                self._notes.append(f"{peer.name}, {name}, round {number + 1}: {error}")
        return figures

    def _steps(
        self, number: int, peer: Peer, before: list[Figures], figures: Figures
    ) -> Iterator[tuple[str, Callable[[], Figures]]]:
        plan, measures = self._plan, self._measures
        for depth in plan.flooded:
            yield f"{depth} in flight", functools.partial(measures.flood, peer, depth)
        for calls in plan.paced:
            yield f"{calls} calls", functools.partial(measures.paced, peer, calls)
        yield "memory", functools.partial(measures.memory, peer)
        yield "handshakes", functools.partial(measures.handshakes, peer)
        if plan.deaf_seconds:
            yield "a peer that never reads", functools.partial(measures.deaf, peer)
        if plan.probe_seconds:
            start = _estimate(before, figures)
            yield "calls held", functools.partial(measures.capacity, peer, start)
        if self._software and number == 0 and peer.countable:
            for depth in plan.flooded:
                step = functools.partial(measures.counted_in_software, peer, depth)
                yield f"instructions, {depth} in flight", step

    def _replicas(self, estimate: float) -> dict[str, Any] | None:
        cores = self._measures.cores
        where = replicas.places(cores)
        if not where:
            return None
        found: dict[int, list[int]] = {1: [], 2: []}
        for count in (1, 2, 2, 1)[: 2 * min(self._plan.rounds, 2)]:
            self._progress(f"{time.monotonic() - self._began:5.0f} s  replicas: {count}")
            start = statistics.mean(found[1]) if found[1] else estimate / 2
            capacity = replicas.carried(
                named(OURS), where[:count], start, self._plan, self._measures.probe
            )
            found[count].append(capacity.held)
        one, two = (statistics.median(found[count]) for count in (1, 2))
        shared = any(server == load for server, load in where)
        return {"one": one, "two": two, "shared_cores": shared, "rounds": found} if one else None

    def _gateway(self, estimate: float) -> dict[str, Any]:
        assert self._hop is not None  # noqa: S101 - only called with one
        probe = self._measures.probe
        delays = {}
        for calls in self._plan.paced:
            self._progress(f"{time.monotonic() - self._began:5.0f} s  gateway: {calls} calls")
            report = gateway.paced(self._hop, calls, probe)
            if report.failure:
                self._notes.append(f"gateway, {calls} calls: {report.failure}")
            delays[calls] = {**dataclasses.asdict(report.delay_ms), "late": report.late}
        self._progress(f"{time.monotonic() - self._began:5.0f} s  gateway: calls held")
        found = gateway.capacity(self._hop, estimate / GATEWAY_SHARE, self._plan, probe)
        trials = [(calls, outcome.value) for calls, outcome in found.trials]
        return {"delays": delays, "calls_held": found.held, "trials": trials}

    @property
    def _counted_by(self) -> str | None:
        if self._hardware.why_not is None:
            return "hardware"
        return "valgrind" if self._software else None

    def _about_instructions(self) -> str:
        if self._counted_by == "hardware":
            return "kinstr: thousands of instructions per frame, user + kernel, hardware counters."
        if self._counted_by == "valgrind":
            return (
                f"kinstr: thousands of user instructions per frame, counted by valgrind, since "
                f"{self._hardware.why_not}; the kernel's are not in it."
            )
        return f"No instructions were counted: {self._hardware.why_not}."

    def _about_exactness(self) -> Iterator[str]:
        """Say whether the service's metrics were exact."""
        measures = self._measures
        if measures.exact:
            yield (
                f"After {measures.exact} runs the metrics of {OURS} were the generator's count: "
                f"frames and bytes in and out, gaps, texts, calls."
            )
        yield from (f"NOT EXACT: {difference}." for difference in measures.inexact)

    def _about_generator(self) -> str:
        """Say whether the load generator may have been the bottleneck, and where."""
        paced = [(n, r) for n, r in self._measures.reports if r.mode == "paced" and r.lag_ms.count]
        late = [(name, report) for name, report in paced if report.generator_was_late]
        worst = max((report.lag_ms.p99 for _, report in paced), default=0.0)
        if not late:
            return f"The generator's own lag (p99) was {worst:.2f} ms at most in {len(paced)} runs."
        cases = sorted({f"{name} at {report.calls}" for name, report in late})
        return (
            f"The generator's own lag (p99) was over {GENERATOR_LAG_MS:g} ms in {len(late)} of "
            f"{len(paced)} runs, {worst:.2f} ms at worst: there it, or other work on the machine, "
            f"was part of the bottleneck ({'; '.join(cases)})."
        )


def _estimate(before: list[Figures], figures: Figures) -> float:
    """Estimate how many calls a server holds, from earlier rounds or from the cost of a frame."""
    held = [value for past in before if (value := past.get("calls_held"))]
    if held:
        return statistics.median(held)
    cpu_us = figures.get("flood1_cpu_us")
    return 0.8 * 1e6 / FRAMES_PER_SECOND / cpu_us if cpu_us else CALLS_AT_FIRST
