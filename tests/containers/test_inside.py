"""What an attacker inside a container can do: very little."""

from __future__ import annotations

import json
import re

import pytest

from tests.compose import ComposeStack
from tests.engine import docker

PLACES = ("/", "/app", "/etc", "/usr/bin", "/opt/venv/lib", "/run", "/var")

TRY = (
    f"PLACES = {PLACES}\n"
    + """
import json, os, subprocess
def attempt(what):
    try:
        return str(what() or "done")
    except Exception as error:
        return f"{type(error).__name__}: {error}"
def write(place):
    with open(os.path.join(place, "planted"), "w") as file:
        file.write("x")
def run():
    with open("/tmp/planted", "w") as file:
        file.write("#!/bin/sh\\n")
    os.chmod("/tmp/planted", 0o755)
    return subprocess.run(["/tmp/planted"]).returncode or "ran"
print(json.dumps({
    "written": {place: attempt(lambda: write(place)) for place in PLACES if os.path.isdir(place)},
    "root": attempt(lambda: os.setuid(0)),
    "program": attempt(run),
    "mount": attempt(lambda: subprocess.run(
        ["mount", "-o", "remount,rw", "/"], check=True, stderr=subprocess.DEVNULL)),
    "status": open("/proc/self/status").read(),
}))
"""
)

NOTHING = "0000000000000000"


@pytest.mark.parametrize("service", ["ncco-service", "echo-service"])
def test_a_service_can_change_nothing(running: ComposeStack, service: str) -> None:
    """A service can write only to /tmp, run nothing from there, and change to no other user."""
    did = json.loads(docker("exec", running.container(service), "python", "-c", TRY))
    assert did["written"]
    refusals = ("OSError: [Errno 30]", "PermissionError: [Errno 13]")
    assert all(seen.startswith(refusals) for seen in did["written"].values()), did["written"]
    assert did["root"].startswith("PermissionError")
    assert did["program"].startswith("PermissionError")
    assert did["mount"].startswith(("CalledProcessError", "FileNotFoundError"))
    assert_powerless(did["status"])


def test_the_gateway_can_change_nothing(running: ComposeStack) -> None:
    """The gateway can write nothing either, and has no capability that it could use."""
    inside = ("exec", running.container("gateway"), "sh", "-c")
    for place in ("/", "/etc/gateway", "/usr/bin"):
        said = docker(*inside, f"touch {place}/planted 2>&1 || true")
        assert "Read-only file system" in said or "Permission denied" in said
    assert_powerless(docker(*inside, "cat /proc/self/status"))


@pytest.mark.parametrize("service", ["ncco-service", "echo-service"])
def test_the_secret_can_only_be_read(running: ComposeStack, service: str) -> None:
    """Both services can read the socket's secret of 256 bits, and neither can change it."""
    path = "/run/socket/socket_secret"
    container = running.container(service)
    assert re.fullmatch(r"[0-9a-f]{64}\s*", docker("exec", container, "cat", path))
    said = docker("exec", container, "sh", "-c", f"echo x > {path} || true")
    assert "Read-only file system" in said or "Permission denied" in said
    environment = docker("inspect", "--format", "{{json .Config.Env}}", container)
    assert docker("exec", container, "cat", path).strip() not in environment


def assert_powerless(status: str) -> None:
    """Check a process's status as the kernel reports it."""
    facts = dict(re.findall(r"^(\w+):\s+(.*)$", status, re.MULTILINE))
    assert facts["CapEff"] == NOTHING
    assert facts["NoNewPrivs"] == "1"
    assert "0" not in facts["Uid"].split()
