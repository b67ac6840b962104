"""The probe: a real handshake with the socket's public address, and what it reports."""

import contextlib
import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import jwt
import pytest
import trustme
from flask import Flask
from ncco_service.app import service_of
from ncco_service.discovery import probe
from ncco_service.discovery.probe import Probe, handshake
from ncco_service.http.fetch import FetchError
from websockets.exceptions import ConnectionClosed
from websockets.http11 import Request, Response
from websockets.sync.server import Server, ServerConnection, serve

Events = Callable[[str], list[dict[str, Any]]]
MakeApp = Callable[..., Flask]
SECRET = "0123456789abcdef" * 4


class Echo:
    """A WebSocket server that records its handshakes; `refuse` is a status to refuse with."""

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.refuse: int | None = None
        self.seen: queue.Queue[tuple[str, str | None]] = queue.Queue()
        self.closed: queue.Queue[int | None] = queue.Queue()
        self._server: Server = serve(
            self._talk, "127.0.0.1", 0, ssl=tls, process_request=self._check, compression=None
        )
        self.port: int = self._server.socket.getsockname()[1]
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()

    def _check(self, connection: ServerConnection, request: Request) -> Response | None:
        self.seen.put((request.path, request.headers.get("Authorization")))
        return connection.respond(self.refuse, "no\n") if self.refuse else None

    def _talk(self, connection: ServerConnection) -> None:
        try:
            connection.recv(timeout=60)
        except ConnectionClosed as end:
            self.closed.put(end.rcvd.code if end.rcvd else None)

    def close(self) -> None:
        """Stop."""
        self._server.shutdown()
        self._thread.join()


@pytest.fixture
def echo() -> Iterator[Echo]:
    """Give a plain server."""
    server = Echo()
    yield server
    server.close()


def test_an_open_socket_is_closed_properly(echo: Echo) -> None:
    """Path, query and token are as a call's; the close frame has code 1000."""
    handshake(f"ws://127.0.0.1:{echo.port}/socket?a=b", "Bearer t")
    assert echo.seen.get(timeout=60) == ("/socket?a=b", "Bearer t")
    assert echo.closed.get(timeout=60) == 1000


@pytest.fixture
def authority() -> trustme.CA:
    """Give a certificate authority."""
    return trustme.CA()


@pytest.fixture
def secure(authority: trustme.CA) -> Iterator[Echo]:
    """Give a server with a certificate of that authority for localhost."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    server = Echo(context)
    yield server
    server.close()


def test_a_good_certificate_is_taken(
    secure: Echo, authority: trustme.CA, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its name and its issuer are verified."""
    trusted = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(trusted))
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))
    handshake(f"wss://localhost:{secure.port}/socket", None)
    assert secure.closed.get(timeout=60) == 1000
    with pytest.raises(FetchError, match="bad certificate: IP address mismatch"):
        handshake(f"wss://127.0.0.1:{secure.port}/socket", None)


def test_a_bad_certificate_is_refused(secure: Echo) -> None:
    """Vonage would refuse it, too."""
    with pytest.raises(FetchError, match="has a bad certificate: "):
        handshake(f"wss://localhost:{secure.port}/socket", None)


def test_a_refusal_is_reported(echo: Echo) -> None:
    """With its status; the query, which may hold a secret, is not shown."""
    echo.refuse = 403
    with pytest.raises(FetchError) as caught:
        handshake(f"ws://127.0.0.1:{echo.port}/socket?sesam", None)
    url = f"ws://127.0.0.1:{echo.port}/socket"
    assert str(caught.value) == f"{url} answered the WebSocket handshake with 403"


def answer_with(reply: bytes, then: threading.Event) -> tuple[int, threading.Thread]:
    """Listen for one connection and answer it with some bytes; give the port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def run() -> None:
        with listener, listener.accept()[0] as peer:
            peer.recv(4096)
            peer.sendall(reply)
            if reply:
                peer.shutdown(socket.SHUT_WR)
            then.wait(60)

    thread = threading.Thread(target=run)
    thread.start()
    return listener.getsockname()[1], thread


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (b"hello\r\n\r\n", "sent something that is not HTTP"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "handshake with 200"),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", "but not as a WebSocket does"),
        (b"", "did not answer in time"),
    ],
)
def test_other_servers_fail(reply: bytes, said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not HTTP, not a WebSocket, or silent: within bounds, in words."""
    monkeypatch.setattr(probe, "OPEN_SECONDS", 60.0 if reply else 0.3)
    done = threading.Event()
    port, thread = answer_with(reply, done)
    try:
        with pytest.raises(FetchError, match=said):
            handshake(f"ws://127.0.0.1:{port}/socket", None)
    finally:
        done.set()
        thread.join()


