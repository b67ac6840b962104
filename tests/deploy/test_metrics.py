"""Dashboards and alert rules ask for what the services export, and get it."""

from __future__ import annotations

import functools
import json
import math
import re
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.compose import ComposeStack
from tests.deploy.programs import program
from tests.deploy.prometheus import DASHBOARDS, HOME, Prometheus, expressions, metrics_in
from tests.engine import docker, free_port
from tests.placing import place
from tests.waiting import until
from tools.processes import ProcessStack
from tools.stack import StackError

PROMETHEUS_OWN = {"up", "ALERTS"}
LATE = {"FramesLate", "HandlerTooSlow", "LoopBlocked", "HandlerBlocksLoop", "CoreUsedUp"}
"""Rules about time, which a busy machine can set off; rules_test.yml shows when they keep quiet."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProcessStack]:
    """Yield both services, recording, so that they export all they can."""
    folder = str(tmp_path_factory.mktemp("recordings"))
    with ProcessStack({"echo-service": {"RECORD": "1", "RECORDINGS_DIR": folder}}) as stack:
        stack.wait_ready()
        yield stack


@pytest.fixture(scope="module")
def target(stack: ProcessStack) -> str:
    """Return host and port of echo-service's metrics."""
    found = re.search(r"url=http://(127\.0\.0\.1:\d+)", metrics_line(stack))
    assert found
    return found[1]


def metrics_line(stack: ProcessStack) -> str:
    """Return the log line that says where the metrics are."""
    (line,) = [x for x in stack.logs("echo-service").splitlines() if "metrics" in x.lower()]
    return line


def test_rules_do_as_their_tests_say() -> None:
    """Each alert fires in its case, none does when all is well; the configuration is valid."""
    for command in (["check", "config", "prometheus.yml"], ["test", "rules", "rules_test.yml"]):
        done = subprocess.run(
            [program("promtool"), *command], cwd=HOME, capture_output=True, text=True, timeout=60
        )
        assert done.returncode == 0, done.stdout + done.stderr
    tests = (HOME / "rules_test.yml").read_text()
    for alert in re.findall(r"alert: (\w+)", (HOME / "rules.yml").read_text()):
        assert re.search(rf"alertname: {alert}\n +exp_alerts:", tests), f"{alert} never fires"
        assert f"alertname: {alert}}}" in tests, f"{alert} is never quiet"


def test_every_metric_that_is_asked_for_is_exported(stack: ProcessStack, target: str) -> None:
    """No dashboard and no rule names a metric that the running service does not have."""
    (outcome,) = place(stack, "--seconds", "1")
    outcome.assert_worked()
    with urllib.request.urlopen(f"http://{target}/metrics", timeout=10) as response:
        exported = set(re.findall(r"^([a-z_]+)[ {]", response.read().decode(), re.MULTILINE))
    asked = {name: metrics_in(expression) for name, expression in expressions()}
    assert min(len(names) for names in asked.values()) > 0
    missing = {where: names - exported - PROMETHEUS_OWN for where, names in asked.items()}
    assert {where: names for where, names in missing.items() if names} == {}


def has_data(prometheus: Prometheus, expression: str) -> bool:
    """Tell whether an expression has a value that is a number."""
    values = [float(each["value"][1]) for each in prometheus.query(expression)]
    return any(map(math.isfinite, values))


def test_every_query_returns_data(stack: ProcessStack, target: str) -> None:
    """A real Prometheus has an answer to each panel during a call, and no rule fails.

    When the service is gone, the rule that calls somebody begins to count.
    """
    with Prometheus(target) as prometheus:
        place(stack, "--seconds", "1")
        (outcome,) = place(stack, "--seconds", "4")
        outcome.assert_worked()
        for where, expression in expressions():
            if where in prometheus.rules():
                continue
            asked = expression.replace("$__rate_interval", "20s")
            # A rate needs two scrapes after the end of the call.
            answered = functools.partial(has_data, prometheus, asked)
            until(answered, f"{where} ({asked}) to have data")
        rules = prometheus.rules()
        assert {rule["health"] for rule in rules.values()} == {"ok"}, rules
        loud = [name for name, rule in rules.items() if rule["state"] != "inactive"]
        assert set(loud) <= LATE
        stack.kill("echo-service")
        try:
            until(
                lambda: prometheus.rules()["NoEchoService"]["state"] == "pending",
                "the alert to be pending",
            )
        finally:
            stack.start("echo-service")


@pytest.mark.parametrize("file", DASHBOARDS, ids=lambda file: file.stem)
def test_a_dashboard_is_well_formed(file: Path) -> None:
    """Its data source can be chosen, its panels do not overlap, and each has a name and a unit."""
    board = json.loads(file.read_text())
    (variable,) = board["templating"]["list"]
    assert (variable["name"], variable["type"]) == ("datasource", "datasource")
    cells: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        assert panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"]
        for source in (panel, *panel["targets"]):
            assert source["datasource"]["uid"] == "${datasource}"
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        own = {(x, y) for x in range(at["x"], at["x"] + at["w"])
               for y in range(at["y"], at["y"] + at["h"])}  # fmt: skip
        assert not own & cells, panel["title"]
        cells |= own
    ids = [panel["id"] for panel in board["panels"]]
    assert len(set(ids)) == len(ids)
    assert board["uid"].startswith("caw-")


@pytest.fixture
def base(engine: None, tmp_path: Path) -> Iterator[str]:
    """Yield Prometheus' image, or one of the program on this machine where it cannot be pulled."""
    found = re.search(r"PROMETHEUS_IMAGE=(\S+)", (HOME / "Dockerfile").read_text())
    assert found
    try:
        docker("pull", "--quiet", found[1])
    except StackError:
        for name in ("prometheus", "promtool"):
            shutil.copy(program(name), tmp_path)
        text = (
            "FROM caddy:2\nCOPY prometheus promtool /bin/\n"
            "RUN mkdir -p /etc/prometheus /prometheus && chown 65534:65534 /prometheus\n"
        )
        (tmp_path / "Dockerfile").write_text(text)
        docker("build", "--quiet", "--tag", "caw-test-prometheus", str(tmp_path))
        yield "caw-test-prometheus"
        docker("rmi", "--force", "caw-test-prometheus")
    else:
        yield found[1]


def test_prometheus_in_compose_finds_the_service(base: str) -> None:
    """With the profile on it asks echo-service by its name, and has the rules."""
    port = free_port()
    env = {"PROMETHEUS_IMAGE": base, "PROMETHEUS_PORT": str(port), "COMPOSE_PROFILES": "metrics"}
    with ComposeStack(env=env, start=False) as stack:
        stack.up("prometheus", "echo-service")

        def answer(path: str) -> str:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as response:
                return str(response.read().decode())

        until(lambda: '"health":"up"' in answer("/api/v1/targets"), "the target to be up", 60)
        assert "NoEchoService" in answer("/api/v1/rules")
