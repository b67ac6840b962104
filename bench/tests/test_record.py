"""Figures files, medians and ratios."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from bench import paths_table, record, table
from bench.peers.catalogue import BENCH
from bench.record import gathered, summarised

KEPT = sorted((BENCH / "results").glob("*.json"))
TABLES = [
    *((path, paths_table.markdown) for path in KEPT if "-paths-" in path.stem),
    *((path, table.markdown) for path in KEPT if "replicas" in record.read(path)),
]
"""Each kept run of `make -C bench paths` and `make -C bench bench`, and what wrote its table."""


def test_medians_and_ratios_are_of_the_same_run() -> None:
    """A missing value is left out of the median, not counted as nothing."""
    summary = summarised(
        {
            "c": {"calls": [2000.0, 2200.0, 2100.0]},
            "plain": gathered([{"calls": 400.0}, {}, {"calls": 440.0}]),
            "ours": {"calls": [1260.0]},
        },
        "c",
        "plain",
    )
    ours = summary["ours"]["calls"]
    assert ours == {"median": 1260, "rounds": [1260], "of_limit": 0.6, "of_plain": 3}
    assert summary["plain"]["calls"]["rounds"] == [400, None, 440]
    assert summary["plain"]["calls"]["median"] == 420


def test_a_figure_that_nobody_reached_has_no_median_and_no_ratio() -> None:
    """Where the base is missing, so is the ratio."""
    summary = summarised({"ours": {"calls": [None], "cpu": [3.0]}}, "c", "plain")
    assert summary["ours"]["calls"]["median"] is None
    assert summary["ours"]["cpu"]["of_limit"] is None


def test_a_file_keeps_what_was_measured(tmp_path: Path) -> None:
    """Six digits of each value, one figure a line, null for a round without one."""
    path = tmp_path / "run.json"
    record.write(path, {"figures": {"ours": {"cpu_us": [7.87400123, None], "held": [1425]}}})
    assert record.read(path)["figures"] == {"ours": {"cpu_us": [7.874, None], "held": [1425]}}
    assert '   "cpu_us": [7.874, null],\n' in path.read_text()


@pytest.mark.parametrize(
    ("text", "problem"), [("nonsense", "is not JSON"), ('{"peers": {}}', "has no figures")]
)
def test_another_file_is_refused(text: str, problem: str, tmp_path: Path) -> None:
    """The message names the file and what is wrong with it."""
    path = tmp_path / "other.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=rf"other\.json {problem}"):
        record.read(path)


@pytest.mark.parametrize(("path", "markdown"), TABLES, ids=[path.stem for path, _ in TABLES])
def test_the_kept_tables_are_of_the_kept_figures(
    path: Path, markdown: Callable[[Any], str]
) -> None:
    """Each table under `results` is what the figures beside it give."""
    assert path.with_suffix(".md").read_text() == markdown(record.read(path))