def test_a_closed_port_is_reported() -> None:
    """The message says that the connection was refused."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # and not listening
        url = f"ws://127.0.0.1:{closed.getsockname()[1]}/socket"
        with pytest.raises(FetchError, match="cannot be reached: Connection refused"):
            handshake(url, None)


def test_attempts_are_spaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every 30 s while they succeed, every 5 s while they fail, at once when the address is new."""
    tried: list[tuple[float, str]] = []
    failing = {"wss://bad/socket"}
    clock = [0.0]
    url: list[str | None] = [None]

    def attempt(address: str, authorization: str | None) -> None:
        tried.append((clock[0], address))
        if address in failing:
            raise FetchError("nobody there")

    monkeypatch.setattr(probe, "handshake", attempt)
    watch = Probe(lambda: url[0], lambda: None, 30, clock=lambda: clock[0])

    def let_pass(seconds: int) -> None:
        for _ in range(seconds):
            clock[0] += watch.poll()

    let_pass(3)
    assert tried == []
    url[0] = "wss://bad/socket"
    let_pass(12)
    url[0] = "wss://good/socket"
    let_pass(40)
    assert [moment for moment, address in tried if "bad" in address] == [3, 8, 13]
    assert [moment for moment, address in tried if "good" in address] == [15, 45]


def test_a_doubt_is_a_reason_to_try_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """When the agent falls silent and when it is back; every 30 s while it is silent."""
    tried: list[float] = []
    clock, doubt = [0.0], [""]

    def attempt(address: str, authorization: str | None) -> None:
        tried.append(clock[0])

    monkeypatch.setattr(probe, "handshake", attempt)
    watch = Probe(
        lambda: "wss://good/socket",
        lambda: None,
        300,
        doubt=lambda: doubt[0] or None,
        clock=lambda: clock[0],
    )
    for second in range(200):
        doubt[0] = "the agent is silent" if 100 <= second < 150 else ""
        clock[0] += watch.poll()
    assert tried == [0, 100, 130, 150]


def test_a_socket_for_vonage_only_has_to_demand_its_token(echo: Echo) -> None:
    """Nobody else has Vonage's token, so a 401 counts as success."""
    url = f"ws://127.0.0.1:{echo.port}/socket"
    echo.refuse = 401
    for only_vonage, problem in ((True, None), (False, f"{url} answered the WebSocket")):
        watch = Probe(lambda: url, lambda: None, 30, only_vonage=only_vonage)
        watch.poll()
        found = watch.problem(url)
        assert found == problem if problem is None else str(found).startswith(problem)


def test_the_readiness_waits_for_the_probe(make_app: MakeApp, echo: Echo) -> None:
    """Not tried, failed, and recovered, with a ticket of its own each time."""
    url = f"ws://127.0.0.1:{echo.port}/socket"
    app = make_app(SOCKET_URL=url, PROBE_SOCKET="1", SOCKET_SECRET=SECRET)
    client, watch = app.test_client(), service_of(app).discovery.probe
    assert watch is not None
    ready = client.get("/readyz")
    assert ready.status_code == 503
    assert ready.get_json()["reasons"] == ["the socket's public address has not been tried yet"]
    echo.refuse = 503
    watch.poll()
    (reason,) = client.get("/readyz").get_json()["reasons"]
    assert reason == f"{url} answered the WebSocket handshake with 503"
    echo.refuse = None
    watch._clock = lambda: time.monotonic() + 60
    watch.poll()
    ready = client.get("/readyz")
    assert ready.status_code == 200
    assert ready.get_json()["probe"]["url"] == url
    assert ready.get_json()["probe"]["error"] is None
    tokens = [str(echo.seen.get(timeout=60)[1]).removeprefix("Bearer ") for _ in range(2)]
    claims: list[dict[str, Any]] = [
        jwt.decode(token, SECRET, algorithms=["HS256"], audience="socket") for token in tokens
    ]
    assert [each["sub"] for each in claims] == ["probe", "probe"]
    assert claims[0]["jti"] != claims[1]["jti"]


