"""`make -C bench paths`: echo-service where it does more than echo, as ratios within one run.

A handler, a recording, a sound, tickets: what each costs over the fast path, and what is held.
"""

from __future__ import annotations

import argparse
import dataclasses
import functools
import shutil
import statistics
import sys
import time
import wave
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from phone.load import stolen_seconds

from bench import machine, record
from bench.counters import Counters
from bench.files import write_whole
from bench.load import LOADGEN, LoadError
from bench.measures import Figures, Measures
from bench.paths_table import UVLOOP, markdown
from bench.peers.catalogue import BENCH, LIMIT, OURS, RECORDINGS, SOUND, Peer, named
from bench.plan import FULL, Plan
from bench.processes import Cores
from bench.server import ServerError

__all__ = ["PACED", "main"]

PACED = 200
SOUND_SECONDS, RATE = 40, 16_000
PLAN = dataclasses.replace(
    FULL, paced=(PACED,), flooded=(), seconds=4, probe_seconds=3, search_seconds=45, deaf_seconds=0
)
TINY = dataclasses.replace(
    PLAN, rounds=1, seconds=0.5, warmup=0.2, sound_warmup=0.2, probe_seconds=0
)

MEASURED: dict[str, tuple[str, ...]] = {
    LIMIT: ("held",),
    OURS: ("paced", "held", "handshakes"),
    "picows": ("held",),
    UVLOOP: ("held", "handshakes"),
    "handler": ("paced", "held"),
    "record": ("paced",),
    "play": ("paced",),
    "play-mute": ("paced",),
    "tickets": ("handshakes",),
}
"""What is measured of each server."""
FIRST = {LIMIT: 1800, OURS: 1200, "picows": 1200, UVLOOP: 450, "handler": 800}
"""Calls with which the first search begins."""


class Run:
    """One run.

    Args:
        plan: how much is measured.
        count: whether valgrind counts instructions, in the first round.

    """

    def __init__(self, plan: Plan, *, count: bool) -> None:
        self._plan, self._count = plan, count
        self._measures = Measures(plan, Cores(), Counters())
        self._notes: list[str] = []
        self._began = time.monotonic()

    def results(self) -> dict[str, Any]:
        """Measure; return the content of a figures file (see `record`)."""
        cores = self._measures.cores.usable
        busy, stolen = machine.load_average(), stolen_seconds(cores)
        peers = [named(name) for name in MEASURED]
        rounds: dict[str, list[Figures]] = {name: [] for name in MEASURED}
        for number in range(self._plan.rounds):
            # Every other round goes the other way, so that a drift of the machine evens out.
            for peer in peers[:: -1 if number % 2 else 1]:
                rounds[peer.name].append(self._round(number, peer, rounds[peer.name]))
        measures = self._measures
        return {
            **machine.provenance(),
            "plan": dataclasses.asdict(self._plan),
            "labels": {peer.name: peer.label for peer in peers},
            "figures": {name: record.gathered(found) for name, found in rounds.items()},
            "notes": [
                f"After {measures.exact} runs the service's metrics were the generator's count.",
                *(f"NOT EXACT: {difference}." for difference in measures.inexact),
                f"One-minute load average before the run {busy:.2f}; it took "
                f"{time.monotonic() - self._began:.0f} s, in which the hypervisor kept cores with "
                f"work waiting for {stolen_seconds(cores) - stolen:.0f} s.",
                *self._notes,
            ],
        }

    def _round(self, number: int, peer: Peer, before: list[Figures]) -> Figures:
        figures: Figures = {}
        for name, step in self._steps(number, peer, before):
            took = f"{time.monotonic() - self._began:5.0f} s"
            print(f"{took}  round {number + 1}  {peer.name}: {name}", file=sys.stderr, flush=True)
            try:
                figures |= step(peer)
            except (LoadError, ServerError, OSError, ValueError) as error:
                self._notes.append(f"{peer.name}, {name}, round {number + 1}: {error}")
        return figures

    def _steps(
        self, number: int, peer: Peer, before: list[Figures]
    ) -> Iterator[tuple[str, Callable[[Peer], Figures]]]:
        measures, measured = self._measures, MEASURED[peer.name]
        counts = self._count and number == 0
        if "paced" in measured:
            yield "paced calls", functools.partial(measures.paced, calls=PACED)
            if counts:
                yield "instructions", measures.counted
        if "handshakes" in measured:
            yield "handshakes", measures.handshakes
            if counts:
                yield "instructions of handshakes", measures.counted_handshakes
        if "held" in measured and self._plan.probe_seconds:
            held = [value for past in before if (value := past.get("calls_held"))]
            first = statistics.median(held) if held else FIRST[peer.name]
            yield "calls held", functools.partial(measures.capacity, estimate=first)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="bench.paths", description=__doc__)
    parser.add_argument("--rounds", type=int, default=PLAN.rounds)
    parser.add_argument("--no-count", action="store_true", help="count no instructions")
    parser.add_argument("--tiny", action="store_true", help="half a second of each, none held")
    parser.add_argument("--results", type=Path, default=BENCH / "results")
    options = parser.parse_args(arguments)
    if not LOADGEN.exists():
        print(f"{LOADGEN} is not built: make -C bench programs (it needs gcc)", file=sys.stderr)
        return 64
    _write_sound()
    plan = TINY if options.tiny else dataclasses.replace(PLAN, rounds=options.rounds)
    count = not options.no_count and shutil.which("valgrind") is not None
    try:
        results = Run(plan, count=count).results()
    finally:
        shutil.rmtree(RECORDINGS, ignore_errors=True)
    stem = record.stem(options.results, results["commit"], "paths")
    record.write(stem.with_suffix(".json"), results)
    # Of the figures as kept, so that whoever reads the file again gets the same table.
    text = markdown(record.read(stem.with_suffix(".json")))
    print(text, end="")
    write_whole(stem.with_suffix(".md"), text)
    print(f"kept: {stem.with_suffix('.json')}", file=sys.stderr)
    return 0


def _write_sound() -> None:
    with wave.open(str(SOUND), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(RATE)
        file.writeframes(bytes(range(250)) * (SOUND_SECONDS * RATE * 2 // 250))


if __name__ == "__main__":
    sys.exit(main())
