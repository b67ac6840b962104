"""Fixture for a stack whose echo-service has a handler."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import pytest

from tools.processes import ProcessStack

Start = Callable[..., ProcessStack]


@pytest.fixture
def start() -> Iterator[Start]:
    """Return a function that starts a stack with settings of echo-service."""
    with contextlib.ExitStack() as running:

        def started(**settings: str) -> ProcessStack:
            stack = running.enter_context(ProcessStack({"echo-service": settings}))
            stack.wait_ready()
            return stack

        yield started
