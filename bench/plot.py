"""Draw a run as a picture: `python -m bench.plot figures.json picture.svg`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from bench import record
from bench.files import written_whole
from bench.peers.catalogue import LIMIT, OURS, PLAIN

__all__ = ["picture"]

OUR_COLOUR, OTHERS_COLOUR = "#c2410c", "#94a3b8"


def picture(results: dict[str, Any], path: Path) -> None:
    """Draw calls held and CPU per frame of each server, as SVG.

    Args:
        results: of a run, see `record`.
        path: of the picture.

    """
    mpl.rcParams.update({"svg.hashsalt": "bench", "svg.fonttype": "none", "font.size": 9})
    figure = Figure(figsize=(10, 0.45 * len(results["figures"]) + 1.2), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    _bars(left, results, "calls_held", "calls held on one core (p99 < 20 ms, none > 60 ms late)")
    _bars(right, results, "flood1_cpu_us", "CPU per frame, µs (one in flight, 100 connections)")
    left.invert_yaxis()
    with written_whole(path) as temporary:
        figure.savefig(temporary, format="svg", metadata={"Date": None})


def _bars(axes: Axes, results: dict[str, Any], name: str, title: str) -> None:
    figures = record.summarised(results["figures"], LIMIT, PLAIN)
    peers = [peer for peer in results["labels"] if peer in figures]
    for row, peer in enumerate(peers):
        summary = figures[peer].get(name)
        if summary is None or summary["median"] is None:
            axes.text(0, row, " –", va="center")
            continue
        values = [value for value in summary["rounds"] if value is not None]
        median = summary["median"]
        axes.barh(row, median, color=OUR_COLOUR if peer == OURS else OTHERS_COLOUR, height=0.7)
        axes.plot([min(values), max(values)], [row, row], color="black", linewidth=1)
        axes.text(max(values), row, f" {median:,.4g}", va="center")
    axes.set_yticks(range(len(peers)), [results["labels"][peer] for peer in peers])
    axes.set_title(title, fontsize=9)
    axes.margins(x=0.15)
    axes.spines[["top", "right"]].set_visible(False)


def main() -> None:
    """Draw the figures file named first into the picture named second."""
    source, target = sys.argv[1:]
    picture(record.read(Path(source)), Path(target))


if __name__ == "__main__":
    main()
