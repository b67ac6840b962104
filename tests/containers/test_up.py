"""Starting the stack: first, again, and with something in the way."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.compose import ROOT, ComposeStack
from tests.containers.edge import ask
from tests.waiting import until
from tools.stack import StackError

FIRST_SECRET = "a-signature-secret-of-32-letters"
WAITED_OUT = 150  # s
TOKEN_WORDS = ("there is no ngrok token", "NGROK_AUTHTOKEN=", "COMPOSE_PROFILES")


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a fresh copy of the stack's files, as in another clone."""
    folder = tmp_path_factory.mktemp("clone")
    folders = ["ncco-service", "echo-service", "gateway", "ready", "phone", "ngrok", "secrets"]
    for name in ["docker-compose.yml", *folders]:
        if (ROOT / name).is_dir():
            ignore = shutil.ignore_patterns("__pycache__", "tests", "*.egg-info")
            shutil.copytree(ROOT / name, folder / name, ignore=ignore)
        else:
            shutil.copy(ROOT / name, folder / name)
    (folder / "out").mkdir(mode=0o700)
    if os.geteuid() == 0:  # somebody else's
        os.chown(folder / "out", 12345, 12345)
    return folder


def test_up_with_nothing_configured_then_a_call() -> None:
    """The two commands of the README, twice: nothing is created again, and all still works.

    After `down` and `up` the socket's secret is the same; it was never said aloud.
    """
    with ComposeStack() as stack:
        call = ("run", "--rm", "phone", "call", "--seconds", "1")
        assert "The call worked." in stack.compose(*call)
        services = ("ncco-service", "echo-service", "gateway")
        before = {name: stack.container(name) for name in services}
        stack.up()
        assert {name: stack.container(name) for name in services} == before
        secret = stack.compose("exec", "-T", "echo-service", "cat", "/run/socket/socket_secret")
        assert len(secret) == 64
        assert int(secret, 16), "256 bits"
        log = "".join(stack.logs(name) for name in (*services, "ready", "secrets"))
        assert not re.search(r"WARN|ERROR|\"warn|\"error", log), "the log of a clean start"
        assert "INFO ready: now call http://localhost" in stack.logs("ready").splitlines()[-1]
        assert secret not in log
        stack.compose("down")
        stack.up()
        shown = stack.compose("exec", "-T", "ncco-service", "cat", "/run/socket/socket_secret")
        assert shown == secret
        assert ask(stack.answer_url)[0] == 200


def test_an_older_build_is_replaced(clone: Path) -> None:
    """A plain `up` keeps what was built; `up --build` replaces what has changed."""
    with ComposeStack(folder=clone) as stack:
        before = stack.container("ncco-service")
        document = clone / "ncco-service" / "ncco.json"
        text = document.read_text()
        document.write_text(text.replace("Hello.", "Good evening."))
        try:
            stack.up()
            assert said(stack).startswith("Hello.")
            stack.up("--build")
        finally:
            document.write_text(text)
        assert said(stack).startswith("Good evening.")
        assert stack.container("ncco-service") != before
        assert len(stack.compose("ps", "--quiet").split()) == 4, "none is left over"


def test_a_mistake_that_is_corrected_is_over(clone: Path, tmp_path: Path) -> None:
    """After a mistake the next `up --build` succeeds, and `ready` has said what was wrong."""
    # The same in seconds instead of a minute, while there is nothing to wait for.
    soon, usual = {"interval": "1s", "start_period": "3s"}, dict[str, str]()
    health = tmp_path / "health.json"

    def examine(often: dict[str, str]) -> None:
        health.write_text(json.dumps({"services": {"ready": {"healthcheck": often}}}))

    examine(usual)
    document = clone / "ncco-service" / "ncco.json"
    text = document.read_text()
    with ComposeStack(folder=clone, files=[health]) as stack:
        try:
            document.write_text(text.replace('"connect"', '"conect"'))
            examine(soon)
            stack.compose("up", "--detach", "--build")
            until(lambda: health_of(stack, "ready")["Status"] == "unhealthy", "unhealthy", 60)
        finally:
            document.write_text(text)
            examine(usual)
        assert "ncco-service does not answer" in health_of(stack, "ready")["Log"][-1]["Output"]
        examined = stack.run("run", "--rm", "phone", "doctor")
        assert examined.returncode == 1
        assert "FAIL" in examined.stdout
        assert "the service behind the gateway does not answer" in examined.stdout
        stack.up("--build")
        assert ask(stack.answer_url)[0] == 200
        assert "INFO ready: now call http://localhost" in stack.logs("ready")
        keep = ("--report", "call.html", "--save", "heard.wav", "--record", "a-call")
        stack.compose("run", "--rm", "phone", "call", "--seconds", "1", *keep)
        owner = (clone / "out").stat().st_uid
        for name in ("call.html", "heard.wav", "a-call"):
            assert (clone / "out" / name).stat().st_uid == owner
        replayed = stack.compose("run", "--rm", "phone", "replay", "a-call")
        assert "Traceback" not in replayed


