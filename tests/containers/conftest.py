"""What the cases that need containers share."""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator
from typing import Any

import pytest

from tools.compose import ComposeStack, unavailable


@pytest.fixture(scope="session", autouse=True)
def engine() -> None:
    """Skip where no engine answers, or fail when the environment has REQUIRE_DOCKER=1."""
    if reason := unavailable():
        if os.environ.get("REQUIRE_DOCKER") == "1":
            pytest.fail(f"REQUIRE_DOCKER=1, but there is no engine: {reason}", pytrace=False)
        pytest.skip(f"needs a Docker engine with Compose: {reason}")


@pytest.fixture(scope="session")
def running() -> Iterator[ComposeStack]:
    """Yield one stack for all cases that leave it as they found it."""
    with ComposeStack() as stack:
        stack.wait_ready()
        yield stack


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give these cases time: the first may have to build the images."""
    for item in items:
        if "tests/containers/" in item.path.as_posix() and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(240))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep the containers' logs when a case fails, and say where."""
    report = yield
    if report.failed:
        arguments: dict[str, Any] = getattr(item, "funcargs", {})
        for stack in arguments.values():
            if isinstance(stack, ComposeStack):
                report.sections.append(("containers", f"their logs are in {stack.save_logs()}"))
    return report