def test_it_is_on_with_an_address_unless_set_otherwise(make_app: MakeApp) -> None:
    """PROBE_SOCKET decides; unset, a tunnel or SOCKET_URL does."""
    tunnel = "http://127.0.0.1:9"
    assert service_of(make_app()).discovery.probe is not None
    assert service_of(make_app(SOCKET_URL="")).discovery.probe is None
    assert service_of(make_app(PROBE_SOCKET="0")).discovery.probe is None
    assert service_of(make_app(NGROK_API_URL=tunnel)).discovery.probe is not None
    assert service_of(make_app(NGROK_API_URL=tunnel, PROBE_SOCKET="0")).discovery.probe is None


@pytest.mark.parametrize(
    ("path", "refuse", "said"),
    [
        (
            "",
            404,
            "answered the WebSocket handshake with 404; the echo service's socket is at /soc",
        ),
        ("/socket/", 404, "at /socket: set SOCKET_URL=ws://127.0.0.1:"),
        ("/socket", 502, "answered the WebSocket handshake with 502"),
        ("/socket", None, None),
        ("/socket", 401, None),
        ("/socket", 403, None),
    ],
)
def test_an_address_of_a_setting_is_tried(
    make_app: MakeApp, echo: Echo, path: str, refuse: int | None, said: str | None
) -> None:
    """SOCKET_URL without /socket is not ready; what demands somebody else's key may be."""
    app = make_app(SOCKET_URL=f"ws://127.0.0.1:{echo.port}{path}")
    client, watch = app.test_client(), service_of(app).discovery.probe
    assert watch is not None
    assert client.get("/readyz").status_code == 200
    echo.refuse = refuse
    watch.poll()
    ready = client.get("/readyz")
    assert ready.status_code == (503 if said else 200)
    assert (said or "") in " ".join(ready.get_json().get("reasons", []))


def test_an_address_of_a_setting_is_tried_until_it_opens(make_app: MakeApp, echo: Echo) -> None:
    """It may be somebody else's application: once it has opened it is left alone."""
    app = make_app(SOCKET_URL=f"ws://127.0.0.1:{echo.port}/socket")
    watch = service_of(app).discovery.probe
    assert watch is not None
    for minute in range(3):
        watch._clock = lambda at=minute: time.monotonic() + 60 * at  # type: ignore[misc]
        watch.poll()
    assert echo.seen.qsize() == 1


def test_an_address_that_cannot_be_reached_from_here_may_be_right(
    make_app: MakeApp, events: Events
) -> None:
    """That is logged, and does not make the service not ready."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # and not listening
        app = make_app(SOCKET_URL=f"ws://127.0.0.1:{closed.getsockname()[1]}/socket")
        watch = service_of(app).discovery.probe
        assert watch is not None
        watch.poll()
    ready = app.test_client().get("/readyz")
    assert ready.status_code == 200
    assert "cannot be reached" in ready.get_json()["probe"]["error"]
    (line,) = events("socket_probe")
    assert line["log_level"] == "warning"


def test_it_works_in_the_service(start: Callable[..., Any], ask: Callable[..., Any]) -> None:
    """As a background job under gevent: a good socket, then one that never answers."""
    with contextlib.closing(Echo()) as good, socket.create_server(("127.0.0.1", 0)) as silent:
        for port, error in (
            (good.port, None),
            (silent.getsockname()[1], "did not answer in time"),
        ):
            url = f"ws://127.0.0.1:{port}/socket"
            service = start(SOCKET_URL=url, PROBE_SOCKET="1").listening()
            deadline = time.monotonic() + 60
            while (report := ask(f"{service}/readyz")[1]["probe"])["url"] is None:
                assert time.monotonic() < deadline
                time.sleep(0.05)
            assert report["error"] == (error and f"{url} {error}")
            assert ask(f"{service}/readyz")[0] == (503 if error else 200)