def health_of(stack: ComposeStack, service: str) -> dict[str, Any]:
    """Return the engine's record of a container's health."""
    return dict(stack.inspect(service)["State"]["Health"])


def said(stack: ComposeStack) -> str:
    """Return the first sentence of the NCCO."""
    status, ncco = ask(stack.answer_url)
    assert status == 200, ncco
    return str(ncco[0]["text"])


def test_a_taken_port_is_told() -> None:
    """The engine names the occupied port; once it is free, the same command works."""
    with ComposeStack(start=False) as stack:
        with socket.socket() as other:
            other.bind(("127.0.0.1", stack.port))
            other.listen()
            with pytest.raises(StackError, match=rf"{stack.port}.*(in use|already allocated)"):
                stack.up()
        stack.up()
        stack.wait_ready()


def test_a_tunnel_without_a_token_is_told_once() -> None:
    """`up --wait` ends at once, not 0; the log says in words what to do, and nobody tries again."""
    env = {"COMPOSE_PROFILES": "ngrok", "NGROK_AUTHTOKEN": ""}
    with ComposeStack(env=env, start=False) as stack:
        stack.compose("build")
        begin = time.monotonic()
        done = stack.run("up", "--wait", "--wait-timeout", str(WAITED_OUT))
        assert done.returncode != 0
        assert "ngrok-token" in done.stdout.splitlines()[-1]
        assert time.monotonic() - begin < WAITED_OUT, "told, not waited out"
        words = stack.logs("ngrok-token")
        assert all(part in words for part in TOKEN_WORDS), words
        assert "Traceback" not in words
        job = stack.inspect("ngrok-token")
        assert job["State"]["ExitCode"] == 78
        assert job["RestartCount"] == 0


def test_a_secret_of_the_users_is_a_file_for_whom_it_concerns(tmp_path: Path) -> None:
    """From .env or from a file, a secret ends up only where the services read it."""
    vonage, socket = "/run/vonage/vonage_signature_secret", "/run/socket/socket_secret"
    for given, path in (
        ("VONAGE_SIGNATURE_SECRET", vonage),
        ("VONAGE_SIGNATURE_SECRET_FILE", vonage),
        ("SOCKET_SECRET_FILE", socket),
    ):
        file = tmp_path / "secret"
        file.write_text("a-signature-secret-of-32-letters\n")
        file.chmod(0o644)
        value = str(file) if given.endswith("_FILE") else file.read_text().strip()
        with ComposeStack(env={given: value}, start=False) as stack:
            stack.compose("up", "--detach", "secrets")
            subprocess.run(["docker", "wait", stack.container("secrets")], check=True, timeout=60)
            look = ("run", "--rm", "--no-deps", "--entrypoint", "cat")
            assert stack.compose(*look, "ncco-service", path).endswith(file.read_text().strip())
            assert stack.run(*look, "gateway", path).returncode != 0
            model = stack.compose("config")
            assert value not in model.partition("\n  secrets:\n")[0]


def test_a_secret_takes_effect_or_up_fails(tmp_path: Path) -> None:
    """Whatever becomes of a secret: added, too short, changed in its file, removed.

    With the signature secret and the platform's own authorization of the socket, the phone signs.
    """
    file = tmp_path / "secret"
    file.write_text(f"{FIRST_SECRET}\n")
    file.chmod(0o644)
    with ComposeStack(env={"SOCKET_SECRET": "short"}, start=False) as stack:
        assert stack.run("up", "--wait").returncode != 0
        assert "SOCKET_SECRET has 5 characters; the services require 32" in stack.logs("secrets")
        stack.configure(SOCKET_SECRET="")
        spoil = "echo short > /socket/socket_secret"  # as a former version left it
        stack.compose("run", "--rm", "--entrypoint", "sh", "secrets", "-c", spoil)
        stack.up()
        assert ask(stack.answer_url)[0] == 200

        stack.configure(VONAGE_SIGNATURE_SECRET_FILE=str(file), SOCKET_AUTH="vonage")
        stack.up()
        assert ask(stack.answer_url)[0] == 401
        call = ("run", "--rm", "phone", "call", "--seconds", "1")
        assert "The call worked." in stack.compose(*call)

        file.write_text(f"{FIRST_SECRET}-2\n")
        assert stack.run("up", "--wait").returncode != 0
        advice = stack.logs("secrets")
        assert "VONAGE_SIGNATURE_SECRET changed" in advice
        assert "docker compose stop ncco-service echo-service && docker compose up" in advice
        assert FIRST_SECRET not in advice
        assert seen_by(stack, "ncco-service") == FIRST_SECRET, "nothing was changed"
        stack.compose("stop", "ncco-service", "echo-service")
        stack.up()
        assert seen_by(stack, "ncco-service") == f"{FIRST_SECRET}-2"

        stack.configure(VONAGE_SIGNATURE_SECRET_FILE="", SOCKET_AUTH="")
        stack.up()
        assert ask(stack.answer_url)[0] == 200


def seen_by(stack: ComposeStack, service: str) -> str:
    """Return the signature secret as a running service can read it."""
    return stack.compose("exec", "-T", service, "cat", "/run/vonage/vonage_signature_secret")
