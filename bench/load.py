"""Run the load generator and read its report."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from phone.load import LATE_MS

from bench import processes

__all__ = ["LOADGEN", "LoadError", "Report", "Times", "run"]

LOADGEN = Path(__file__).resolve().parent / "build" / "loadgen"
GENERATOR_LAG_MS = 1.0
"""When the generator sends its frames later than this (p99), it may be the bottleneck itself."""


class LoadError(Exception):
    """The load generator gave no report. Says what it printed."""


@dataclass(frozen=True)
class Times:
    """A distribution of times, in ms."""

    count: int
    p50: float
    p99: float
    p999: float
    max: float


@dataclass(frozen=True)
class Report:
    """Report of the load generator. `failure` is None when the peer behaved.

    `sent`, `echoed`, `late` and `skipped` are of the measured time, `frames_sent` and
    `frames_back` of the whole run.
    """

    mode: str
    calls: int
    depth: int
    seconds: float
    sent: int
    echoed: int
    late: int
    skipped: int
    frames_sent: int
    frames_back: int
    corrupted: int
    reordered: int
    texts: int
    bytes_sent: int
    handshakes: int
    delay_ms: Times
    lag_ms: Times
    handshake_ms: Times
    cpu_seconds: float
    windows: tuple[dict[str, float], ...]
    failure: str | None

    @classmethod
    def from_json(cls, text: str) -> Report:
        """Read the generator's output."""
        values: dict[str, Any] = json.loads(text)
        for name in ("delay_ms", "lag_ms", "handshake_ms"):
            values[name] = Times(**values[name])
        values["windows"] = tuple(values["windows"])
        return cls(**values)

    @property
    def generator_was_late(self) -> bool:
        """Whether the generator itself may have been the bottleneck."""
        return self.lag_ms.p99 > GENERATOR_LAG_MS


def run(
    mode: str,
    port: int,
    options: Mapping[str, float | str],
    *,
    core: int | None = None,
    host: str = "127.0.0.1",
    at: Callable[[str], None] = lambda mark: None,
) -> Report:
    """Run the generator once.

    Args:
        mode: paced, flood, handshakes, idle or deaf.
        port: of the server.
        options: the generator's own, such as `{"calls": 100, "seconds": 5}`; True is one without
            a value, and one that is False or empty is left out.
        core: to pin the generator to; None leaves it to the kernel.
        host: IPv4 address of the server.
        at: called with `open`, `measuring` and `measured` when it is that far.

    Raises:
        LoadError: it gave no report.

    """
    command = [str(LOADGEN), f"--host={host}", f"--late-ms={LATE_MS:g}"]
    for name, value in options.items():
        command += _argument(name.replace("_", "-"), value)
    with tempfile.TemporaryFile("w+") as output:
        with subprocess.Popen(  # noqa: S603 - our own program
            [*command, mode, str(port)],
            stdout=output,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=None if core is None else processes.pinned(core),
        ) as process:
            said: list[str] = []
            assert process.stderr is not None  # noqa: S101 - a pipe was asked for
            # The generator ends by itself, by its own alarm at the latest.
            for line in process.stderr:
                said.append(line)
                at(line.strip())
        output.seek(0)
        text = output.read()
    if not text:
        raise LoadError(
            f"{' '.join(command)} {mode} {port} ended with {process.returncode} and no report: "
            f"{''.join(said).strip()}"
        )
    return Report.from_json(text)


def _argument(name: str, value: float | str) -> list[str]:
    if isinstance(value, bool):
        return [f"--{name}"] if value else []
    if isinstance(value, str):
        return [f"--{name}={value}"] if value else []
    return [f"--{name}={value:g}"]
