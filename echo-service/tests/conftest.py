"""What the tests share."""

from __future__ import annotations

import asyncio
import dataclasses
import io
import logging
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import pytest
import uvloop
from echo_service.logs import set_up
from echo_service.service import EchoService
from echo_service.settings import Settings
from hypothesis import HealthCheck, settings

# How long an example takes is this machine's affair, which may freeze at any of them.
settings.register_profile("frozen", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("frozen")

Start = Callable[..., AbstractAsyncContextManager[EchoService]]


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """Run what needs the service on the loop that it has in real life."""
    names = getattr(item, "fixturenames", ())
    if "start" in names:
        return {"uvloop": uvloop.new_event_loop}
    return {"asyncio": asyncio.new_event_loop}


@pytest.fixture(params=["auto", "library"])
def engine(request: pytest.FixtureRequest) -> str:
    """Every test of the service runs with the fast path and with the documented one."""
    return str(request.param)


@pytest.fixture
def start(engine: str) -> Start:
    """A function that starts a service on any free port, with settings of its own."""

    @asynccontextmanager
    async def starter(**changes: Any) -> AsyncIterator[EchoService]:
        settings = dataclasses.replace(Settings(), port=0, echo_engine=engine, **changes)
        async with EchoService(settings) as running:
            yield running

    return starter


@pytest.fixture
async def service(start: Start) -> AsyncIterator[EchoService]:
    """A running service with the default settings."""
    async with start() as running:
        yield running


@pytest.fixture
def lines() -> Iterator[Callable[[], list[str]]]:
    """A function that gives the lines logged so far, without their time."""
    root = logging.getLogger()
    before = root.handlers, root.level
    stream = io.StringIO()
    set_up("debug", stream=stream)
    yield lambda: [line.partition(" ")[2] for line in stream.getvalue().splitlines()]
    root.handlers, root.level = before
