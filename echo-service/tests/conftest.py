"""What the tests share."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from echo_service.server import EchoService
from echo_service.settings import Settings


@pytest.fixture
def settings() -> Settings:
    """A service's settings for a test: any free port."""
    return Settings(port=0)


@pytest.fixture
async def service(settings: Settings) -> AsyncIterator[EchoService]:
    """A running service."""
    async with EchoService(settings) as running:
        yield running
