"""Figures files: what a run measured, with one value for each round.

A file has `date`, `commit`, `machine`, `versions` and `notes` of the run, `labels` of what was
measured, and `figures`: by name of the server and name of the figure, a list with one value for
each round, null where the server did not get so far.
"""

from __future__ import annotations

import datetime
import json
import re
import statistics
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TypedDict

from bench.files import write_whole

__all__ = ["Rounds", "Summary", "gathered", "median", "read", "stem", "summarised", "write"]

DIGITS = 6
"""Significant digits of a kept figure; more would be noise."""

Rounds = Mapping[str, Sequence[float | None]]
"""Figures by name, with a value for each round."""


class Summary(TypedDict):
    """A figure of a server over all rounds.

    The median is of the rounds that have a value. The ratios are to the limit's and to plain
    `websockets`' median of the same run.
    """

    median: float | None
    rounds: list[float | None]
    of_limit: float | None
    of_plain: float | None


def write(path: Path, record: Mapping[str, Any]) -> None:
    """Write a figures file, whole or not at all.

    Raises:
        OSError: it cannot be written.

    """
    path.parent.mkdir(parents=True, exist_ok=True)
    text = json.dumps(_rounded(record), indent=1, ensure_ascii=False)
    # A short list of plain values takes one line, so that each line has one figure.
    write_whole(path, re.sub(r"\[[^\[\]{}]{1,200}\]", _one_line, text) + "\n")


def stem(folder: Path, commit: str, what: str = "") -> Path:
    """Return the path, without suffix, under which a run that ends now is kept.

    Args:
        folder: of all results.
        commit: that was measured.
        what: was measured, in a word; empty for the echo servers.

    """
    now = datetime.datetime.now(datetime.UTC)
    return folder / "-".join(filter(None, (f"{now:%Y-%m-%d-%H%M}", what, commit)))


def read(path: Path) -> dict[str, Any]:
    """Read a figures file.

    Raises:
        ValueError: it is not a figures file; says which file and what is wrong.
        OSError: it cannot be read.

    """
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is not JSON: {error}") from error
    if not isinstance(record, dict) or not isinstance(record.get("figures"), dict):
        raise ValueError(f"{path} has no figures: give a file that the bench has written")
    return record


def gathered(rounds: Sequence[Mapping[str, float | None]]) -> dict[str, list[float | None]]:
    """Return each figure's values, None for a round that lacks it.

    Args:
        rounds: for each round, the value of each figure.

    """
    names = dict.fromkeys(name for figures in rounds for name in figures)
    return {name: [figures.get(name) for figures in rounds] for name in names}


def median(values: Sequence[float | None]) -> float | None:
    """Return the median of the values that there are, None when there are none."""
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def summarised(
    figures: Mapping[str, Rounds], limit: str, plain: str
) -> dict[str, dict[str, Summary]]:
    """Summarise a run.

    Args:
        figures: of each server, as in a figures file.
        limit: name of the server that is the limit.
        plain: name of the server that is the plain one.

    """
    medians = {
        peer: {name: median(values) for name, values in rounds.items()}
        for peer, rounds in figures.items()
    }
    return {
        peer: {
            name: Summary(
                median=medians[peer][name],
                rounds=list(values),
                of_limit=_ratio(medians[peer][name], medians.get(limit, {}).get(name)),
                of_plain=_ratio(medians[peer][name], medians.get(plain, {}).get(name)),
            )
            for name, values in rounds.items()
        }
        for peer, rounds in figures.items()
    }


def _ratio(value: float | None, base: float | None) -> float | None:
    return value / base if value is not None and base else None


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, Mapping):
        return {name: _rounded(inner) for name, inner in value.items()}
    return [_rounded(inner) for inner in value] if isinstance(value, list | tuple) else value


def _one_line(found: re.Match[str]) -> str:
    return re.sub(r"\s+", " ", found[0]).replace("[ ", "[").replace(" ]", "]")
