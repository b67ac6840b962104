"""The stack that the whole-stack cases run against, in each of its kinds."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from tools.processes import ProcessStack
from tools.stack import Stack

KINDS: dict[str, Callable[[], AbstractContextManager[Stack]]] = {"processes": ProcessStack}


@pytest.fixture(scope="session", params=sorted(KINDS))
def stack(request: pytest.FixtureRequest) -> Iterator[Stack]:
    """Yield one running stack for all cases that leave it as they found it."""
    with KINDS[request.param]() as running:
        running.wait_ready()
        yield running


@pytest.fixture(params=sorted(KINDS))
def own_stack(request: pytest.FixtureRequest) -> Iterator[Stack]:
    """Yield a stack of the case's own, to be broken."""
    with KINDS[request.param]() as running:
        running.wait_ready()
        yield running
