"""A run of `bench.paths` as a Markdown table: a ratio for each goal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from bench.peers.catalogue import LIMIT, OURS
from bench.record import median

__all__ = ["ROWS", "UVLOOP", "Row", "markdown", "ratio_rows"]

UVLOOP = "websockets-uvloop"


class Row(NamedTuple):
    """A ratio: `figure` of the server `of`, over that of the server `over`, and the goal for it.

    `counted` is the same in user instructions, `at_most` whether the goal is an upper bound.
    """

    label: str
    figure: str
    of: str
    over: str
    goal: float | None = None
    at_most: bool = False
    counted: str | None = None

    @property
    def goal_text(self) -> str:
        """The goal for the table; empty if there is none."""
        return "" if self.goal is None else f"{'≤' if self.at_most else '≥'} {self.goal:g}"

    def ratio(self, figure: str | None, medians: Mapping[str, Mapping[str, float | None]]) -> str:
        """Return the ratio of a figure's medians, `–` where it is not known."""
        value, base = (medians.get(name, {}).get(figure or "") for name in (self.of, self.over))
        return f"{value / base:.2f}" if value is not None and base else "–"


_COST = ("paced200_cpu_us", "paced_instructions_user")
_HANDSHAKES = ("handshakes_per_second", "handshakes_instructions_user")
ROWS = (
    Row("a handler's frame over the fast path's", _COST[0], "handler", OURS, 1.25, True, _COST[1]),
    Row("a recorded frame over the fast path's", _COST[0], "record", OURS, 1.5, True, _COST[1]),
    Row("a played frame over the fast path's", _COST[0], "play-mute", OURS, 0.7, True, _COST[1]),
    Row(
        "a played frame and one of the caller's over the fast path's",
        _COST[0],
        "play",
        OURS,
        counted=_COST[1],
    ),
    Row("calls held with a handler over plain websockets", "calls_held", "handler", UVLOOP, 2),
    Row("calls held over picows", "calls_held", OURS, "picows", 1.05),
    Row("calls held over the C loop", "calls_held", OURS, LIMIT, 0.75),
    Row(
        "handshakes a second over plain websockets",
        _HANDSHAKES[0],
        OURS,
        UVLOOP,
        1.0,
        counted=_HANDSHAKES[1],
    ),
    Row("the same with tickets", _HANDSHAKES[0], "tickets", UVLOOP, 0.8, counted=_HANDSHAKES[1]),
)
"""Cost is processor time a frame at 200 paced calls, or user instructions."""

_FIGURES = {
    "paced200_cpu_us": ("CPU µs a frame", 1),
    "paced_instructions_user": ("instructions a frame", 0),
    "calls_held": ("calls held", 0),
    "handshakes_per_second": ("handshakes/s", 0),
    "handshakes_cpu_us": ("CPU µs a handshake", 0),
    "handshakes_instructions_user": ("instructions a handshake", 0),
}


def ratio_rows(results: Mapping[str, Any]) -> list[str]:
    """Return the rows of the table of ratios."""
    medians = _medians(results)
    return [
        f"| {row.label} | {row.goal_text} | {row.ratio(row.figure, medians)} "
        f"| {row.ratio(row.counted, medians) if row.counted else ''} |"
        for row in ROWS
    ]


def _medians(results: Mapping[str, Any]) -> dict[str, dict[str, float | None]]:
    return {
        name: {figure: median(values) for figure, values in rounds.items()}
        for name, rounds in results["figures"].items()
    }


def markdown(results: Mapping[str, Any]) -> str:
    """Return the tables of a run, with notes."""
    medians = _medians(results)
    on, rounds = results["machine"], results["plan"]["rounds"]
    figures = [
        f"| {label} | "
        + " | ".join(_cell(medians[name], f, d) for f, (_, d) in _FIGURES.items())
        + " |"
        for name, label in results["labels"].items()
    ]
    heads = " | ".join(head for head, _ in _FIGURES.values())
    return "\n".join(
        [
            f"# Paths, {results['date']}\n",
            f"{on['cpu']}, {on['cores']} cores, Linux {on['kernel']}; Python {on['python']}; "
            f"{', '.join(results['versions'])}. Median of {rounds} round{'s' * (rounds != 1)}, "
            f"commit {results['commit']}.\n",
            "| ratio | goal | measured | in user instructions |",
            "| --- | ---: | ---: | ---: |",
            *ratio_rows(results),
            f"\n| server | {heads} |",
            "| --- |" + " ---: |" * len(_FIGURES),
            *figures,
            "",
            *(f"- {note}" for note in results["notes"]),
            "",
        ]
    )


def _cell(medians: Mapping[str, float | None], figure: str, digits: int) -> str:
    value = medians.get(figure)
    return "" if value is None else f"{value:,.{digits}f}"
