"""Each image alone, as a cloud host runs it: any uid, nothing writable, any port."""

from __future__ import annotations

import http.client
import json
import re
import secrets
import subprocess
from pathlib import Path
from typing import Any

import pytest
from websockets.sync.client import connect

from tests.containers.edge import ask
from tests.engine import docker, free_port
from tests.waiting import until

PAGE = Path(__file__).resolve().parents[2] / "docs" / "containers.md"
SERVICES = ("ncco-service", "echo-service", "gateway")
STRICT = ("--read-only", "--user", "54321:54321", "--cap-drop", "ALL",
          "--security-opt", "no-new-privileges:true", "--tmpfs", "/tmp")  # fmt: skip
"""As the strictest hosts run containers, with only /tmp writable."""


@pytest.mark.parametrize("folder", SERVICES)
def test_a_service_runs_alone(images: dict[str, str], folder: str) -> None:
    """It listens on PORT, answers health checks, and exits with 0 within seconds on SIGTERM."""
    port = free_port()
    published = ("--env", f"PORT={port}", "--publish", f"127.0.0.1:{port}:{port}")
    container = docker("run", "--detach", *STRICT, *published, images[folder]).strip()
    try:
        path = "/healthz" if folder != "gateway" else "/nothing"
        wanted = 200 if folder != "gateway" else 404
        url = f"http://127.0.0.1:{port}{path}"
        until(lambda: ask(url)[0] == wanted, f"{url} to answer {wanted}")
        docker("stop", "--time", "20", container)
        state = json.loads(docker("inspect", container))[0]["State"]
        assert (state["ExitCode"], state["OOMKilled"]) == (0, False), docker("logs", container)
    finally:
        docker("rm", "--force", container)


@pytest.mark.parametrize("chosen", [False, True])
def test_an_open_socket_must_be_asked_for(images: dict[str, str], chosen: bool) -> None:
    """echo-service refuses calls and says what to set, unless SOCKET_AUTH=none opens the socket."""
    port = free_port()
    published = ("--env", f"PORT={port}", "--publish", f"127.0.0.1:{port}:{port}")
    told = ("--env", "SOCKET_AUTH=none") if chosen else ()
    image = images["echo-service"]
    container = docker("run", "--detach", *STRICT, *told, *published, image).strip()
    try:
        url = f"http://127.0.0.1:{port}/readyz"
        until(lambda: ask(url)[0] == (200 if chosen else 503), f"{url} to answer")
        assert ("SOCKET_AUTH=none" in json.dumps(ask(url)[1].get("reasons"))) is not chosen
        handshake = {
            "Connection": "Upgrade",
            "Upgrade": "websocket",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
        }
        asked = http.client.HTTPConnection("127.0.0.1", port, timeout=15)
        try:
            asked.request("GET", "/socket", headers=handshake)
            answer = asked.getresponse()
            assert answer.status == (101 if chosen else 401)
            if not chosen:
                assert "SOCKET_AUTH=none" in json.load(answer)["hint"]
        finally:
            asked.close()
    finally:
        docker("rm", "--force", container)


@pytest.mark.parametrize("folder", ["ncco-service", "echo-service"])
def test_a_service_becomes_healthy_by_its_own_check(images: dict[str, str], folder: str) -> None:
    """The image's HEALTHCHECK follows PORT and needs no missing tool."""
    often = ("--health-interval", "1s")
    container = docker("run", "--detach", *STRICT, *often, "--env", "PORT=7777", images[folder])
    container = container.strip()
    try:
        until(lambda: state(container)["Health"]["Status"] == "healthy", "healthy")
    finally:
        docker("rm", "--force", container)


def test_a_wrong_setting_ends_with_words_and_78(images: dict[str, str]) -> None:
    """A wrong setting ends the container with status 78 and names the setting."""
    for folder in ("ncco-service", "echo-service"):
        container = docker("run", "--detach", *STRICT, "--env", "PORT=none", images[folder]).strip()
        try:
            assert docker("wait", container, timeout=60).strip() == "78"
            said = docker("logs", container)
            assert "PORT" in said
            assert "Traceback" not in said
        finally:
            docker("rm", "--force", container)


def test_a_volume_for_recordings_gets_them(images: dict[str, str]) -> None:
    """`RECORD=1 -v volume:/recordings` is all that it takes."""
    volume, port = f"caw-test-{secrets.token_hex(4)}", free_port()
    container = docker(
        "run", "--detach", "--read-only", "--tmpfs", "/tmp", "--env", "SOCKET_AUTH=none",
        "--env", "RECORD=1", "--volume", f"{volume}:/recordings",
        "--publish", f"127.0.0.1:{port}:8001", images["echo-service"],
    ).strip()  # fmt: skip
    try:
        until(lambda: ask(f"http://127.0.0.1:{port}/readyz")[0] == 200, "readiness")
        with connect(f"ws://127.0.0.1:{port}/socket", compression=None) as socket:
            socket.send('{"event": "websocket:connected", "content-type": "audio/l16;rate=16000"}')
            for _ in range(10):
                socket.send(bytes(640))
                socket.recv(timeout=60)
        kept = ("exec", container, "find", "/recordings", "-name", "*.wav")
        until(lambda: docker(*kept).strip().endswith(".wav"), "a recording")
    finally:
        docker("rm", "--force", container)
        docker("volume", "rm", volume)


