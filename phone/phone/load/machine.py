"""Processor time that other work took from a measurement, as the Linux kernel reports it."""

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

__all__ = ["OtherWork", "stolen_seconds", "waited_seconds"]

PROC = Path("/proc")


def stolen_seconds(cores: Iterable[int] | None = None) -> float:
    """Return the time for which the hypervisor kept cores that had work from running, in seconds.

    Source: proc_stat(5), the eighth figure of a core (`steal`). It has a resolution of 10 ms.

    Args:
        cores: which ones; None means all cores together.

    Raises:
        OSError: this system has no /proc/stat.

    """
    names = {"cpu"} if cores is None else {f"cpu{core}" for core in cores}
    lines = (line.split() for line in (PROC / "stat").read_text("ascii").splitlines())
    ticks = sum(int(fields[8]) for fields in lines if fields and fields[0] in names)
    return ticks / os.sysconf("SC_CLK_TCK")


def waited_seconds(pids: Iterable[int]) -> float:
    """Return the time for which processes could have run but had no processor, in seconds.

    Source: the second number of schedstat, in ns, over all threads. 0 for a process that has ended,
    and on a kernel without /proc/*/schedstat.
    """
    return sum(_waited_seconds(pid) for pid in pids)


def _waited_seconds(pid: int) -> float:
    try:
        threads = list((PROC / str(pid) / "task").iterdir())
        waits = [int((thread / "schedstat").read_text("ascii").split()[1]) for thread in threads]
    except OSError:
        return 0.0
    return sum(waits) / 1e9


@dataclass(frozen=True)
class OtherWork:
    """Processor time taken by other work, since the machine or this process started.

    Args:
        stolen: seconds that the hypervisor took from all cores together; None: not known.
        waited: seconds that this process's threads waited for a processor; None: not known.

    """

    stolen: float | None
    waited: float | None

    @classmethod
    def now(cls) -> "OtherWork":
        """Read both figures from the kernel."""
        pid = os.getpid()
        try:
            stolen = stolen_seconds()
        except OSError:
            stolen = None
        known = (PROC / str(pid) / "schedstat").exists()
        return cls(stolen, waited_seconds([pid]) if known else None)

    def __sub__(self, earlier: "OtherWork") -> "OtherWork":
        return OtherWork(
            _difference(self.stolen, earlier.stolen), _difference(self.waited, earlier.waited)
        )

    def together(self, other: "OtherWork") -> "OtherWork":
        """Return what two processes of one machine saw: the same steal, and the sum of waits."""
        stolen = [one.stolen for one in (self, other) if one.stolen is not None]
        waited = [one.waited for one in (self, other) if one.waited is not None]
        return OtherWork(max(stolen, default=None), sum(waited) if waited else None)

    def as_dict(self) -> dict[str, float | None]:
        """Return both for JSON."""
        return {"stolen_seconds": self.stolen, "waited_seconds": self.waited}


def _difference(later: float | None, earlier: float | None) -> float | None:
    return None if later is None or earlier is None else max(0.0, later - earlier)
