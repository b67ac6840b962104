"""`make gateway`: what a call costs in a gateway, by containers that are already running.

Each container is called in turn: the echo-service directly, then through each gateway before it.
They share the cores with the generator, so only figures of one run can be compared.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from bench import load, machine, record
from bench.peers.catalogue import BENCH, OURS
from bench.processes import cpu_seconds, memory_bytes

__all__ = ["Container", "main", "measured"]

SECONDS, WARMUP = 6.0, 1.5
FEW, MANY = 20, 1000
"""Calls between which memory is measured."""
DOCKER_SECONDS = 30.0
Figures = dict[str, float | None]


@dataclass(frozen=True)
class Container:
    """A running container that takes calls.

    Args:
        host: its IPv4 address.
        port: where it takes them.
        pids: of its processes, as this machine numbers them.

    """

    host: str
    port: int
    pids: tuple[int, ...]

    @classmethod
    def named(cls, name: str, port: int) -> Self:
        """Ask the engine about a container.

        Raises:
            ValueError: it does not run; says what the engine said.

        """
        found = json.loads(_docker("inspect", name))[0]
        pids = _docker("top", name, "-o", "pid").split()[1:]
        networks = found["NetworkSettings"]["Networks"].values()
        addresses = [address for net in networks if (address := net["IPAddress"])]
        if not addresses:
            raise ValueError(f"the container {name} has no address; start it in a network")
        return cls(addresses[0], port, tuple(int(pid) for pid in pids))


def _docker(*arguments: str) -> str:
    done = subprocess.run(  # noqa: S603 - the user's own engine
        ["docker", *arguments],  # noqa: S607 - as everybody calls it
        capture_output=True,
        text=True,
        timeout=DOCKER_SECONDS,
    )
    if done.returncode:
        raise ValueError(f"docker {' '.join(arguments)}: {done.stderr.strip()}")
    return done.stdout


def measured(entry: Container, service: Container, calls: int) -> Figures:
    """Place calls with one container; return the processor time that they cost.

    Args:
        entry: where the calls come in: a gateway, or the service itself.
        service: that echoes.
        calls: at once.

    Raises:
        LoadError: calls failed.

    """
    marks: dict[str, tuple[float, float]] = {}

    def note(mark: str) -> None:
        marks[mark] = (cpu_seconds(entry.pids), cpu_seconds(service.pids))

    options = {"calls": calls, "seconds": SECONDS, "warmup": WARMUP}
    report = load.run("paced", entry.port, options, host=entry.host, at=note)
    if report.failure or not report.echoed:
        raise load.LoadError(report.failure or "no frame came back")
    spent = [end - begin for begin, end in zip(marks["measuring"], marks["measured"], strict=True)]
    key = f"paced{calls}"
    return {
        f"{key}_cpu_us": spent[0] * 1e6 / report.echoed,
        f"{key}_service_cpu_us": spent[1] * 1e6 / report.echoed,
        f"{key}_p99_ms": report.delay_ms.p99,
        f"{key}_lag_p99_ms": report.lag_ms.p99,
    }


def memory(entry: Container) -> Figures:
    """Return how much the container's processes grow for a call, in KiB (PSS)."""
    load.run("idle", entry.port, {"calls": FEW, "seconds": 0.1}, host=entry.host)
    before, after = memory_bytes(entry.pids), 0

    def note(mark: str) -> None:
        nonlocal after
        if mark == "measured":
            after = memory_bytes(entry.pids)

    report = load.run("idle", entry.port, {"calls": MANY, "seconds": 1}, host=entry.host, at=note)
    if report.failure:
        raise load.LoadError(report.failure)
    return {"kib_per_call": (after - before) / 1024 / MANY}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    options = _options(arguments)
    try:
        _run(options)
    except (ValueError, OSError, subprocess.TimeoutExpired, load.LoadError) as error:
        print(f"gateway: {error}", file=sys.stderr)
        return 1
    return 0


def _run(options: argparse.Namespace) -> None:
    service = Container.named(options.service, 8001)
    entries = {OURS: service}
    for given in options.gateways:
        name, _, container = given.partition("=")
        entries[name] = Container.named(container or name, 8080)
    busy = os.getloadavg()[0]
    found: dict[str, list[Figures]] = {name: [] for name in entries}
    for number in range(options.rounds):
        # Every other round goes the other way, so that a drift of the machine evens out.
        for name in list(entries)[:: -1 if number % 2 else 1]:
            figures = memory(entries[name]) if not number else {}
            for calls in options.calls:
                figures |= measured(entries[name], service, calls)
            found[name].append(figures)
            print(name, {key: value and round(value, 1) for key, value in figures.items()})
    kept = {name: record.gathered(rounds) for name, rounds in found.items()}
    path = record.stem(BENCH / "results", machine.commit(), "gateway").with_suffix(".json")
    notes = [*options.note, f"One-minute load average before the run {busy:.2f}."]
    about = {**machine.provenance(), "labels": {name: name for name in entries}}
    record.write(path, {**about, "figures": kept, "notes": notes})
    print(f"kept in {path}")


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.hops", description=__doc__)
    parser.add_argument("gateways", nargs="*", metavar="NAME=CONTAINER")
    parser.add_argument("--service", required=True, help="name of the echo-service's container")
    parser.add_argument("--calls", type=int, nargs="+", default=[100, 200], metavar="N")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--note", action="append", default=[], help="to be kept with the figures")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
