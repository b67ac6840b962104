"""`make softphone`, beside a stack that runs in Compose and without one."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


def started(folder: Path, docker: str, *arguments: str) -> subprocess.Popen[str]:
    """Start it where `docker` is this shell script."""
    program = folder / "docker"
    program.write_text(f"#!/bin/sh\n{docker}\n")
    program.chmod(0o755)
    return subprocess.Popen(
        [sys.executable, "-m", "tools.softphone", *arguments],
        cwd=ROOT,
        env=os.environ | {"PATH": f"{folder}:{os.environ['PATH']}"},
        stdout=subprocess.PIPE,
        text=True,
    )


def test_without_a_stack_it_starts_one(tmp_path: Path) -> None:
    """Both services are ready in its page; a signal to it alone ends all of it."""
    with started(tmp_path, "exit 0", "--port", "0") as process:
        try:
            assert process.stdout is not None
            url = process.stdout.readline().removeprefix("softphone ").strip()
            with urllib.request.urlopen(f"{url}status", timeout=60) as reply:
                status = json.load(reply)
            ready = {service["name"]: service["status"] for service in status["services"]}
            assert ready == {"echo-service": 200, "ncco-service": 200}
            assert status["calls"]["reply"]["calls"] == []
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    with pytest.raises(OSError, match="refused"):
        urllib.request.urlopen(url, timeout=60)


def test_beside_a_stack_in_compose_it_calls_that(tmp_path: Path) -> None:
    """From a container, whose page is published on loopback only, and shows the stack."""
    running = (
        'case "$2" in ps) printf "%s\\n" gateway ncco-service echo-service;; *) echo "$@";; esac'
    )
    with started(tmp_path, running, "--port", "8099") as process:
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert "127.0.0.1:8099:8099 phone serve" in said
    assert "--calls http://echo-service:9001/calls --port 8099" in said
    assert said.count("--readiness ") == 2
