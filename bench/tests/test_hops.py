"""What a call costs in a gateway: the arithmetic, and an engine that knows no such container."""

from __future__ import annotations

from typing import Any
from unittest.mock import Mock

import pytest

from bench import hops, load
from bench.hops import Container, measured
from bench.tests.test_gateway import REPORT


def test_costs_are_of_the_measured_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processor time between the generator's marks is divided by the frames that came back."""
    seconds = {(1,): iter([1.0, 3.0]), (2,): iter([5.0, 6.0])}
    monkeypatch.setattr(hops, "cpu_seconds", lambda pids: next(seconds[pids]))

    def run(*_: Any, at: Any, **__: Any) -> load.Report:
        at("measuring")
        at("measured")
        return REPORT

    monkeypatch.setattr(load, "run", run)
    gateway, service = Container("127.0.0.1", 1, (1,)), Container("127.0.0.1", 2, (2,))
    figures = measured(gateway, service, 100)
    assert figures["paced100_cpu_us"] == pytest.approx(2e6 / REPORT.echoed)
    assert figures["paced100_service_cpu_us"] == pytest.approx(1e6 / REPORT.echoed)


def test_an_engine_that_refuses_is_quoted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """What the engine said is all that is shown."""
    refused = Mock(returncode=1, stderr="no such object: nobody\n")
    monkeypatch.setattr("bench.hops.subprocess.run", Mock(return_value=refused))
    assert hops.main(["--service", "nobody"]) == 1
    assert capsys.readouterr().err == "gateway: docker inspect nobody: no such object: nobody\n"
