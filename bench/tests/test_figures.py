"""Medians, ratios, and the table made of them."""

from __future__ import annotations

from bench.figures import summarised


def test_medians_and_ratios_are_of_the_same_run() -> None:
    """A missing value is left out of the median, not counted as nothing."""
    summary = summarised(
        {
            "c": [{"calls": 2000.0}, {"calls": 2200.0}, {"calls": 2100.0}],
            "plain": [{"calls": 400.0}, {"calls": None}, {"calls": 440.0}],
            "ours": [{"calls": 1260.0}],
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
    summary = summarised({"ours": [{"calls": None, "cpu": 3.0}]}, "c", "plain")
    assert summary["ours"]["calls"]["median"] is None
    assert summary["ours"]["cpu"]["of_limit"] is None
