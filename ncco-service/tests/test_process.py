"""The service as a process: it starts, says where it listens, serves, and stops as told."""

import http.client
import json
import os
import queue
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

PATIENCE = 20.0  # seconds, for a machine that is busy with other things


class Process:
    """A running ``python -m ncco_service`` with its log."""

    def __init__(self, cwd: Path, environ: dict[str, str]) -> None:
        clean = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
        self.popen = subprocess.Popen(
            [sys.executable, "-m", "ncco_service"],
            cwd=cwd,
            env=clean | {"PORT": "0", "SOCKET_URL": "ws://127.0.0.1:1/socket"} | environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.lines: list[str] = []
        self._new: queue.Queue[str] = queue.Queue()
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self.popen.stdout is not None
        for line in self.popen.stdout:
            self.lines.append(line.rstrip("\n"))
            self._new.put(line)

    def listening(self) -> str:
        """Wait for the line that says where it listens; give the URL."""
        deadline = time.monotonic() + PATIENCE
        while True:
            line = self._new.get(timeout=max(0.0, deadline - time.monotonic()))
            if " listening url=" in line:
                return line.rpartition("url=")[2].strip()

    def end(self) -> tuple[int, str]:
        """Wait for its end; give its status and what it said on standard error."""
        status = self.popen.wait(PATIENCE)
        self._reader.join()
        assert self.popen.stderr is not None
        return status, self.popen.stderr.read()

    def close(self) -> None:
        """Stop it however it is, and let go of its pipes."""
        if self.popen.poll() is None:
            self.popen.terminate()
            try:
                self.popen.wait(PATIENCE)
            except subprocess.TimeoutExpired:
                self.popen.kill()
                self.popen.wait()
        self._reader.join()
        for pipe in (self.popen.stdout, self.popen.stderr):
            if pipe:
                pipe.close()


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Process]]:
    """Give a starter of processes, in a working directory that is not the code's."""
    processes: list[Process] = []

    def run(**environ: str) -> Process:
        processes.append(Process(tmp_path, environ))
        return processes[-1]

    yield run
    for process in processes:
        process.close()


def ask(url: str, method: str = "GET", body: Any = None, **headers: str) -> tuple[int, Any]:
    """Send one request; give the status and the JSON."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=PATIENCE)
    try:
        connection.request(method, f"{parts.path}?{parts.query}", body, headers)
        response = connection.getresponse()
        text = response.read()
        return response.status, json.loads(text) if text else None
    finally:
        connection.close()


def test_it_serves_and_stops(start: Callable[..., Process]) -> None:
    """It says its real port, answers, and ends with 0 and no words of complaint on SIGTERM."""
    process = start()
    url = process.listening()
    assert url.startswith("http://127.0.0.1:")
    assert ask(f"{url}/healthz") == (200, {"status": "alive"})
    assert ask(f"{url}/readyz")[0] == 200
    status, ncco = ask(f"{url}/webhooks/answer?uuid=u1")
    assert status == 200
    assert ncco[1]["eventUrl"] == [f"{url}/webhooks/events"]
    process.popen.terminate()
    assert process.end() == (0, "")
    assert [line.split()[2] for line in process.lines if " INFO " in line][:2] == [
        "listening",
        "answer",
    ]


def test_ctrl_c_stops_it(start: Callable[..., Process]) -> None:
    """It ends at once and with 0."""
    process = start()
    process.listening()
    process.popen.send_signal(signal.SIGINT)
    assert process.end() == (0, "")


def test_a_request_under_way_is_finished(start: Callable[..., Process]) -> None:
    """A webhook whose body is still coming when SIGTERM arrives gets its answer."""
    process = start()
    parts = urlsplit(process.listening())
    with socket.create_connection((parts.hostname, parts.port), timeout=PATIENCE) as peer:
        head = "POST /webhooks/answer HTTP/1.1\r\nHost: localhost\r\n"
        peer.sendall(f"{head}Content-Type: application/json\r\nContent-Length: 14\r\n\r\n".encode())
        peer.sendall(b'{"uuid"')
        ask(f"http://{parts.netloc}/healthz")  # meanwhile the first request is being read
        process.popen.terminate()
        peer.sendall(b': "u1"}')
        answer = b""
        while b'"u1"' not in answer:
            piece = peer.recv(65536)
            assert piece, answer
            answer += piece
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert process.end()[0] == 0


@pytest.mark.parametrize(
    ("environ", "parts"),
    [
        (
            {"PORT": "http", "SOCKET_URL": "https://x"},
            ["PORT is 'http'; it must be a whole number", "SOCKET_URL is 'https://x'; it must be"],
        ),
        ({"NCCO_FILE": "nix.json"}, ["nix.json: cannot be read (No such file"]),
        ({"NCCO_FILE": "bad.json"}, ["bad.json: action 1 (talk): text: saw nothing; allowed: "]),
        ({"NCCO_FALLBACK_FILE": "bad.json"}, ["bad.json: action 1 (talk): text: saw nothing"]),
    ],
)
def test_a_wrong_configuration_stops_the_start(
    start: Callable[..., Process], tmp_path: Path, environ: dict[str, str], parts: list[str]
) -> None:
    """Exit status 78, everything that is wrong in words, no traceback."""
    (tmp_path / "bad.json").write_text('[{"action": "talk"}]')
    status, said = start(**environ).end()
    assert status == 78
    assert "Traceback" not in said
    assert len(said.splitlines()) == len(parts)
    for part in parts:
        assert part in said


def test_a_port_that_is_taken_is_told(start: Callable[..., Process]) -> None:
    """In words, and the process ends."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, said = start(PORT=str(port)).end()
    assert status == 1
    assert said.startswith(
        f"HOST=127.0.0.1 PORT={port} cannot be listened on (Address already in use): stop what"
    )
    assert "Traceback" not in said


