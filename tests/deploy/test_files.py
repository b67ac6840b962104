"""What the files for hosts and for Kubernetes say, without running anything.

Their schemas are checked by `make -C deploy check`; where a host has none that can be installed,
the keys it documents are listed here.
"""

from __future__ import annotations

import re
import subprocess
import tomllib
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from tests.compose import ROOT
from tests.deploy.hosts import OWN_ADDRESSES, SECRETS, manifests
from tools import env_example

DEPLOY = ROOT / "deploy"
SERVICES = ("echo-service", "ncco-service")
KUBERNETES = DEPLOY / "kubernetes"
FOLDERS = sorted(file.parent for file in KUBERNETES.glob("*/kustomization.yaml"))
# As documented in Fly's reference of the file (reference/configuration), those that we may use.
FLY_KEYS = {
    "": {"app", "kill_signal", "kill_timeout"},
    "build": {"image"},
    "env": None,
    "http_service": {"internal_port", "force_https", "auto_stop_machines"},
    "http_service.concurrency": {"type", "soft_limit", "hard_limit"},
    "http_service.checks": {"path", "interval", "timeout", "grace_period"},
    "metrics": {"port", "path"},
}
# As documented by the Gateway API, those that we may use.
GATEWAY_KEYS = {
    "Gateway": {
        "gatewayClassName", "listeners.name", "listeners.port", "listeners.protocol",
        "listeners.hostname", "listeners.tls.mode", "listeners.tls.certificateRefs.kind",
        "listeners.tls.certificateRefs.name",
    },
    "HTTPRoute": {
        "parentRefs.name", "hostnames", "rules.matches.path.type", "rules.matches.path.value",
        "rules.timeouts.request", "rules.timeouts.backendRequest", "rules.backendRefs.name",
        "rules.backendRefs.port",
    },
}  # fmt: skip
# As documented in Render's blueprint specification.
RENDER_KEYS = {
    "type", "name", "runtime", "image", "plan", "numInstances", "healthCheckPath",
    "maxShutdownDelaySeconds", "envVars",
}  # fmt: skip


@pytest.mark.parametrize("service", SERVICES)
def test_fly_knows_every_key(service: str) -> None:
    """Fly ignores a misspelt key unless it is asked to be strict."""

    def look(table: dict[str, Any], path: str) -> None:
        known = FLY_KEYS[path]
        for key, value in table.items():
            below = f"{path}.{key}".lstrip(".")
            if isinstance(value, dict):
                look(value, below)
            elif isinstance(value, list):
                for each in value:
                    look(each, below)
            else:
                assert known is None or key in known, below

    look(tomllib.loads((DEPLOY / f"fly/{service}.toml").read_text()), "")


def test_render_knows_every_key() -> None:
    """Both services, and how each variable gets its value: exactly one way."""
    blueprint = yaml.safe_load((DEPLOY / "render/render.yaml").read_text())
    assert blueprint.keys() == {"envVarGroups", "services"}
    for service in blueprint["services"]:
        assert service.keys() <= RENDER_KEYS
        for variable in service["envVars"]:
            ways = variable.keys() - {"key"}
            assert len(ways) == 1
            assert ways <= {"value", "sync", "generateValue", "fromGroup"}


@pytest.mark.parametrize("kind", GATEWAY_KEYS)
def test_the_gateway_api_knows_every_key(kind: str) -> None:
    """Its schemas are in no package, so the keys are listed here."""
    found = [o for o in manifests(KUBERNETES / "example") if o["kind"] == kind]
    assert found
    for each in found:
        assert each["apiVersion"] == "gateway.networking.k8s.io/v1"
        assert set(_leaves(each["spec"])) <= GATEWAY_KEYS[kind]


