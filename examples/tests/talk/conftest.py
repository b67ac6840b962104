"""An echo-service whose handler is the assistant, and fake models."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator

import pytest

from tools.processes import ProcessStack

from .model import FakeModel


@pytest.fixture
def model() -> Iterator[Callable[..., FakeModel]]:
    """Return what starts a fake model that answers so, with more arguments of its command line."""
    with contextlib.ExitStack() as running:

        def started(answer: str = "polite", *arguments: str) -> FakeModel:
            fake = FakeModel("--answer", answer, "--delay", "0.05", *arguments)
            running.callback(fake.close)
            return fake

        yield started


@pytest.fixture
def serve(start: Callable[..., ProcessStack]) -> Callable[..., str]:
    """Return what starts a stack with the assistant, and returns the URL of its socket."""

    def served(fake: FakeModel | str, cores: str = "", **settings: str) -> str:
        url = fake if isinstance(fake, str) else fake.url
        stack = start("assistant.handler:assistant", REALTIME_URL=url, **settings)
        if cores:
            os.sched_setaffinity(
                stack.pid("echo-service"), {int(core) for core in cores.split(",")}
            )
        return stack.socket_url

    return served
