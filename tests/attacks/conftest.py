"""What came of the battery, for all cases that look at it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from tests.attacks.attacked import SETTINGS, Battery, Settings, attack_stack
from tools.processes import ProcessStack
from tools.stack import Stack

KINDS: dict[str, Callable[[Settings], AbstractContextManager[Stack]]] = {"processes": ProcessStack}


@pytest.fixture(scope="session", params=sorted(KINDS))
def battery(request: pytest.FixtureRequest) -> Iterator[Battery]:
    """Yield the outcome of all attacks on one stack with tickets and signed webhooks."""
    with KINDS[request.param](SETTINGS) as stack:
        stack.wait_ready()
        yield attack_stack(stack)
