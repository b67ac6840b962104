"""Processes and cores: processor time, memory, placement."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path

__all__ = [
    "Cores",
    "cpu_seconds",
    "memory_bytes",
    "pinned",
    "tree",
]


class Cores:
    """The usable cores, and which one server and load generator get.

    With one core only, server and load share it, and the figures are of little worth.
    """

    def __init__(self) -> None:
        self.usable = sorted(os.sched_getaffinity(0))

    @property
    def server(self) -> int:
        """The core of the server under test."""
        return self.usable[0]

    @property
    def load(self) -> int:
        """The core of the load generator."""
        return self.usable[min(1, len(self.usable) - 1)]


def pinned(core: int) -> Callable[[], None]:
    """Return a `preexec_fn` that pins a child, with all its threads, to a core."""

    def pin() -> None:
        os.sched_setaffinity(0, {core})

    return pin


def tree(pid: int) -> list[int]:
    """Return the ids of a process and all its descendants."""
    found = [pid]
    for parent in found:
        try:
            tasks = list(Path(f"/proc/{parent}/task").iterdir())
            for task in tasks:
                found += [int(child) for child in (task / "children").read_text().split()]
        except OSError:
            continue
    return found


def cpu_seconds(pids: Iterable[int]) -> float:
    """Return the processor time of living threads of processes, user and kernel, in seconds.

    /proc's schedstat counts nanoseconds; a kernel without it counts hundredths of a second.
    """
    return sum(_cpu_seconds(pid) for pid in pids)


def _cpu_seconds(pid: int) -> float:
    try:
        return (
            sum(
                int((task / "schedstat").read_text().split()[0])
                for task in Path(f"/proc/{pid}/task").iterdir()
            )
            / 1e9
        )
    except OSError:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def memory_bytes(pids: Iterable[int]) -> int:
    """Return the memory of processes: private pages, and their share of those they share (PSS)."""
    return sum(_memory_bytes(pid) for pid in pids)


def _memory_bytes(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    raise OSError(f"/proc/{pid}/smaps_rollup has no Pss")
