"""Fixtures of the tests that need containers."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.compose import ComposeStack


@pytest.fixture(scope="session", autouse=True)
def needs_engine(engine: None) -> None:
    """Skip all of these where there is no engine; see `tests/conftest.py`."""


@pytest.fixture(scope="session")
def running() -> Iterator[ComposeStack]:
    """Yield one stack for all tests that do not change it."""
    with ComposeStack() as stack:
        stack.wait_ready()
        yield stack
