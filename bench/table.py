"""A run as Markdown tables."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

from bench.peers.catalogue import LIMIT, PLAIN
from bench.record import Summary, summarised

__all__ = ["markdown"]

Results = Mapping[str, Any]
Cell = Callable[[Mapping[str, Summary]], str]
Column = tuple[str, Cell]


def markdown(results: Results) -> str:
    """Return the tables of a run, with notes.

    Args:
        results: of a run, see `record`.

    """
    parts = [
        _heading(results),
        _table("Calls, cost of a frame, memory", results, _costs(results)),
        _table("CPU per frame (µs) at paced calls", results, _paced_cpu(results)),
        _table("Echo delay in ms, p50 / p99 / p99.9", results, _delays(results)),
        _list("Beyond one process", [_replicas(results["replicas"]), _gateway(results["gateway"])]),
        _list("Notes", results["notes"]),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _heading(results: Results) -> str:
    machine, rounds = results["machine"], results["plan"]["rounds"]
    return (
        f"# Echo servers, {results['date']}\n\n"
        f"{machine['cpu']}, {machine['cores']} cores, Linux {machine['kernel']}; "
        f"Python {machine['python']}; " + ", ".join(results["versions"]) + ". "
        f"Median of {rounds} round{'s' * (rounds != 1)}, "
        f"commit {results['commit']}."
    )


def _costs(results: Results) -> list[Column]:
    columns: list[Column] = [
        ("calls held", _value("calls_held", 0)),
        ("of the limit", _ratio("calls_held", "of_limit")),
        ("× plain", _ratio("calls_held", "of_plain")),
        ("void trials", _value("void_trials", 0)),
    ]
    for depth in results["plan"]["flooded"]:
        if results["counted_by"] is not None:
            columns.append((f"kinstr, {depth} deep", _instructions(f"flood{depth}")))
        columns.append((f"CPU µs, {depth} deep", _value(f"flood{depth}_cpu_us", 1)))
    return [
        *columns,
        ("KiB a call", _value("kib_per_call", 1)),
        ("handshakes/s", _value("handshakes_per_second", 0)),
        ("never reads, MiB", _value("deaf_mib", 1)),
    ]


def _paced_cpu(results: Results) -> list[Column]:
    return [(f"{n} calls", _value(f"paced{n}_cpu_us", 1)) for n in results["plan"]["paced"]]


def _delays(results: Results) -> list[Column]:
    return [(f"{n} calls", _three(f"paced{n}")) for n in results["plan"]["paced"]]


def _table(title: str, results: Results, columns: Sequence[Column]) -> str:
    peers = summarised(results["figures"], LIMIT, PLAIN)
    rows = [
        [label, *(cell(peers[name]) for _, cell in columns)]
        for name, label in results["labels"].items()
        if name in peers
    ]
    # A column that nobody has a figure for was not part of this run.
    kept = [0] + [i for i in range(1, len(columns) + 1) if any(row[i] != "" for row in rows)]
    if len(kept) == 1:
        return ""
    head = ["echo server", *(name for name, _ in columns)]
    lines = [
        [head[i] for i in kept],
        ["---" if i == 0 else "---:" for i in kept],
        *([row[i] for i in kept] for row in rows),
    ]
    return f"## {title}\n\n" + "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _replicas(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return "Two replicas: not measured in this run."
    where = "on cores that their load shares" if found["shared_cores"] else "on cores of their own"
    return (
        f"Two replicas {where} carry {found['two']:,.0f} calls, one {found['one']:,.0f}: "
        f"{found['two'] / found['one']:.2f} times."
    )


def _gateway(found: Mapping[str, Any] | None) -> str:
    if found is None:
        return "Through the gateway: skipped, no --gateway was given."
    delays = "; ".join(
        f"{calls} calls {d['p50']:.2f} / {d['p99']:.2f} / {d['p999']:.2f} ms, {d['late']} late"
        for calls, d in found["delays"].items()
    )
    ends = [outcome for _, outcome in found["trials"]]
    return (
        f"Through the gateway: {found['calls_held']:,} calls held ({ends.count('void')} of "
        f"{len(ends)} trials void); p50 / p99 / p99.9 at {delays}."
    )


def _list(title: str, items: Iterable[str]) -> str:
    lines = [f"- {item}" for item in items]
    return f"## {title}\n\n" + "\n".join(lines) if lines else ""


def _value(name: str, digits: int) -> Cell:
    def cell(figures: Mapping[str, Summary]) -> str:
        if name not in figures:
            return ""
        median = figures[name]["median"]
        return "–" if median is None else f"{median:,.{digits}f}"

    return cell


def _ratio(name: str, base: Literal["of_limit", "of_plain"]) -> Cell:
    def cell(figures: Mapping[str, Summary]) -> str:
        ratio = figures[name][base] if name in figures else None
        return "" if ratio is None else f"{ratio:.2f}"

    return cell


def _instructions(key: str) -> Cell:
    def cell(figures: Mapping[str, Summary]) -> str:
        user, kernel = (_median(figures, f"{key}_instructions_{of}") for of in ("user", "kernel"))
        if user is None:
            return "–"
        return f"{user / 1000:.1f}" + ("" if kernel is None else f" + {kernel / 1000:.1f}")

    return cell


def _three(key: str) -> Cell:
    def cell(figures: Mapping[str, Summary]) -> str:
        values = [_median(figures, f"{key}_{p}_ms") for p in ("p50", "p99", "p999")]
        if f"{key}_p50_ms" not in figures:
            return ""
        return " / ".join("–" if value is None else f"{value:.2f}" for value in values)

    return cell


def _median(figures: Mapping[str, Summary], name: str) -> float | None:
    return figures[name]["median"] if name in figures else None
