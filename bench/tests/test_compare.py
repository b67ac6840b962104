"""A new run beside a kept one."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import record
from bench.compare import main

OLD = {
    "ours": {"calls_held": [1400.0, 1425.0, 1450.0], "flood1_cpu_us": [8.0], "deaf_mib": [None]},
    "c": {"calls_held": [2000.0]},
}


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A run that was kept."""
    path = tmp_path / "old.json"
    record.write(path, {"figures": OLD})
    return path


def _new(folder: Path, **figures: float) -> str:
    path = folder / "new.json"
    record.write(path, {"figures": {"ours": {name: [value] for name, value in figures.items()}}})
    return str(path)


def test_an_equal_run_passes(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is worse than itself, and a figure that nobody has is left out."""
    assert main([str(old), str(old)]) == 0
    assert "3 figures, 0 worse" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("figures", "status"),
    [
        ({"calls_held": 1300.0, "flood1_cpu_us": 8.7}, 0),
        ({"calls_held": 1200.0, "flood1_cpu_us": 8.0}, 1),
        ({"calls_held": 1425.0, "flood1_cpu_us": 8.9}, 1),
        ({"calls_held": 2000.0, "flood1_cpu_us": 1.0}, 0),
    ],
)
def test_what_got_worse_fails(figures: dict[str, float], status: int, old: Path) -> None:
    """Fewer calls are worse, and so is more time; more calls and less time are not."""
    assert main([str(old), _new(old.parent, **figures)]) == status


def test_patterns_and_bound_choose(old: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Only the figures asked for count, within the share asked for."""
    new = _new(old.parent, calls_held=1.0, flood1_cpu_us=8.1)
    assert main([str(old), new, "--figures", "*cpu*"]) == 0
    assert main([str(old), new, "--figures", "*cpu*", "--within", "0.01"]) == 1
    assert "WORSE" in capsys.readouterr().out


def test_runs_without_a_common_figure_are_refused(
    old: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Comparing nothing passes nothing."""
    assert main([str(old), _new(old.parent, other=1.0)]) == 64
    assert main([str(old), str(old.parent / "missing.json")]) == 64
    assert "missing.json" in capsys.readouterr().err