def _leaves(value: Any, path: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        for key, below in value.items():
            yield from _leaves(below, f"{path}.{key}".lstrip("."))
    elif isinstance(value, list):
        for below in value:
            yield from _leaves(below, path)
    else:
        yield path


def test_every_variable_is_a_setting() -> None:
    """No host's file sets what neither service reads."""
    known = set(re.findall(r"^#([A-Z_]+)=", env_example.text(), re.MULTILINE))
    known |= {f"{name}_FILE" for name in SECRETS}
    named: set[str] = set()
    for service in SERVICES:
        named |= tomllib.loads((DEPLOY / f"fly/{service}.toml").read_text())["env"].keys()
    for file in DEPLOY.glob("*/*.y*ml"):
        text = file.read_text()
        named |= set(re.findall(r"\{key: ([A-Z_]+),", text))
        named |= set(re.findall(r"name: ([A-Z_]{2,})\b", text))
    for file in KUBERNETES.glob("base/*-service.yaml"):
        named |= set(re.findall(r"name: ([A-Z_]{2,})\b", file.read_text()))
    named |= set(_vm())
    stack = (DEPLOY / "swarm/stack.yml").read_text().partition("\n  gateway:")[0]
    named |= set(re.findall(r"^      ([A-Z_]+): ", stack, re.MULTILINE))
    assert set(OWN_ADDRESSES) <= named
    assert named - known == set()


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_kustomize_renders(folder: Any) -> None:
    """Each folder that may be applied is whole, and everything is in its namespace."""
    for each in manifests(folder):
        if each["kind"] != "Namespace":
            assert each["metadata"]["namespace"] == "call-a-websocket"


def test_pods_are_restricted() -> None:
    """As the namespace demands: not root, no capability, nothing to gain, nothing to write to."""
    namespace, *_ = (o for o in manifests(KUBERNETES / "base") if o["kind"] == "Namespace")
    assert namespace["metadata"]["labels"]["pod-security.kubernetes.io/enforce"] == "restricted"
    for name, pod in _pods().items():
        security = pod["securityContext"]
        assert security["runAsNonRoot"], name
        assert security["runAsUser"] > 0
        assert security["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        for container in pod["containers"]:
            assert container["securityContext"] == {
                "allowPrivilegeEscalation": False,
                "readOnlyRootFilesystem": True,
                "capabilities": {"drop": ["ALL"]},
            }


def test_a_pod_has_time_to_drain() -> None:
    """The grace is longer than preStop and the drain together, but not much."""
    for pod in _pods().values():
        (container,) = pod["containers"]
        env = {each["name"]: each.get("value") for each in container["env"]}
        drain = float(env.get("DRAIN_SECONDS", 10))
        needed = container["lifecycle"]["preStop"]["sleep"]["seconds"] + drain
        assert needed < pod["terminationGracePeriodSeconds"] <= needed + 120
        assert pod["terminationGracePeriodSeconds"] < 600, "cluster-autoscaler waits no longer"


def test_a_full_pod_stays_ready() -> None:
    """Probes ask whether it is alive: Kubernetes removes unready pods first, with their calls."""
    for pod in _pods().values():
        (container,) = pod["containers"]
        for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
            assert container[probe]["httpGet"]["path"] == "/healthz"


def test_a_replica_grows_before_it_is_full() -> None:
    """The autoscaler's number of calls a replica leaves room under MAX_CALLS."""
    objects = manifests(KUBERNETES / "example")
    (scaled,) = [o for o in objects if o["kind"] == "ScaledObject"]
    (container,) = _pods()["echo-service"]["containers"]
    env = {each["name"]: each.get("value") for each in container["env"]}
    (trigger,) = scaled["spec"]["triggers"]
    assert int(trigger["metadata"]["threshold"]) <= 0.7 * int(env["MAX_CALLS"])
    (deployment,) = [o for o in objects if _is(o, "Deployment", "echo-service")]
    assert "replicas" not in deployment["spec"], "an apply would set it back"


def test_selectors_find_their_pods() -> None:
    """Services, budgets and policies name labels and ports that the pods have."""
    objects = manifests(KUBERNETES / "example")
    labels = {
        o["metadata"]["name"]: o["spec"]["template"]["metadata"]["labels"]
        for o in objects
        if o["kind"] == "Deployment"
    }
    ports = {port["name"] for pod in _pods().values() for port in pod["containers"][0]["ports"]}
    for each in objects:
        spec = each.get("spec", {})
        selector = spec.get("selector") or spec.get("podSelector")
        if each["kind"] in ("Service", "PodDisruptionBudget", "NetworkPolicy", "PodMonitor"):
            wanted = selector.get("matchLabels", {} if "podSelector" in spec else selector)
            found = [name for name, has in labels.items() if wanted.items() <= has.items()]
            assert found, each["metadata"]["name"]
        for port in spec.get("ports", []):
            assert port["targetPort"] in ports
        for endpoint in spec.get("podMetricsEndpoints", []):
            assert endpoint["port"] in ports
    (route,) = [o for o in objects if o["kind"] == "HTTPRoute"]
    targets = {
        (backend["name"], backend["port"])
        for rule in route["spec"]["rules"]
        for backend in rule["backendRefs"]
    }
    assert targets == {("ncco-service", 8000), ("echo-service", 8001)}
    paths = {m["path"]["value"] for rule in route["spec"]["rules"] for m in rule["matches"]}
    assert paths == {"/webhooks", "/ncco", "/socket"}, "and nothing else leads inside"


def test_the_engine_takes_its_settings(engine: None) -> None:
    """dockerd reads the file for a machine of one's own, where it is installed."""
    file = str(DEPLOY / "vm/daemon.json")
    try:
        done = subprocess.run(
            ["dockerd", "--validate", "--config-file", file], capture_output=True, text=True
        )
    except FileNotFoundError:
        pytest.skip("dockerd is not on this machine")
    assert done.returncode == 0, done.stderr


def test_the_machines_own_env_moves_calls_at_once() -> None:
    """One replica stops before the next starts, so its calls wait no longer than they must."""
    given = _vm()
    assert given["COMPOSE_FILE"] == "docker-compose.yml:docker-compose.domain.yml"
    assert given["DRAIN_SECONDS"] == "0"


def _vm() -> dict[str, str]:
    text = (DEPLOY / "vm/env").read_text()
    return dict(re.findall(r"^([A-Z_]+)=(.+)$", text, re.MULTILINE))


def _pods() -> dict[str, dict[str, Any]]:
    return {
        o["metadata"]["name"]: o["spec"]["template"]["spec"]
        for o in manifests(KUBERNETES / "example")
        if o["kind"] == "Deployment"
    }


def _is(it: dict[str, Any], kind: str, name: str) -> bool:
    return bool(it["kind"] == kind and it["metadata"]["name"] == name)
