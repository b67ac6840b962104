"""The machine and the software of a measurement."""

from __future__ import annotations

import datetime
import importlib.metadata
import os
import platform
import shutil
import subprocess
from pathlib import Path
from typing import Any

__all__ = ["commit", "described", "load_average", "provenance", "versions"]

PACKAGES = ("websockets", "uvloop", "picows", "aiohttp", "tornado", "flask", "gunicorn")


def described() -> dict[str, str | int]:
    """Return the processor, the number of usable cores, kernel and Python."""
    cpu = next(
        (
            line.partition(":")[2].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if line.startswith("model name")
        ),
        platform.machine(),
    )
    return {
        "cpu": cpu,
        "cores": len(os.sched_getaffinity(0)),
        "kernel": platform.release(),
        "python": platform.python_version(),
    }


def provenance() -> dict[str, Any]:
    """Return date, commit, machine and versions, for the head of a figures file."""
    return {
        "date": datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d"),
        "commit": commit(),
        "machine": described(),
        "versions": versions(),
    }


def versions() -> list[str]:
    """Return name and version of every measured package that is installed."""
    found = []
    for package in PACKAGES:
        try:
            found.append(f"{package} {importlib.metadata.version(package)}")
        except importlib.metadata.PackageNotFoundError:
            continue
    if node := shutil.which("node"):
        found.append(f"Node {_output(node, '--version').removeprefix('v')}")
    return found


def commit() -> str:
    """Return the short name of the commit that is checked out, or `unknown`."""
    git = shutil.which("git")
    name = (
        _output(git, "-C", str(Path(__file__).parent), "rev-parse", "--short", "HEAD")
        if git
        else ""
    )
    return name or "unknown"


def load_average() -> float:
    """Return the one-minute load average."""
    return os.getloadavg()[0]


def _output(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)  # noqa: S603 - fixed commands
    return done.stdout.strip() if done.returncode == 0 else ""
