"""From the rounds' figures to medians and ratios. Pure."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from typing import TypedDict

__all__ = ["Summary", "summarised"]


class Summary(TypedDict):
    """One figure of one server over all rounds.

    `rounds` has a value for each round, None where the server did not get so far; the median is
    of the others. The ratios are to the limit's and to plain `websockets`' median of the same run.
    """

    median: float | None
    rounds: list[float | None]
    of_limit: float | None
    of_plain: float | None


def summarised(
    rounds: Mapping[str, Sequence[Mapping[str, float | None]]], limit: str, plain: str
) -> dict[str, dict[str, Summary]]:
    """Summarise a run.

    Args:
        rounds: for each server, the figures of each round.
        limit: name of the server that is the limit.
        plain: name of the server that is the plain one.

    """
    medians = {peer: _medians(figures) for peer, figures in rounds.items()}
    return {
        peer: {
            name: Summary(
                median=median,
                rounds=[figures.get(name) for figures in rounds[peer]],
                of_limit=_ratio(median, medians.get(limit, {}).get(name)),
                of_plain=_ratio(median, medians.get(plain, {}).get(name)),
            )
            for name, median in medians[peer].items()
        }
        for peer in rounds
    }


def _medians(rounds: Sequence[Mapping[str, float | None]]) -> dict[str, float | None]:
    names = dict.fromkeys(name for figures in rounds for name in figures)
    medians: dict[str, float | None] = {}
    for name in names:
        values = [value for figures in rounds if (value := figures.get(name)) is not None]
        medians[name] = statistics.median(values) if values else None
    return medians


def _ratio(value: float | None, base: float | None) -> float | None:
    return value / base if value is not None and base else None
