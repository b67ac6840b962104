"""Fixtures of the bench's tests."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from bench.peers.catalogue import BENCH


@pytest.fixture(scope="session", autouse=True)
def programs() -> None:
    """Build the load generator and the C echo once; skip where there is no compiler."""
    if shutil.which("gcc") is None or shutil.which("make") is None:
        pytest.skip("the load generator is built with gcc and make, which are not on the PATH")
    subprocess.run(["make", "-s", "-C", str(BENCH), "programs"], check=True, timeout=60)
