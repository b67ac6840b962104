"""What the cases of deploy/ share."""

from __future__ import annotations

import pytest


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give these cases time: the first may have to build the images."""
    for item in items:
        if "tests/deploy/" in item.path.as_posix() and not item.get_closest_marker("timeout"):
            item.add_marker(pytest.mark.timeout(240))
