"""`make softphone`: the page that calls the stack, the one in Compose or one of its own."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from tools.processes import ProcessStack
from tools.stack import SERVICES, StackError

ROOT = Path(__file__).resolve().parent.parent
INTERRUPTED = 130
DEFAULT_PORT = "8091"
DOCKER_SECONDS = 10.0
"""How long Docker may take to say what runs; without an answer nothing runs."""


def main(arguments: list[str]) -> int:
    """Serve until Ctrl-C; return the exit status. `arguments` are passed on to `phone serve`."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if runs_in_compose():
            print("calling the services that run in Compose", flush=True)
            return _serve_from_container(arguments)
        with ProcessStack() as stack:
            stack.wait_ready()
            command = [sys.executable, "-m", "phone", "serve", stack.answer_url]
            for service in SERVICES:
                command += ["--readiness", f"{service}={stack.base_url(service)}/readyz"]
            command += ["--calls", f"{stack.metrics_url}/calls", *arguments]
            return _serve(command)
    except StackError as error:
        print(f"softphone: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return INTERRUPTED


def runs_in_compose() -> bool:
    """Whether this folder's services run in Compose."""
    if shutil.which("docker") is None:
        return False
    try:
        running = subprocess.run(
            ["docker", "compose", "ps", "--status", "running", "--services"],  # noqa: S607
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=DOCKER_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return False
    return running.returncode == 0 and {*SERVICES, "gateway"} <= set(running.stdout.split())


def _serve_from_container(arguments: list[str]) -> int:
    name = f"softphone-{os.getpid()}"
    try:
        return _serve(compose_command(name, arguments))
    finally:
        # Compose leaves it behind when it is interrupted while it starts it.
        subprocess.run(["docker", "rm", "--force", name], capture_output=True)  # noqa: S607


def compose_command(name: str, arguments: list[str]) -> list[str]:
    """Return what serves the page from a container, which has the stack's secret to sign with.

    Args:
        name: of the container.
        arguments: of `phone serve`.

    """
    at = arguments.index("--port") + 1 if "--port" in arguments else 0
    port = arguments[at] if at else DEFAULT_PORT
    return [
        *("docker", "compose", "run", "--rm", "--name", name),
        *("--publish", f"127.0.0.1:{port}:{port}", "phone"),
        *("serve", "--host", "0.0.0.0"),  # noqa: S104 - inside; published on loopback only
        *("--readiness", "echo-service=http://echo-service:8001/readyz"),
        *("--readiness", "ncco-service=http://ncco-service:8000/readyz"),
        *("--readiness-host", "gateway:8080"),  # which the answer URL has
        *("--calls", "http://echo-service:9001/calls"),
        *arguments,
    ]


def _serve(command: list[str]) -> int:
    with subprocess.Popen(command, cwd=ROOT, env=os.environ) as phone:
        while True:
            try:
                return phone.wait()
            except KeyboardInterrupt:
                # Ctrl-C reached it too, a signal to this process alone did not. It hangs up.
                phone.terminate()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
