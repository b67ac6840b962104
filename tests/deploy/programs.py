"""Programs that are not Python's, and may be missing."""

from __future__ import annotations

import os
import shutil

import pytest

__all__ = ["program"]

PACKAGES = {"kubectl": "kubernetes-client", "promtool": "prometheus", "prometheus": "prometheus"}


def program(name: str) -> str:
    """Return the path of a program; skip without it, or fail when REQUIRE_DOCKER=1."""
    if path := shutil.which(name):
        return path
    advice = f"{name} is not on the PATH; on Debian: apt-get install {PACKAGES[name]}"
    if os.environ.get("REQUIRE_DOCKER") == "1":
        pytest.fail(advice, pytrace=False)
    pytest.skip(advice)
