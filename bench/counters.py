"""Instructions that a process executes, counted by hardware or by valgrind."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from bench import processes

__all__ = [
    "Counters",
    "Instructions",
    "Switched",
    "valgrind_command",
    "valgrind_instructions",
]

EVENTS = ("instructions:u", "instructions:k")


@dataclass(frozen=True)
class Instructions:
    """Instructions executed, in user space and in the kernel (None: not counted)."""

    user: float
    kernel: float | None


class Counters:
    """Hardware counters through `perf stat`.

    Args:
        events: for perf: user's, kernel's.

    """

    def __init__(self, events: tuple[str, str] = EVENTS) -> None:
        self._events = events
        self._perf = shutil.which("perf") or ""
        self.why_not = self._try()

    def _try(self) -> str | None:
        if not self._perf:
            return "perf is not on the PATH"
        done = subprocess.run(  # noqa: S603 - perf, on `true`
            [self._perf, "stat", "-x,", "-e", ",".join(self._events), "true"],
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        if done.returncode:
            return f"perf: {done.stderr.strip().splitlines()[-1] if done.stderr else 'failed'}"
        if any("<not" in line for line in done.stderr.splitlines()):
            return "this machine has no hardware counters (perf: not supported)"
        return None

    @contextlib.contextmanager
    def attached(self, pid: int) -> Iterator[Attached]:
        """Attach to a process and its children, without counting yet."""
        with tempfile.NamedTemporaryFile("r") as output:
            attached = Attached(self._perf, processes.tree(pid), self._events, Path(output.name))
            try:
                yield attached
            finally:
                attached.end()


class Attached:
    """Counters attached to a process. They count between `start` and `stop`."""

    def __init__(self, perf: str, pids: list[int], events: tuple[str, str], output: Path) -> None:
        self._events = events
        self._output = output
        control, self._control = os.pipe()
        self._acknowledged, acknowledge = os.pipe()
        self._process = subprocess.Popen(  # noqa: S603 - perf, on our own server
            [
                perf,
                "stat",
                "--delay=-1",
                f"--control=fd:{control},{acknowledge}",
                "-x,",
                f"--output={output}",
                f"--event={','.join(events)}",
                f"--pid={','.join(map(str, pids))}",
            ],
            pass_fds=(control, acknowledge),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(control)
        os.close(acknowledge)

    def start(self) -> None:
        """Start counting."""
        self._tell(b"enable\n")

    def stop(self) -> None:
        """Stop counting."""
        self._tell(b"disable\n")

    def read(self) -> Instructions:
        """Detach and return the counts."""
        self.end()
        found: dict[str, float] = {}
        for line in self._output.read_text().splitlines():
            fields = line.split(",")
            if len(fields) > 2 and fields[2] in self._events:
                found[fields[2]] = float(fields[0])
        user, kernel = (found[event] for event in self._events)
        return Instructions(user, kernel)

    def end(self) -> None:
        """Let perf write its counts, and end it."""
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(10)
            os.close(self._control)
            os.close(self._acknowledged)

    def _tell(self, command: bytes) -> None:
        os.write(self._control, command)
        os.read(self._acknowledged, 16)


def valgrind_command(output: Path) -> tuple[str, ...]:
    """Return the prefix of a command whose user instructions valgrind is to count."""
    return (
        "valgrind",
        "--tool=cachegrind",
        "--cache-sim=no",
        f"--cachegrind-out-file={output}",
    )


def valgrind_instructions(output: Path) -> Instructions:
    """Read valgrind's count of a whole run."""
    for line in output.read_text().splitlines():
        if line.startswith("summary:"):
            return Instructions(float(line.split()[1]), None)
    raise ValueError(f"{output} has no summary: valgrind did not end well")


class Switched:
    """valgrind's count of user instructions, of a server's processes and only while it is on.

    Args:
        folder: for its files.

    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.command = (
            "valgrind",
            "--tool=callgrind",
            "--instr-atstart=no",
            "--trace-children=yes",
            f"--callgrind-out-file={folder}/%p",
        )
        """Prefix of the server's command."""

    def switch(self, pid: int, state: str) -> None:
        """Turn counting "on" or "off" in a process and its descendants."""
        for each in processes.tree(pid):
            subprocess.run(  # noqa: S603 - part of valgrind
                [shutil.which("callgrind_control") or "", "-i", state, str(each)],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=60,
                check=True,
            )

    def read(self) -> Instructions:
        """Return the count, once the server has ended."""
        lines = [line for file in self._folder.iterdir() for line in file.read_text().splitlines()]
        totals = [float(line.split()[1]) for line in lines if line.startswith("totals:")]
        return Instructions(sum(totals), None)
