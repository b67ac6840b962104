"""The Docker engine: whether there is one, its commands, and the images of a test run."""

from __future__ import annotations

import atexit
import os
import secrets
import shlex
import shutil
import socket
import subprocess

from tools.stack import StackError

__all__ = ["BUILT", "IMAGES", "compose_command", "docker", "free_port", "unavailable"]

COMMAND_SECONDS = 300.0
"""Bound on a command, which may have to build an image over a slow connection."""
IMAGES = f"caw-{secrets.token_hex(4)}"
"""Repository of the images that the stacks of this process share: only the first builds them."""
BUILT = (
    *("ncco-service", "echo-service", "gateway", "ready", "phone", "network"),
    *("secrets", "ngrok-token"),
)
"""Services of docker-compose.yml whose images are built."""


def compose_command() -> list[str]:
    """Return the command that runs Compose: `docker compose`, or what DOCKER_COMPOSE says."""
    return shlex.split(os.environ.get("DOCKER_COMPOSE", "docker compose"))


def unavailable() -> str | None:
    """Return why this machine cannot start containers, or None when it can."""
    if not shutil.which("docker"):
        return "there is no docker command"
    for command in (["docker", "info"], [*compose_command(), "version"]):
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=30)
        except (OSError, subprocess.TimeoutExpired) as error:
            return f"`{shlex.join(command)}`: {error}"
        if done.returncode:
            return f"`{shlex.join(command)}` says: {done.stderr.strip().splitlines()[-1]}"
    return None


def docker(*arguments: str, timeout: float = COMMAND_SECONDS) -> str:
    """Run `docker`; return its output, standard error included.

    Raises:
        StackError: it failed.

    """
    done = subprocess.run(
        ["docker", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        timeout=timeout,
    )
    if done.returncode:
        raise StackError(f"`docker {shlex.join(arguments)}` says: {done.stdout.strip()}")
    return done.stdout


def free_port() -> int:
    """Return a free port below the range of outgoing connections; no other call returns it.

    Tests run side by side, and what is to listen there starts later. So this process holds the UDP
    port of the same number, which nothing else uses, to its end.
    """
    while True:
        port = 20000 + secrets.randbelow(12000)
        claim = socket.socket(type=socket.SOCK_DGRAM)
        with socket.socket() as probe:
            try:
                claim.bind(("127.0.0.1", port))
                probe.bind(("", port))
            except OSError:
                claim.close()
                continue
        atexit.register(claim.close)
        return port


@atexit.register
def _remove_images() -> None:
    """Remove the images that this process has built."""
    if shutil.which("docker"):
        filters = ("--filter", f"reference={IMAGES}")
        listed = subprocess.run(
            ["docker", "images", "--quiet", *filters], capture_output=True, text=True
        )
        if found := listed.stdout.split():
            subprocess.run(["docker", "rmi", "--force", *found], capture_output=True)
