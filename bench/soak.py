"""`make soak`: many calls for a long time. Nothing may grow, and no frame may be lost."""

from __future__ import annotations

import argparse
import dataclasses
import statistics
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from bench import load, machine, record
from bench.exactness import compared
from bench.load import LoadError, Report
from bench.peers.catalogue import BENCH, OURS, PEERS, Peer, named
from bench.processes import Cores
from bench.server import Server, ServerError

__all__ = ["Verdict", "judged", "main"]

WINDOWS = 30
SHARE_OF_CAPACITY = 0.8
MEMORY_GROWTH = 0.02
"""Share by which memory may grow: an allocator's slack."""
DELAY_GROWTH = 1.5
DELAY_SLACK_MS = 2.0
"""p99 may grow by the factor and then by these ms: variation of the machine."""


@dataclasses.dataclass(frozen=True)
class Verdict:
    """Result of a soak. `problems` is empty when it passed."""

    memory_mib: tuple[float, float]
    p99_ms: tuple[float, float]
    problems: tuple[str, ...]


def judged(report: Report, memory: Sequence[int], differences: Sequence[str] = ()) -> Verdict:
    """Judge a soak: compare its second fifth with its last, so that warming up does not count.

    Args:
        report: of the load generator, with windows.
        memory: of the server, in bytes, at even intervals.
        differences: between what the server counted and what the generator did.

    """
    memory_mib = _fifths([size / 2**20 for size in memory])
    p99_ms = _fifths([window["p99"] for window in report.windows])
    problems = [*differences]
    if report.failure:
        problems.append(report.failure)
    lost = report.sent - report.echoed + report.skipped
    if lost:
        problems.append(f"{lost} frames lost")
    if memory_mib[1] > memory_mib[0] * (1 + MEMORY_GROWTH):
        problems.append(f"memory grew from {memory_mib[0]:.1f} to {memory_mib[1]:.1f} MiB")
    if p99_ms[1] > p99_ms[0] * DELAY_GROWTH + DELAY_SLACK_MS:
        problems.append(f"p99 grew from {p99_ms[0]:.2f} to {p99_ms[1]:.2f} ms")
    return Verdict(memory_mib, p99_ms, tuple(problems))


def _fifths(values: Sequence[float]) -> tuple[float, float]:
    """Return the medians of the second and the last fifth."""
    fifth = max(1, len(values) // 5)
    return statistics.median(values[fifth : 2 * fifth]), statistics.median(values[-fifth:])


def _capacity(peer: str) -> int | None:
    """Return the calls that a peer held in the latest results, if there are any."""
    for path in sorted((BENCH / "results").glob("*.json"), reverse=True):
        held = record.median(record.read(path)["figures"].get(peer, {}).get("calls_held", ()))
        if held:
            return int(held)
    return None


def main() -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="bench.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--calls", type=int, help="default: 80 %% of the capacity last measured")
    parser.add_argument(
        "--results", type=Path, default=BENCH / "results", help="folder for what is kept"
    )
    parser.add_argument("--peer", default=OURS, choices=[peer.name for peer in PEERS])
    options = parser.parse_args()
    peer = named(options.peer)
    calls = options.calls
    if calls is None:
        capacity = _capacity(peer.name)
        if capacity is None:
            print(
                f"soak: no results for {peer.name}: run make bench, or give --calls",
                file=sys.stderr,
            )
            return 64
        calls = int(capacity * SHARE_OF_CAPACITY)
    if reason := peer.missing():
        print(f"soak: {peer.name}: {reason}", file=sys.stderr)
        return 1
    try:
        report, memory, cpu, differences = _soaked(
            peer.command, peer.environ, calls, options.minutes * 60
        )
    except (ServerError, LoadError, OSError) as error:
        print(f"soak: {error}", file=sys.stderr)
        return 1
    verdict = judged(report, memory, differences or ())
    print(
        f"{peer.name}: {calls} calls for {options.minutes:g} minutes, {report.sent:,} frames, "
        f"{report.sent - report.echoed} lost, {report.skipped} not sent, {report.late} late.\n"
        f"Delay p50 / p99 / p99.9 / max: {report.delay_ms.p50:.2f} / {report.delay_ms.p99:.2f} / "
        f"{report.delay_ms.p999:.2f} / {report.delay_ms.max:.2f} ms; p99 from "
        f"{verdict.p99_ms[0]:.2f} to {verdict.p99_ms[1]:.2f} ms.\n"
        f"Memory from {verdict.memory_mib[0]:.2f} to {verdict.memory_mib[1]:.2f} MiB; "
        f"processor {100 * cpu:.0f} % of a core.\n"
        f"The generator's own lag: p99 {report.lag_ms.p99:.2f}, max {report.lag_ms.max:.2f} ms."
    )
    kept = {
        "calls": calls,
        "frames": report.sent,
        "lost": report.sent - report.echoed + report.skipped,
        "late": report.late,
        "first_p99_ms": verdict.p99_ms[0],
        "last_p99_ms": verdict.p99_ms[1],
        "first_memory_mib": verdict.memory_mib[0],
        "last_memory_mib": verdict.memory_mib[1],
        "cpu_share": cpu,
    }
    _keep(peer, kept, verdict.problems, options.results)
    if differences == []:
        print("Its metrics were the generator's count, to the last frame and byte.")
    print(
        "\n".join(f"FAILED: {problem}" for problem in verdict.problems)
        or "Nothing grew or was lost."
    )
    return 1 if verdict.problems else 0


def _keep(peer: Peer, figures: dict[str, float], problems: Sequence[str], folder: Path) -> None:
    about = machine.provenance()
    path = record.stem(folder, about["commit"], "soak").with_suffix(".json")
    of_peer = {name: [value] for name, value in figures.items()}
    found = {"labels": {peer.name: peer.label}, "figures": {peer.name: of_peer}}
    record.write(path, {**about, **found, "notes": list(problems)})
    print(f"kept: {path}", file=sys.stderr)


def _soaked(
    command: Sequence[str], environ: dict[str, str], calls: int, seconds: float
) -> tuple[Report, list[int], float, list[str] | None]:
    """Return the generator's report, and the server's memory, share of a core and differences."""
    cores, memory, cpu, ended = Cores(), list[int](), list[float](), threading.Event()
    interval = max(0.1, seconds / (2 * WINDOWS))

    with Server(command, environ, cores.server) as server:

        def sample() -> None:
            while not ended.wait(interval):
                memory.append(server.memory_bytes())

        sampler = threading.Thread(target=sample)

        def at(mark: str) -> None:
            if mark == "measuring":
                sampler.start()
            if mark in ("measuring", "measured"):
                cpu.append(server.cpu_seconds())
            if mark == "measured":
                ended.set()

        windows = {"window": max(0.1, seconds / WINDOWS)}
        pace = {"calls": calls, "seconds": seconds, "warmup": 2}
        report = load.run("paced", server.port, {**pace, **windows}, core=cores.load, at=at)
        ended.set()
        differences = compared(server, report)
        if len(cpu) != 2 or not memory or not report.windows:
            raise LoadError(f"it ended early: {report.failure}. {server.printed()}")
    sampler.join()
    return report, memory, (cpu[1] - cpu[0]) / seconds, differences


if __name__ == "__main__":
    sys.exit(main())