def test_a_private_folder_of_handlers_is_named(images: dict[str, str], tmp_path: Path) -> None:
    """Python has only "No module named" for a folder that the container's user cannot read."""
    handlers = tmp_path / "my-handlers"
    handlers.mkdir()
    (handlers / "parrot.py").write_text("async def parrot(call): ...\n")
    handlers.chmod(0o700)
    done = subprocess.run(
        ["docker", "run", "--rm", *STRICT, "--volume", f"{handlers}:/handlers:ro",
         "--env", "PYTHONPATH=/handlers", "--env", "AUDIO_HANDLER=parrot:parrot",
         images["echo-service"]],
        capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert done.returncode == 78
    assert "cannot read /handlers: chmod -R a+rX /handlers" in done.stdout + done.stderr


def test_the_agent_can_read_its_configuration(images: dict[str, str]) -> None:
    """Whatever uid it has, and however private the clone is."""
    look = (*STRICT, "--entrypoint", "cat", images["ngrok"])
    for name in ("ngrok.yml", "two-domains.yml"):
        assert "web_addr: 0.0.0.0:4040" in docker("run", "--rm", *look, f"/etc/ngrok/{name}")


def test_the_phone_runs_alone(images: dict[str, str]) -> None:
    """The phone prints help; a call to nobody is a report and status 1, not a traceback."""
    assert "call" in docker("run", "--rm", *STRICT, images["phone"])
    arguments = ("call", "http://127.0.0.1:9/webhooks/answer")
    container = docker("run", "--detach", *STRICT, images["phone"], *arguments).strip()
    try:
        assert docker("wait", container, timeout=40).strip() == "1"
        assert "Traceback" not in docker("logs", container)
    finally:
        docker("rm", "--force", container)


@pytest.mark.parametrize("folder", ["ncco-service", "echo-service", "phone"])
def test_no_tool_is_left_behind(images: dict[str, str], folder: str) -> None:
    """No image has an installer in its environment, a compiler, or files of the tests."""
    look = (
        "import importlib.util as u, os, shutil\n"
        "print([m for m in ('pip', 'setuptools', 'wheel') if u.find_spec(m)],"
        " [t for t in ('gcc', 'cc', 'make', 'git') if shutil.which(t)],"
        " sorted(n for n in os.listdir('/app') if n in ('tests', 'Dockerfile', 'pyproject.toml')))"
    )
    options = ("--rm", *STRICT, "--entrypoint", "python")
    assert docker("run", *options, images[folder], "-c", look).strip() == "[] [] []"


@pytest.mark.parametrize("folder", [*SERVICES, "ready", "phone"])
def test_an_image_says_what_it_is(images: dict[str, str], folder: str) -> None:
    """Images have labels, a numeric user, a stop signal, and a health check where needed."""
    config: dict[str, Any] = json.loads(docker("inspect", images[folder]))[0]["Config"]
    assert config["Labels"]["org.opencontainers.image.title"] == folder
    assert config["Labels"]["org.opencontainers.image.licenses"] == "MIT"
    assert config["User"] == "10001:10001"
    assert config["StopSignal"] in ("SIGTERM", "SIGINT", "SIGUSR1")
    assert config["Healthcheck"]["Test"][0] == ("NONE" if folder == "phone" else "CMD")


@pytest.mark.parametrize("folder", [*SERVICES, "phone"])
def test_the_page_says_how_large_an_image_is(images: dict[str, str], folder: str) -> None:
    """Within a fifth, on the machine that it was measured for."""
    image = json.loads(docker("inspect", images[folder]))[0]
    if image["Architecture"] != "amd64":
        pytest.skip("the page has the sizes of amd64")
    base = "debian:trixie-slim" if folder == "gateway" else "python:3.13-slim"
    on_top = (image["Size"] - json.loads(docker("inspect", base))[0]["Size"]) / 1e6
    said = re.search(rf"^\| {folder} \| (\d+) MB \|", PAGE.read_text(), re.MULTILINE)
    assert said, folder
    assert float(said[1]) == pytest.approx(on_top, rel=0.2)


def state(container: str) -> dict[str, Any]:
    """Return the container's state as the engine reports it."""
    return dict(json.loads(docker("inspect", container))[0]["State"])
