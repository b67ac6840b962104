"""`make bench`: measure echo-service and its peers in alternating rounds, and keep the figures."""

from __future__ import annotations

import argparse
import dataclasses
import functools
import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any

from bench import gateway, record
from bench.files import write_whole
from bench.load import LOADGEN
from bench.peers.catalogue import BENCH, PEERS
from bench.plan import FULL, QUICK, Plan
from bench.rounds import Run
from bench.table import markdown

__all__ = ["main"]

EX_USAGE = 64


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    options = _options(arguments)
    if not LOADGEN.exists():
        print(f"{LOADGEN} is not built: make -C bench programs (it needs gcc)", file=sys.stderr)
        return EX_USAGE
    try:
        plan = _plan(options)
        hop = gateway.hop_from(options.gateway) if options.gateway else None
    except (ValueError, OSError) as error:
        print(f"bench: {error}", file=sys.stderr)
        return EX_USAGE
    results = Run(plan, hop, functools.partial(print, file=sys.stderr, flush=True)).results()
    _keep(results, options.results)
    return 0


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="bench.run", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="coarser, in under two minutes")
    parser.add_argument("--rounds", type=int, help="rounds instead of the plan's")
    parser.add_argument("--peers", help=f"some of: {','.join(peer.name for peer in PEERS)}")
    parser.add_argument("--gateway", help="URL of a gateway before a running echo-service")
    parser.add_argument(
        "--results", type=Path, default=BENCH / "results", help="folder for what is kept"
    )
    return parser.parse_args(arguments)


def _plan(options: argparse.Namespace) -> Plan:
    plan = QUICK if options.quick else FULL
    if options.rounds is not None:
        if options.rounds < 1:
            raise ValueError(f"--rounds is {options.rounds}; give 1 or more")
        plan = dataclasses.replace(plan, rounds=options.rounds)
    if options.peers:
        names = tuple(options.peers.split(","))
        unknown = set(names) - {peer.name for peer in PEERS}
        if unknown:
            known = ", ".join(peer.name for peer in PEERS)
            raise ValueError(f"--peers has {', '.join(sorted(unknown))}; there are {known}")
        plan = dataclasses.replace(plan, peers=names)
    return plan


def _keep(results: dict[str, Any], folder: Path) -> None:
    """Write figures, table and picture; print the table."""
    stem = record.stem(folder, results["commit"])
    data = stem.with_suffix(".json")
    record.write(data, results)
    # Of the figures as kept, so that whoever reads the file again gets the same table.
    text = markdown(record.read(data))
    print(text, end="")
    write_whole(stem.with_suffix(".md"), text)
    kept = [data, stem.with_suffix(".md")]
    if importlib.util.find_spec("matplotlib") is None:
        print("no picture: matplotlib is not installed (make -C bench setup)", file=sys.stderr)
    else:
        picture = stem.with_suffix(".svg")
        # In a process of its own: the tests run without matplotlib.
        subprocess.run(  # noqa: S603 - our own module
            [sys.executable, "-m", "bench.plot", str(data), str(picture)], check=True, timeout=120
        )
        kept.append(picture)
    print("kept: " + ", ".join(str(path) for path in kept), file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
