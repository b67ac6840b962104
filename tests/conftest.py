"""Fixtures of the whole-stack tests: a stack of processes, and one of containers."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager
from typing import Any

import pytest

from tests.compose import ROOT, ComposeStack
from tests.engine import docker, unavailable
from tools.processes import ProcessStack
from tools.stack import SERVICES, Stack

KINDS: dict[str, Callable[[], AbstractContextManager[Stack]]] = {
    "processes": ProcessStack,
    "compose": ComposeStack,
}


@pytest.fixture(scope="session")
def engine() -> None:
    """Skip where there is no Docker engine; fail if the environment has REQUIRE_DOCKER=1."""
    if reason := unavailable():
        if os.environ.get("REQUIRE_DOCKER") == "1":
            pytest.fail(f"REQUIRE_DOCKER=1, but there is no engine: {reason}", pytrace=False)
        pytest.skip(f"needs a Docker engine with Compose: {reason}")


@pytest.fixture(scope="session")
def images(engine: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Build each image from its folder in a clone that only its owner can read; yield the names."""
    repository = f"caw-test-{secrets.token_hex(4)}"
    built = {}
    try:
        for folder in ("ncco-service", "echo-service", "gateway", "ready", "phone", "ngrok"):
            name = f"{repository}/{folder}:1"
            clone = tmp_path_factory.mktemp(folder) / "clone"
            ignored = shutil.ignore_patterns("__pycache__", ".venv", "node_modules")
            shutil.copytree(ROOT / folder, clone, ignore=ignored)
            for path in clone.rglob("*"):
                path.chmod(0o700 if path.is_dir() else 0o600)
            base = ("--build-arg", "NGROK_IMAGE=python:3.13-slim") if folder == "ngrok" else ()
            docker("build", "--quiet", *base, "--tag", name, str(clone))
            built[folder] = name
        yield built
    finally:
        docker("rmi", "--force", *built.values())


@pytest.fixture(scope="session", params=list(KINDS))
def stack(request: pytest.FixtureRequest) -> Iterator[Stack]:
    """Yield a running stack of each kind, for tests that do not change it."""
    if request.param == "compose":
        request.getfixturevalue("engine")
    with KINDS[request.param]() as running:
        running.wait_ready()
        yield running


@pytest.fixture
def fragile_stack(stack: Stack) -> Iterator[Stack]:
    """Yield a stack for tests that break it, and repair it afterwards."""
    yield stack
    for service in SERVICES:
        stack.start(service)
    stack.wait_ready()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Keep the containers' logs when a test fails, and say where."""
    report = yield
    if report.failed:
        arguments: dict[str, Any] = getattr(item, "funcargs", {})
        for stack in arguments.values():
            if isinstance(stack, ComposeStack):
                report.sections.append(("containers", f"their logs are in {stack.save_logs()}"))
    return report
