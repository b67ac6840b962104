"""How each host runs a service's image, read from its file in `deploy/`."""

from __future__ import annotations

import subprocess
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.compose import ROOT
from tests.deploy.programs import program
from tools.stack import Service

__all__ = ["HOSTS", "OWN_ADDRESSES", "SECRETS", "Placement", "manifests", "placement"]

DEPLOY = ROOT / "deploy"
HOSTS = ("fly", "render", "cloud-run", "kubernetes")
SECRETS = ("SOCKET_SECRET", "VONAGE_SIGNATURE_SECRET")
OWN_ADDRESSES = ("PUBLIC_URL", "SOCKET_URL", "ECHO_READY_URL")
"""What differs from one installation to the next: the files have examples."""


@dataclass(frozen=True)
class Placement:
    """One service on one host.

    Attributes:
        port: on which the host expects it; it is in `env` as PORT.
        env: environment variables, secrets left out.
        probe: path that must answer 2xx.
        grace: seconds between the stop signal and the end by force.
        signal: that asks it to stop.
        user: numeric uid, or None for the image's own.
        files: secrets that are files: where, and which.
        options: for `docker run`: what it may write and do.

    """

    port: int
    env: Mapping[str, str]
    probe: str
    grace: float
    signal: str = "SIGTERM"
    user: str | None = None
    files: Mapping[str, str] = field(default_factory=dict)
    options: tuple[str, ...] = ()


def placement(host: str, service: Service) -> Placement:
    """Read how *host* runs *service*."""
    readers = {"fly": _fly, "render": _render, "cloud-run": _cloud_run, "kubernetes": _kubernetes}
    return readers[host](service)


def _fly(service: Service) -> Placement:
    app = tomllib.loads((DEPLOY / f"fly/{service}.toml").read_text())
    (check,) = app["http_service"]["checks"]
    return Placement(
        port=app["http_service"]["internal_port"],
        env=app["env"],
        probe=check["path"],
        grace=app["kill_timeout"],
        signal=app["kill_signal"],
    )


def _render(service: Service) -> Placement:
    blueprint = yaml.safe_load((DEPLOY / "render/render.yaml").read_text())
    (found,) = [each for each in blueprint["services"] if each["name"] == service]
    env = {each["key"]: each.get("value", "") for each in found["envVars"] if "key" in each}
    return Placement(
        port=int(env["PORT"]),
        env={name: value for name, value in env.items() if name not in SECRETS},
        probe=found["healthCheckPath"],
        grace=found.get("maxShutdownDelaySeconds", 30),
    )


def _cloud_run(service: Service) -> Placement:
    file = yaml.safe_load((DEPLOY / f"cloud-run/{service}.yaml").read_text())
    (container,) = file["spec"]["template"]["spec"]["containers"]
    port = container["ports"][0]["containerPort"]
    env = {each["name"]: each["value"] for each in container["env"] if "value" in each}
    return Placement(
        port=port,
        env={**env, "PORT": str(port)},
        probe=container["startupProbe"]["httpGet"]["path"],
        grace=10,
    )


def _kubernetes(service: Service) -> Placement:
    objects = manifests(DEPLOY / "kubernetes/example")
    pod = _one(objects, "Deployment", service)["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    env = {each["name"]: each["value"] for each in container["env"]}
    for source in container.get("envFrom", []):
        env |= _one(objects, "ConfigMap", source["configMapRef"]["name"])["data"]
    guards = container["securityContext"]
    options = [f"--cap-drop={name}" for name in guards["capabilities"]["drop"]]
    if guards["readOnlyRootFilesystem"]:
        options.append("--read-only")
    if not guards["allowPrivilegeEscalation"]:
        options.append("--security-opt=no-new-privileges:true")
    memory = [v["name"] for v in pod["volumes"] if v.get("emptyDir", {}).get("medium") == "Memory"]
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    options += [f"--tmpfs={mounts[name]}:size=16m" for name in memory]
    options.append(f"--memory={container['resources']['limits']['memory'].removesuffix('i')}")
    files = {value: name.removesuffix("_FILE") for name, value in env.items() if "_FILE" in name}
    assert all(Path(file).is_relative_to(mounts["secrets"]) for file in files)
    before_signal = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    who = pod["securityContext"]
    return Placement(
        port=container["ports"][0]["containerPort"],
        env=env,
        probe=container["readinessProbe"]["httpGet"]["path"],
        grace=pod["terminationGracePeriodSeconds"] - before_signal,
        user=f"{who['runAsUser']}:{who['runAsGroup']}",
        files=files,
        options=tuple(options),
    )


@cache
def manifests(folder: Path) -> list[dict[str, Any]]:
    """Return what kustomize makes of a folder."""
    command = [program("kubectl"), "kustomize", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return list(yaml.safe_load_all(done.stdout))


def _one(objects: list[dict[str, Any]], kind: str, name: str) -> dict[str, Any]:
    (found,) = [o for o in objects if o["kind"] == kind and o["metadata"]["name"] == name]
    return found
