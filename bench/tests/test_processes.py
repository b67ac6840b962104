"""Processes on cores."""

from __future__ import annotations

import subprocess
import sys
import time

from phone.load import waited_seconds

from bench.processes import Cores, pinned

BUSY = "while True: pass"


def test_a_process_that_shares_its_core_waits() -> None:
    """Two busy processes on one core: each waits while the other runs."""
    core = Cores().server
    command = [sys.executable, "-c", BUSY]
    processes = [subprocess.Popen(command, preexec_fn=pinned(core)) for _ in range(2)]
    try:
        deadline = time.monotonic() + 20
        while min(waited_seconds([process.pid]) for process in processes) < 0.1:
            assert time.monotonic() < deadline, "neither waits"
            time.sleep(0.05)
    finally:
        for process in processes:
            process.kill()
            process.wait()
