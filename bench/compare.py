"""`make -C bench compare`: compare a new run with a kept one, figure by figure.

The exit status is 1 when a figure got worse by more than `--within`, and 64 for a wrong argument.
"""

from __future__ import annotations

import argparse
import fnmatch
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench import record
from bench.record import Rounds

__all__ = ["Change", "changes", "main"]

EX_USAGE = 64
HIGHER_IS_BETTER = ("*_held", "*per_second")


@dataclass(frozen=True)
class Change:
    """A figure of a server in both runs.

    Args:
        peer: name of the server.
        figure: name of the figure.
        old: its median in the run that was kept.
        new: its median in the new run.

    """

    peer: str
    figure: str
    old: float
    new: float

    @property
    def ratio(self) -> float:
        """The new value divided by the old; infinite when the old one is 0."""
        if self.old == self.new:
            return 1.0
        return self.new / self.old if self.old else float("inf")

    def is_worse(self, within: float) -> bool:
        """Whether it got worse by more than a share of the old value."""
        higher = any(fnmatch.fnmatch(self.figure, name) for name in HIGHER_IS_BETTER)
        return self.ratio < 1 - within if higher else self.ratio > 1 + within


def changes(
    old: Mapping[str, Rounds], new: Mapping[str, Rounds], peers: str = "*", figures: str = "*"
) -> Iterator[Change]:
    """Compare the figures that both runs have.

    Args:
        old: figures of each server, of the run that was kept.
        new: likewise, of the new run.
        peers: pattern for names of servers.
        figures: pattern for names of figures.

    """
    for peer in fnmatch.filter(old, peers):
        for figure in fnmatch.filter(old[peer], figures):
            before = record.median(old[peer][figure])
            after = record.median(new.get(peer, {}).get(figure, ()))
            if before is not None and after is not None:
                yield Change(peer, figure, before, after)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="bench.compare", description=__doc__)
    parser.add_argument("old", type=Path, help="figures file that was kept")
    parser.add_argument("new", type=Path, help="figures file of the new run")
    parser.add_argument("--peers", default="*", help='pattern, such as "echo-service"')
    parser.add_argument("--figures", default="*", help='pattern, such as "*_instructions_user"')
    parser.add_argument(
        "--within", type=float, default=0.1, help="share that is no change; default: %(default)g"
    )
    options = parser.parse_args(arguments)
    try:
        old, new = (record.read(path)["figures"] for path in (options.old, options.new))
    except (OSError, ValueError) as error:
        print(f"compare: {error}", file=sys.stderr)
        return EX_USAGE
    found = list(changes(old, new, options.peers, options.figures))
    if not found:
        print("compare: the runs have no figure in common that fits the patterns", file=sys.stderr)
        return EX_USAGE
    print(f"{'server':<20} {'figure':<30} {'old':>12} {'new':>12} {'new/old':>8}")
    for change in found:
        mark = "  WORSE" if change.is_worse(options.within) else ""
        print(
            f"{change.peer:<20} {change.figure:<30} {change.old:>12,.5g} {change.new:>12,.5g} "
            f"{change.ratio:>8.3f}{mark}"
        )
    worse = sum(change.is_worse(options.within) for change in found)
    print(f"{len(found)} figures, {worse} worse by more than {options.within:.0%}")
    return 1 if worse else 0


if __name__ == "__main__":
    sys.exit(main())
