"""Dashboards and alert rules ask for what the services export, and get it."""

from __future__ import annotations

import functools
import json
import math
import re
import shutil
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.compose import ROOT, ComposeStack
from tests.deploy.outside import Outside
from tests.deploy.programs import program
from tests.deploy.prometheus import DASHBOARDS, HOME, Prometheus, expressions, metrics_in
from tests.deploy.scaling import SERIES
from tests.engine import docker, free_port
from tests.outbound.stack import SECRET, Keys
from tests.placing import place
from tests.waiting import until
from tools.processes import ProcessStack
from tools.stack import SERVICES, Service, StackError

PROMETHEUS_OWN = {"up", "ALERTS"}
KEYS = Keys()
LATE = {"FramesLate", "HandlerTooSlow", "LoopBlocked", "HandlerBlocksLoop", "CoreUsedUp"}
"""Rules about time, which a busy machine can set off; rules_test.yml shows when they keep quiet."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProcessStack]:
    """Yield both services with all that can be set, so that they export all they can."""
    echo = {"RECORD": "1", "RECORDINGS_DIR": str(tmp_path_factory.mktemp("recordings"))}
    with Outside() as outside:
        ncco = KEYS.settings(outside.url) | {
            "VONAGE_API_KEY": "a-key",
            "VONAGE_API_SECRET": "a-secret",
            "VONAGE_SIGNATURE_SECRET": SECRET,
            "NGROK_API_URL": outside.url,
            "PROBE_SOCKET": "0",
        }
        first: dict[Service, dict[str, str]] = {"echo-service": echo, "ncco-service": ncco}
        with ProcessStack(first) as stack:
            ncco["PUBLIC_URL"] = stack.base_url("ncco-service")
            ncco["ECHO_READY_URL"] = f"{stack.base_url('echo-service')}/readyz"
            assert stack.stop("ncco-service") == 0
            stack.start("ncco-service")
            stack.wait_ready()
            refused(stack, "/webhooks/answer", 401)
            refused(stack, "/nothing-here", 404)
            placed(stack)
            yield stack


def refused(stack: ProcessStack, path: str, status: int) -> None:
    """Ask ncco-service for what it refuses."""
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(stack.base_url("ncco-service") + path, timeout=60)
    assert error.value.code == status
    error.value.close()


def placed(stack: ProcessStack) -> None:
    """Place a call through the operator's interface."""
    url = re.findall(r" operator url=(\S+)", stack.logs("ncco-service"))[-1]
    request = urllib.request.Request(
        f"{url}/calls", b'{"to": "447700900123"}', {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        assert answer.status == 201


def call(stack: ProcessStack, seconds: int) -> None:
    """Place a signed call to the stack."""
    signed = ("--signature-secret", SECRET, "--api-key", "a-key")
    (outcome,) = place(stack, "--seconds", str(seconds), "--application-id", KEYS.id, *signed)
    outcome.assert_worked()


@pytest.fixture(scope="module")
def targets(stack: ProcessStack) -> dict[Service, str]:
    """Return host and port of each service's metrics."""
    return {
        service: re.findall(
            r"metrics_listening url=http://(127\.0\.0\.1:\d+)", stack.logs(service)
        )[-1]
        for service in SERVICES
    }


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


def test_kubernetes_has_the_same_rules() -> None:
    """They are copied by `make -C deploy rules`."""
    copied = yaml.safe_load((ROOT / "deploy/kubernetes/components/metrics/rules.yaml").read_text())
    assert copied["spec"] == yaml.safe_load((HOME / "rules.yml").read_text())


def test_every_metric_that_is_asked_for_is_exported(
    stack: ProcessStack, targets: dict[Service, str]
) -> None:
    """No dashboard and no rule names a metric that the running services do not have."""
    call(stack, 1)
    exported: set[str] = set()
    for target in targets.values():
        with urllib.request.urlopen(f"http://{target}/metrics", timeout=60) as response:
            exported |= set(re.findall(r"^([a-z_]+)[ {]", response.read().decode(), re.MULTILINE))
    asked = {name: metrics_in(expression) for name, expression in expressions()}
    assert min(len(names) for names in asked.values()) > 0
    missing = {where: names - exported - PROMETHEUS_OWN for where, names in asked.items()}
    assert {where: names for where, names in missing.items() if names} == {}


def has_data(prometheus: Prometheus, expression: str) -> bool:
    """Tell whether an expression has a value that is a number."""
    values = [float(each["value"][1]) for each in prometheus.query(expression)]
    return any(map(math.isfinite, values))


def test_every_query_returns_data(stack: ProcessStack, targets: dict[Service, str]) -> None:
    """A real Prometheus has an answer to each panel during a call, and no rule fails.

    When the service is gone, the rule that calls somebody begins to count.
    """
    with Prometheus(targets) as prometheus:
        until(lambda: len(prometheus.query("up == 1")) == 2, "both services to be asked", 60)
        call(stack, 4)
        for where, expression in expressions():
            if where in prometheus.rules():
                continue
            asked = expression.replace("$__rate_interval", "60s")
            # A rate needs two scrapes after the end of the call.
            answered = functools.partial(has_data, prometheus, asked)
            until(answered, f"{where} ({asked}) to have data", 60)
        for service, told in SERIES.items():
            (count,) = prometheus.query(f'count({{job="{service}"}})')
            assert int(count["value"][1]) == pytest.approx(told, rel=0.2)
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


PROMETHEUS_IMAGE = """
FROM python:3.13-slim
COPY prometheus promtool wget /bin/
RUN mkdir -p /etc/prometheus /prometheus && chown 65534:65534 /prometheus
"""
WGET = """#!/usr/bin/env python3
import sys, urllib.request
urllib.request.urlopen(sys.argv[-1], timeout=3).close()
"""
"""As much of it as the image's health check needs."""


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
        (tmp_path / "wget").write_text(WGET)
        (tmp_path / "wget").chmod(0o755)
        (tmp_path / "Dockerfile").write_text(PROMETHEUS_IMAGE)
        docker("build", "--quiet", "--tag", "caw-test-prometheus", str(tmp_path))
        yield "caw-test-prometheus"
        docker("rmi", "--force", "caw-test-prometheus")
    else:
        yield found[1]


def test_prometheus_in_compose_finds_the_services(base: str) -> None:
    """With the profile on it asks both by their names, and has the rules."""
    port = free_port()
    env = {"PROMETHEUS_IMAGE": base, "PROMETHEUS_PORT": str(port), "COMPOSE_PROFILES": "metrics"}
    with ComposeStack(env=env, start=False) as stack:
        stack.up("prometheus", "echo-service")

        def answer(path: str) -> str:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=60) as response:
                return str(response.read().decode())

        until(
            lambda: answer("/api/v1/targets").count('"health":"up"') == 2,
            "both services to be up",
            60,
        )
        assert {"NoEchoService", "NoNccoService"} <= set(
            re.findall(r'"name":"(\w+)"', answer("/api/v1/rules"))
        )
