"""`make -C bench paths` measures what its table needs."""

from __future__ import annotations

from pathlib import Path

from bench import paths, record
from bench.paths_table import ROWS, markdown


def test_a_tiny_run_has_the_figures_of_every_row_but_the_held_calls(tmp_path: Path) -> None:
    """Each server is measured where a row of the table asks for it, and nothing was inexact."""
    assert paths.main(["--tiny", "--no-count", "--results", str(tmp_path)]) == 0
    (kept,) = tmp_path.glob("*-paths-*.json")
    results = record.read(kept)
    for row in ROWS:
        for name in (row.of, row.over):
            # On a busy machine a cost may be unknown, but then it was measured all the same.
            measured = row.figure in results["figures"][name]
            assert measured or row.figure == "calls_held", (name, row.figure, results["notes"])
    assert not [note for note in results["notes"] if note.startswith("NOT EXACT")]
    table = kept.with_suffix(".md").read_text()
    assert "| a handler's frame over the fast path's | ≤ 1.25 |" in table
    assert table == markdown(results)
