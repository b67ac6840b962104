"""A service observed from outside: memory and files of its processes, and its log."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterable
from pathlib import Path

from tests.attacks.floods import FORGED
from tests.attacks.kinds import Part
from tests.attacks.target import require
from tools.stack import Stack

__all__ = ["Processes", "check_log", "processes_of"]

PROC = Path("/proc")
PAGE = os.sysconf("SC_PAGE_SIZE")

LINE = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z (DEBUG|INFO|WARNING|ERROR) [a-z_]+"
    r'( [a-z_]+=("([^"\\]|\\.)*"|[^\s"=]*(=[^\s"]*)?))*'
)
"""A logfmt line as both services write it."""

OWNERS_ERRORS = ("answer_refused",)
"""Events at level ERROR that a caller may cause; any other is a fault in the service."""

LOG_BYTES = 4 * 2**20
"""What a battery of floods may write to a log."""


class Processes:
    """A process and all its descendants."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def memory(self) -> int:
        """Return the bytes of memory that they hold together (resident set)."""
        total = 0
        for pid in self._all():
            with contextlib.suppress(OSError):
                total += int((PROC / str(pid) / "statm").read_text().split()[1]) * PAGE
        return total

    def files(self) -> int:
        """Return how many file descriptors they have open together."""
        total = 0
        for pid in self._all():
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                total += len(os.listdir(PROC / str(pid) / "fd"))
        return total

    def alive(self) -> bool:
        """Return whether the first of them still runs."""
        return (PROC / str(self.pid)).exists()

    def _all(self) -> list[int]:
        parents: dict[int, int] = {}
        for entry in PROC.iterdir():
            if entry.name.isdigit():
                with contextlib.suppress(OSError):
                    stat = (entry / "stat").read_text()
                    parents[int(entry.name)] = int(stat.rpartition(")")[2].split()[1])
        family = [self.pid]
        for pid in family:
            family += [child for child, parent in parents.items() if parent == pid]
        return family


def processes_of(stack: Stack, service: Part) -> Processes | None:
    """Return the processes of a service, or None where they are not visible."""
    if pid := getattr(stack, "pid", None):
        return Processes(pid(service))
    if inspect := getattr(stack, "inspect", None):
        found = int(inspect(service)["State"]["Pid"])
        readable = os.access(PROC / str(found) / "fd", os.R_OK)
        return Processes(found) if readable else None
    return None


def check_log(log: str, known: Iterable[str] = ()) -> None:
    """Raise unless a service's log is what it should be after the battery.

    Every line is one of the service's own, on one line, printable, without secrets, and there
    are few of them.

    Args:
        log: all of it.
        known: secrets that must not be in it.

    """
    raw = sorted({hex(ord(char)) for char in log if char != "\n" and not " " <= char <= "~"})
    require(not raw, f"the log holds {raw} as they came")
    lines = log.split("\n")
    forged = [line for line in lines if line.startswith("2026-01-01") or line.startswith(FORGED)]
    require(not forged, f"{len(forged)} forged lines, such as {forged[:1]}")
    strange = [line for line in lines if line and not LINE.fullmatch(line)]
    require(not strange, f"{len(strange)} lines are no logfmt, such as {strange[:2]}")
    faults = [line for line in lines if _is_fault(line)]
    require(not faults, f"{len(faults)} faults, such as {faults[:1]}")
    require(len(log) <= LOG_BYTES, f"the log has {len(log)} bytes")
    for secret in known:
        require(secret not in log, "a secret is in the log")


def _is_fault(line: str) -> bool:
    words = line.split(" ", 3)
    error = len(words) > 2 and words[1] == "ERROR" and words[2] not in OWNERS_ERRORS
    return error or "Traceback" in line
