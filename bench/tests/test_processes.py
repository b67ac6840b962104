"""What the kernel says of time."""

from __future__ import annotations

import subprocess
import sys
import time

import pytest

from bench.processes import Cores, pinned, stolen_seconds, waited_seconds

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


def test_a_process_that_is_gone_waits_for_nothing() -> None:
    """A process that ended in the meantime does not end the measurement."""
    assert waited_seconds([2**22 - 1]) == 0


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
def test_what_was_stolen_adds_up_over_cores() -> None:
    """The whole machine's is at least each core's; a core that is not there has none."""
    cores = Cores().usable
    single = [stolen_seconds([core]) for core in cores]
    assert stolen_seconds(cores) >= max(single) >= 0
    assert stolen_seconds([99999]) == 0
