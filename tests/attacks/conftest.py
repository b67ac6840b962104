"""Fixture with the outcome of the battery."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.attacks.attacked import Battery, attack_stack
from tests.attacks.kinds import KINDS


@pytest.fixture(scope="session", params=list(KINDS))
def battery(request: pytest.FixtureRequest) -> Iterator[Battery]:
    """Yield the outcome of all attacks on one stack with tickets and signed webhooks."""
    if request.param == "compose":
        request.getfixturevalue("engine")
    with KINDS[request.param].start() as stack:
        stack.wait_ready()
        yield attack_stack(stack)
