"""`make -C bench answers`: ncco-service's answers: what one costs, how many a second, how fast.

Compared with a bare Flask view under the same gunicorn; signed and unsigned; and with a tunnel
agent that hangs, is slow, or is dead, since no caller may wait for it.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from bench import http_load, machine, record
from bench.answer_cases import BARE, Case, cases, simulated_agent
from bench.counters import Switched
from bench.files import write_whole
from bench.http_load import Asked
from bench.peers.catalogue import BENCH
from bench.processes import Cores
from bench.record import Rounds
from bench.server import Server, ServerError

__all__ = ["main"]

RATE = 100
COUNTED = 200
"""Answers whose instructions valgrind counts, one after the other."""
VALGRIND_START = 120.0
"""Seconds until a server listens under valgrind."""

Figures = dict[str, float | None]


class Failures(set[str]):
    """What went wrong, each once."""

    def note(self, case: Case, asked: Asked) -> None:
        """Add the first failure of a measurement."""
        if asked.first_failure:
            self.add(f"{case.label}: {asked.first_failure}")


async def _measure(case: Case, core: int, seconds: float, failures: Failures) -> Figures:
    """Return one round of one case."""
    found: Figures = {}

    def note(way: str, asked: Asked) -> None:
        failures.note(case, asked)
        for name in ("per_second", "p50_ms", "p99_ms", "max_ms", "failed"):
            found[f"{way}_{name}"] = getattr(asked, name)

    async with simulated_agent(case.agent) as environ:
        with Server((sys.executable, *case.arguments), {**case.environ, **environ}, core) as server:
            await http_load.flat_out(server.port, case.request, 0.3)
            note("at_rate", await http_load.at_rate(server.port, case.request, seconds, RATE))
            if case.agent is None:
                before = server.cpu_seconds()
                asked = await http_load.flat_out(server.port, case.request, seconds)
                spent = server.cpu_seconds() - before
                note("flat_out", asked)
                found["cpu_us"] = spent * 1e6 / max(asked.answered, 1)
    return found


async def _count(case: Case, core: int, failures: Failures) -> float:
    """Return the user instructions of an answer, as valgrind counts them."""
    with tempfile.TemporaryDirectory() as folder:
        counter = Switched(Path(folder))
        command = (*counter.command, sys.executable, *case.arguments)
        with Server(command, case.environ, core, VALGRIND_START) as server:
            await http_load.one_by_one(server.port, case.request, COUNTED)
            counter.switch(server.pid, "on")
            asked = await http_load.one_by_one(server.port, case.request, COUNTED)
            counter.switch(server.pid, "off")
        failures.note(case, asked)
        return counter.read().user / COUNTED


def _table(figures: Mapping[str, Rounds]) -> str:
    bare = {name: record.median(values) for name, values in figures[BARE].items()}
    lines = [
        "| server | user kinstr | × bare | CPU µs | × bare | answers/s | p50 / p99 ms, flat out | "
        f"p50 / p99 / max ms at {RATE} a second | failed |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for label, found in figures.items():
        medians = {name: record.median(values) for name, values in found.items()}
        costs = [
            cell
            for name, unit in (("instructions_user", 1000), ("cpu_us", 1))
            for cell in _cost(medians.get(name), bare.get(name), unit)
        ]
        rate = medians.get("flat_out_per_second")
        flat = [medians.get(f"flat_out_{name}") for name in ("p50_ms", "p99_ms")]
        paced = [medians[f"at_rate_{name}"] for name in ("p50_ms", "p99_ms", "max_ms")]
        failed = sum(
            sum(value or 0 for value in found.get(f"{way}_failed", ()))
            for way in ("at_rate", "flat_out")
        )
        lines.append(
            f"| {label} | {' | '.join(costs)} | {'–' if rate is None else f'{rate:,.0f}'} | "
            f"{_times(flat)} | {_times(paced)} | {failed:.0f} |"
        )
    return "\n".join(lines)


def _cost(value: float | None, bare: float | None, unit: float) -> tuple[str, str]:
    if value is None or not bare:
        return "–", "–"
    return f"{value / unit:,.0f}", f"{value / bare:.2f}"


def _times(values: Sequence[float | None]) -> str:
    return " / ".join("–" if value is None else f"{value:.2f}" for value in values)


def main() -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="bench.answers", description=__doc__)
    parser.add_argument("--seconds", type=float, default=6, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--results", type=Path, default=BENCH / "results")
    options = parser.parse_args()
    cores, about, failures = Cores(), machine.provenance(), Failures()
    countable = shutil.which("valgrind") is not None
    os.sched_setaffinity(0, {cores.load})
    rounds: dict[str, list[Figures]] = {case.label: [] for case in cases()}
    try:
        for number in range(options.rounds):
            for case in cases()[:: -1 if number % 2 else 1]:
                print(f"round {number + 1}  {case.label}", file=sys.stderr, flush=True)
                found = asyncio.run(_measure(case, cores.server, options.seconds, failures))
                if countable and case.agent is None:
                    counted = asyncio.run(_count(case, cores.server, failures))
                    found["instructions_user"] = counted
                rounds[case.label].append(found)
    except ServerError as error:
        print(f"answers: {error}", file=sys.stderr)
        return 1
    notes = sorted(f"failed: {failure}" for failure in failures)
    if not countable:
        notes.append("no instructions were counted: valgrind is not on the PATH")
    _keep(about, rounds, notes, options)
    return 1 if failures else 0


def _keep(
    about: dict[str, Any],
    rounds: Mapping[str, Sequence[Figures]],
    notes: Sequence[str],
    options: argparse.Namespace,
) -> None:
    on = about["machine"]
    figures = {label: record.gathered(found) for label, found in rounds.items()}
    text = (
        f"# Answers, {about['date']}\n\n{on['cpu']}, {on['cores']} cores, Linux "
        f"{on['kernel']}; Python {on['python']}; {', '.join(about['versions'])}. Median of "
        f"{options.rounds} rounds of {options.seconds:g} s, server on one core, client on the "
        f"other; flat out: 16 connections; CPU: user and kernel, flat out. "
        f"Commit {about['commit']}.\n\n{_table(figures)}\n"
        + "".join(f"\n- {note}" for note in notes)
    )
    print(text)
    stem = record.stem(options.results, about["commit"], "answers")
    record.write(
        stem.with_suffix(".json"),
        {
            **about,
            "labels": {label: label for label in figures},
            "figures": figures,
            "notes": notes,
        },
    )
    write_whole(stem.with_suffix(".md"), text + "\n")


if __name__ == "__main__":
    sys.exit(main())
