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


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Allow more time for these tests: the first may have to build the images."""
    for item in items:
        if "tests/containers/" in item.path.as_posix() and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(240))
