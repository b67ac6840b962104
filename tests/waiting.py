"""Waiting for a condition, with a bound."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["pass_time", "until"]


def until(condition: Callable[[], bool], what: str, seconds: float = 60.0) -> None:
    """Wait until `condition` holds; fail when it does not within `seconds`."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds:g} s for {what}"
        time.sleep(0.02)


def pass_time(seconds: float) -> None:
    """Let time pass, for what has no other sign: a caller's talk."""
    time.sleep(seconds)
