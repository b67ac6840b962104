"""What several tests need: an application, the service as a process, a tunnel agent to ask."""

import http.client
import json
import os
import queue
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, settings
from ncco_service.app import create_app
from ncco_service.settings import Settings
from structlog.testing import capture_logs

# How long an example takes is this machine's affair, which may freeze at any of them.
settings.register_profile("frozen", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("frozen")

PATIENCE = 60.0  # seconds, for a machine that is busy with other things


@pytest.fixture
def make_app() -> Callable[..., Flask]:
    """Give a maker of applications from settings by name; SOCKET_URL has a value by default."""

    def make(**environ: str) -> Flask:
        return create_app(Settings.from_env({"SOCKET_URL": "wss://sock.example.org/s"} | environ))

    return make


@pytest.fixture
def client(make_app: Callable[..., Flask]) -> FlaskClient:
    """Give a client of an application with default settings."""
    return make_app().test_client()


@pytest.fixture
def write(tmp_path: Path) -> Callable[[Any], Path]:
    """Give a writer of documents: text as it is, anything else as JSON."""

    def save(document: Any) -> Path:
        file = tmp_path / "my-ncco.json"
        file.write_text(document if isinstance(document, str) else json.dumps(document))
        return file

    return save


@pytest.fixture
def events() -> Iterator[Callable[[str], list[dict[str, Any]]]]:
    """Give a reader of the log: the fields of every event of one name, and its `log_level`."""
    with capture_logs() as logged:
        yield lambda name: [
            {key: value for key, value in entry.items() if key != "event"}
            for entry in logged
            if entry["event"] == name
        ]


class FakeAgent:
    """An HTTP server whose pages a test sets: path -> (status, body as it is or as JSON)."""

    def __init__(self) -> None:
        self.pages: dict[str, tuple[int, Any]] = {}
        self.asked: list[str] = []
        self.silent = threading.Event()  # set: it takes requests and says nothing
        self.dribbling = False  # it answers a byte at a time, without end
        self._released = threading.Event()
        agent = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                """Answer as the test says."""
                agent.answer(self)

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    def answer(self, handler: BaseHTTPRequestHandler) -> None:
        """Answer one request."""
        self.asked.append(handler.path)
        if self.silent.is_set():
            self._released.wait(30)
            return
        status, page = self.pages.get(handler.path, (404, {"msg": "Not Found"}))
        body = page if isinstance(page, bytes) else json.dumps(page).encode()
        handler.send_response(status)
        if self.dribbling:
            handler.end_headers()
            try:
                while not self._released.wait(0.05):
                    handler.wfile.write(b" ")
            except OSError:
                return
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    def close(self) -> None:
        """Stop, so that nobody listens any more."""
        self._released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def agent() -> Iterator[FakeAgent]:
    """Give a tunnel agent that knows no page yet."""
    fake = FakeAgent()
    yield fake
    fake.close()


@pytest.fixture
def make_agent() -> Iterator[Callable[[], FakeAgent]]:
    """Give a maker of such servers."""
    made: list[FakeAgent] = []

    def make() -> FakeAgent:
        made.append(FakeAgent())
        return made[-1]

    yield make
    for fake in made:
        fake.close()


class Process:
    """A running `python -m ncco_service` with its log."""

    def __init__(self, cwd: Path, environ: dict[str, str]) -> None:
        clean = {key: os.environ[key] for key in ("PATH", "HOME") if key in os.environ}
        self.popen = subprocess.Popen(
            [sys.executable, "-m", "ncco_service"],
            cwd=cwd,
            env=clean
            | {"PORT": "0", "OPERATOR_PORT": "0", "METRICS_PORT": "0"}
            | {"SOCKET_URL": "ws://127.0.0.1:1/socket"}
            | environ,
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
        """Wait for its end; give its status and its standard error."""
        status = self.popen.wait(PATIENCE)
        self._reader.join()
        assert self.popen.stderr is not None
        return status, self.popen.stderr.read()

    def close(self) -> None:
        """Stop it, whatever its state, and close its pipes."""
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


@pytest.fixture
def ask() -> Callable[..., tuple[int, Any]]:
    """Give a sender of single requests: URL, method, body, headers; it gives status and JSON."""
    return _ask


def _ask(url: str, method: str = "GET", body: Any = None, **headers: str) -> tuple[int, Any]:
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