def test_a_body_that_is_too_long_harms_nothing(start: Callable[..., Process]) -> None:
    """By its announced length or by what comes in chunks: 413, and others are served."""
    url = start().listening()
    json_type = {"Content-Type": "application/json"}
    for size, status in ((65_536, 200), (65_537, 413), (1_000_000, 413)):
        body = b"{}" + b" " * (size - 2)
        assert ask(f"{url}/webhooks/answer", "POST", body, **json_type)[0] == status
        pieces = (body[n : n + 1000] for n in range(0, size, 1000))
        assert ask(f"{url}/webhooks/answer", "POST", pieces, **json_type)[0] == status
    assert ask(f"{url}/webhooks/answer?uuid=u1")[0] == 200


def test_many_calls_at_once_are_answered(start: Callable[..., Process]) -> None:
    """Fifty callers, each with its own answer."""
    url = start().listening()
    with ThreadPoolExecutor(50) as pool:
        answers = pool.map(lambda n: ask(f"{url}/webhooks/answer?uuid=u{n}"), range(200))
        uuids = [ncco[1]["endpoint"][0]["headers"]["uuid"] for status, ncco in answers]
    assert uuids == [f"u{n}" for n in range(200)]


def test_the_agent_is_asked_in_the_background(start: Callable[..., Process], agent: Any) -> None:
    """Its URL is in the NCCO soon; when it falls silent, answers are as quick as before."""
    page = {"endpoints": [{"url": "https://g.example", "upstream": {"url": "http://gateway:8080"}}]}
    agent.pages["/api/endpoints"] = (200, page)
    process = start(SOCKET_URL="", NGROK_API_URL=agent.url, AGENT_POLL_SECONDS="0.2")
    url = process.listening()
    deadline = time.monotonic() + PATIENCE
    while ask(f"{url}/readyz")[0] != 200 and time.monotonic() < deadline:
        time.sleep(0.05)
    agent.silent.set()
    asked = len(agent.asked)
    while len(agent.asked) == asked and time.monotonic() < deadline:
        time.sleep(0.05)
    for _ in range(20):
        began = time.monotonic()
        _, ncco = ask(f"{url}/webhooks/answer")
        assert time.monotonic() - began < 1.0
        assert ncco[1]["endpoint"][0]["uri"] == "wss://g.example/socket"
        assert ncco[1]["eventUrl"] == ["https://g.example/webhooks/events"]
    pasted = [line for line in process.lines if " dashboard " in line]
    assert pasted[1].endswith("answer_url=https://g.example/webhooks/answer")
