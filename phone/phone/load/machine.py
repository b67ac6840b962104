"""What the machine did besides: processor time that a load wanted and others had."""

import os
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Besides"]

STAT = Path("/proc/stat")
SCHEDSTAT = Path("/proc/thread-self/schedstat")


@dataclass(frozen=True)
class Besides:
    """Times since the machine, or this thread, started; only Linux tells them.

    Args:
        stolen: seconds that the hypervisor gave to others while this machine wanted to run, over
            all its cores (`steal`, proc_stat(5)); None where it is not told.
        waited: seconds that this thread waited for a processor which others of this machine
            had (the second number of `schedstat`, in ns); None where it is not told.
    """

    stolen: float | None
    waited: float | None

    @classmethod
    def now(cls) -> "Besides":
        """Read both."""
        return cls(_stolen(), _waited())

    def __sub__(self, earlier: "Besides") -> "Besides":
        return Besides(
            _minus(self.stolen, earlier.stolen),
            _minus(self.waited, earlier.waited),
        )

    def together(self, other: "Besides") -> "Besides":
        """Return what two processes of one machine saw: one theft, and the sum of their waits."""
        stolen = [one.stolen for one in (self, other) if one.stolen is not None]
        waited = [one.waited for one in (self, other) if one.waited is not None]
        return Besides(max(stolen, default=None), sum(waited) if waited else None)

    def as_dict(self) -> dict[str, float | None]:
        """Return both for JSON."""
        return {"stolen_seconds": self.stolen, "waited_seconds": self.waited}


def _minus(later: float | None, earlier: float | None) -> float | None:
    return None if later is None or earlier is None else max(0.0, later - earlier)


def _stolen() -> float | None:
    try:
        fields = STAT.read_text("ascii").split("\n", 1)[0].split()
        return int(fields[8]) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return None


def _waited() -> float | None:
    try:
        return int(SCHEDSTAT.read_text("ascii").split()[1]) / 1e9
    except (OSError, ValueError, IndexError):
        return None
