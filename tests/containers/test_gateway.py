"""The gateway: what it forwards, which headers it trusts, and what it hides."""

from __future__ import annotations

import http.client
import json
import secrets
import socket
import ssl
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from tests.compose import ROOT, ComposeStack
from tests.engine import docker, free_port
from tests.waiting import until

HERE = Path(__file__).resolve().parent
NAME = "calls.localhost"
"""A name for which no public authority has a certificate."""
DOMAIN = "calls.example.test"
"""A name for which a test has an authority."""
HEALTH = "{{.State.Health.Status}}"
SPOOF = {
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-For": "192.0.2.7",
}


class Gateway:
    """The gateway's image alone, in front of a mirror instead of both services."""

    def __init__(self) -> None:
        self.name = f"caw-test-{secrets.token_hex(4)}"
        self.plain, self.http, self.https = free_port(), free_port(), free_port()

    def start(self) -> None:
        """Start both containers on a network of their own."""
        docker("build", "--quiet", "--tag", self.name, str(ROOT / "gateway"))
        docker("network", "create", self.name)
        docker(
            "run", "--detach", "--name", f"{self.name}-backend", "--network", self.name, "--init",
            "--network-alias", "ncco-service", "--network-alias", "echo-service",
            "--volume", f"{HERE / 'backend.py'}:/backend.py:ro",
            "python:3.13-slim", "python", "/backend.py",
        )  # fmt: skip
        ports = {self.plain: 8080, self.http: 80, self.https: 443}
        published = [f"--publish=127.0.0.1:{outer}:{inner}" for outer, inner in ports.items()]
        docker(
            "run", "--detach", "--name", self.name, "--network", self.name, "--read-only",
            "--cap-drop", "ALL", "--tmpfs", "/tmp", "--env", f"SITE_ADDRESS={NAME}",
            "--volume", f"{self.name}:/certificates",
            "--health-interval", "1s", *published, self.name,
        )  # fmt: skip
        until(lambda: self.get("/ncco")[0] == 200, "the gateway to forward")

    def remove(self) -> None:
        """Remove everything that `start` created."""
        for name in (self.name, f"{self.name}-backend"):
            docker("rm", "--force", "--volumes", name)
        docker("network", "rm", self.name)
        docker("volume", "rm", "--force", self.name)
        docker("rmi", "--force", self.name)

    def certificate(self) -> str:
        """Return the certificate that it has until an authority gives it another."""
        return docker("exec", self.name, "openssl", "x509", "-in", "/tmp/site.pem")

    def renew(self, certificate: str) -> None:
        """Put a certificate with its key where the gateway looks for a renewed one."""
        script = "import pathlib, sys; pathlib.Path('/c/site.pem').write_text(sys.argv[1])"
        docker(
            "run", "--rm", "--volume", f"{self.name}:/c", "python:3.13-slim",
            "python", "-c", script, certificate,
        )  # fmt: skip

    def has_logged(self, text: str) -> None:
        """Wait until the log's last line, which follows the answer, has a text."""
        until(lambda: text in docker("logs", self.name).splitlines()[-1], f"a line with {text}")

    def get(
        self, path: str, headers: dict[str, str] | None = None, tls: str = ""
    ) -> tuple[int, Any, http.client.HTTPMessage]:
        """GET a path as given, by TLS if a CA is; return status, JSON or text, and headers."""
        connection: http.client.HTTPConnection
        if tls:
            context = ssl.create_default_context(cadata=tls)
            connection = _Named("127.0.0.1", self.https, timeout=20, context=context)
            headers = {"Host": NAME, **(headers or {})}
        else:
            connection = http.client.HTTPConnection("127.0.0.1", self.plain, timeout=20)
        try:
            connection.request("GET", path, headers=headers or {})
            answer = connection.getresponse()
            text = answer.read().decode()
        except OSError as error:
            return 0, str(error), http.client.HTTPMessage()
        finally:
            connection.close()
        is_json = answer.getheader("Content-Type", "").startswith("application/json")
        return answer.status, json.loads(text) if is_json else text, answer.headers


class _Named(http.client.HTTPSConnection):
    """A connection to an address, with a request for the domain and its certificate."""

    def connect(self) -> None:
        """Connect, then do the TLS handshake with the domain's name."""
        http.client.HTTPConnection.connect(self)
        context: ssl.SSLContext = self._context  # type: ignore[attr-defined]  # http.client's own
        self.sock = context.wrap_socket(self.sock, server_hostname=NAME)


@pytest.fixture(scope="module")
def gateway() -> Iterator[Gateway]:
    """Yield a gateway in front of a mirror."""
    alone = Gateway()
    try:
        alone.start()
        yield alone
    finally:
        alone.remove()


@pytest.mark.parametrize(
    ("path", "port"),
    [
        ("/webhooks/answer?from=1&to=2", 8000),
        ("/webhooks/events", 8000),
        ("/webhooks/fallback", 8000),
        ("/ncco", 8000),
        ("/socket", 8001),
        ("/socket?token=x", 8001),
    ],
)
def test_each_service_has_its_paths(gateway: Gateway, path: str, port: int) -> None:
    """Webhooks go to one service and the socket to the other, with their queries."""
    status, seen, _ = gateway.get(path)
    assert (status, seen["port"], seen["path"]) == (200, port, path)


@pytest.mark.parametrize(
    "path",
    [
        "/", "/healthz", "/readyz", "/metrics", "/webhooks", "/socket/", "/socket/x", "/sockets",
        "/ncco/", "/calls", "/config/", "/webhooks/../healthz", "/webhooks/%2e%2e/readyz",
        "/webhooks/..%2freadyz", "/webhooks/x/../../metrics", "//readyz", "/socket/../metrics",
    ],
)  # fmt: skip
def test_everything_else_is_404(gateway: Gateway, path: str) -> None:
    """Everything else is 404 in the common error format, whatever the path's spelling."""
    status, error, headers = gateway.get(path)
    assert status == 404
    assert set(error) == {"error", "message", "hint"}
    assert headers["Content-Type"] == "application/json"


def test_the_tunnel_is_believed(gateway: Gateway) -> None:
    """From a private address, such as the agent's, forwarded headers pass, extended by it."""
    sent = {"Host": "public.example", "x-forwarded-for": "192.0.2.6", **SPOOF}  # two lines
    _, seen, _ = gateway.get("/webhooks/answer", sent)
    headers = seen["headers"]
    assert headers["host"] == "public.example"
    assert headers["x-forwarded-host"] == "evil.example"
    assert headers["x-forwarded-proto"] == "https"
    assert headers["x-forwarded-for"].startswith("192.0.2.6, 192.0.2.7, ")


def test_without_a_tunnel_the_gateway_says_it_itself(gateway: Gateway) -> None:
    """Host, scheme and address are those of the connection."""
    _, seen, _ = gateway.get("/webhooks/answer", {"Host": "public.example"})
    assert seen["headers"]["x-forwarded-host"] == "public.example"
    assert seen["headers"]["x-forwarded-proto"] == "http"
    assert "," not in seen["headers"]["x-forwarded-for"]


def test_a_domain_has_a_certificate_and_believes_nobody(gateway: Gateway) -> None:
    """With your own domain there is no proxy in front: forwarded headers are overwritten."""
    own = gateway.certificate()
    status, seen, _ = gateway.get("/webhooks/answer", SPOOF, tls=own)
    assert status == 200
    headers = seen["headers"]
    assert headers["x-forwarded-host"] == headers["host"] == NAME
    assert headers["x-forwarded-proto"] == "https"
    assert "192.0.2.7" not in headers["x-forwarded-for"]
    assert gateway.get("/readyz", tls=own)[0] == 404


def test_a_domain_sends_http_to_https(gateway: Gateway) -> None:
    """Port 80 only redirects to 443."""
    connection = http.client.HTTPConnection("127.0.0.1", gateway.http, timeout=20)
    connection.request("GET", "/webhooks/answer", headers={"Host": NAME})
    answer = connection.getresponse()
    answer.read()
    connection.close()
    assert answer.status in (301, 308)
    assert str(answer.getheader("Location")).startswith(f"https://{NAME}/")


@pytest.mark.parametrize("port", ["plain", "http", "https"])
def test_silence_is_cut_off(gateway: Gateway, port: str) -> None:
    """A silent connection is closed after five seconds, on each port."""
    with socket.create_connection(("127.0.0.1", getattr(gateway, port)), timeout=20) as peer:
        assert peer.recv(1) == b""


def test_nothing_private_listens_on_the_network(gateway: Gateway) -> None:
    """Another container reaches no port but the gateway's own."""
    script = (
        "import socket, sys\n"
        "for port in sys.argv[2:]:\n"
        "    try: socket.create_connection((sys.argv[1], int(port)), 2).close(); print(port)\n"
        "    except OSError: pass\n"
    )
    ask = ("python", "-c", script, gateway.name, "2019", "2020", "8080")
    assert docker("exec", f"{gateway.name}-backend", *ask).split() == ["8080"]


def test_its_health_is_its_own(gateway: Gateway) -> None:
    """The container's health check asks only HAProxy; `ready` says whether a call would work."""
    until(
        lambda: docker("inspect", "-f", HEALTH, gateway.name).strip() == "healthy",
        "the image's own health check",
    )


def test_a_dead_service_is_503_which_the_platform_repeats(gateway: Gateway) -> None:
    """A missing service is 503, not 502, which Vonage does not retry; then it works at once."""
    docker("stop", "--time", "1", f"{gateway.name}-backend")
    try:
        for path in ("/webhooks/answer", "/socket"):
            status, error, headers = gateway.get(path)
            assert status == 503
            assert set(error) == {"error", "message", "hint"}
            assert headers["Retry-After"] == "1"
            gateway.has_logged(f'"uri": "{path}"')
    finally:
        docker("start", f"{gateway.name}-backend")
    until(lambda: gateway.get("/ncco")[0] == 200, "the gateway to forward again")


@pytest.mark.parametrize(
    ("path", "size", "status"), [("/nothing", 0, 404), ("/webhooks/events", 70_000, 413)]
)
def test_what_it_answers_itself_is_logged(
    gateway: Gateway, path: str, size: int, status: int
) -> None:
    """The log has method, path and status, but no query, which has numbers, and no headers."""
    connection = http.client.HTTPConnection("127.0.0.1", gateway.plain, timeout=20)
    headers = {"Authorization": "Bearer a-ticket", "Content-Type": "application/json"}
    headers["Content-Length"] = str(size)  # which is enough: it does not wait for the body
    connection.request("POST", f"{path}?from=447700900000", headers=headers)
    assert connection.getresponse().status == status
    connection.close()
    said = f'"method": "POST", "uri": "{path}", "status": {status}}}'
    until(lambda: said in docker("logs", gateway.name), "a line")
    log = docker("logs", gateway.name)
    assert "447700900000" not in log
    assert "a-ticket" not in log


def test_what_the_services_answer_they_log(gateway: Gateway) -> None:
    """The gateway logs nothing about requests that it only forwards."""
    assert gateway.get("/webhooks/forwarded")[0] == 200
    assert gateway.get("/last")[0] == 404
    until(lambda: '"uri": "/last"' in docker("logs", gateway.name), "a line")
    log = docker("logs", gateway.name)
    assert "/webhooks/forwarded" not in log


def test_a_renewed_certificate_cuts_nothing(gateway: Gateway) -> None:
    """It is used for new connections, while those of before go on."""
    context = ssl.create_default_context(cadata=gateway.certificate())
    before = _Named("127.0.0.1", gateway.https, timeout=20, context=context)
    renewed = trustme.CA()
    certificate = renewed.issue_cert(NAME).private_key_and_cert_chain_pem.bytes().decode()
    try:
        before.request("GET", "/ncco", headers={"Host": NAME})
        assert before.getresponse().read()
        gateway.renew(certificate)
        authority = renewed.cert_pem.bytes().decode()
        until(lambda: gateway.get("/ncco", tls=authority)[0] == 200, "the new certificate")
        before.request("GET", "/ncco", headers={"Host": NAME})
        assert before.getresponse().status == 200
    finally:
        before.close()


@pytest.fixture
def authority(tmp_path: Path) -> Path:
    """Return a folder with a certificate authority's configuration and its certificate."""
    issuer = trustme.CA()
    own = issuer.issue_cert("authority")
    issuer.cert_pem.write_to_path(tmp_path / "ca.pem")
    own.private_key_pem.write_to_path(tmp_path / "own.key")
    own.cert_chain_pems[0].write_to_path(tmp_path / "own.pem")
    settings = {
        "listenAddress": ":14000", "managementListenAddress": ":15000", "httpPort": 80,
        "certificate": "/edge/own.pem", "privateKey": "/edge/own.key",
    }  # fmt: skip
    (tmp_path / "pebble.json").write_text(json.dumps({"pebble": settings}))
    tmp_path.chmod(0o755)  # the containers' users do not own it
    for file in tmp_path.iterdir():
        file.chmod(0o644)
    return tmp_path


def test_a_call_under_ones_own_domain(authority: Path) -> None:
    """With docker-compose.domain.yml an authority checks the domain, and a call by TLS works."""
    files = [ROOT / "docker-compose.domain.yml", HERE / "domain" / "docker-compose.yml"]
    # Of a port mapping the first part, so that tests are open to this machine only.
    ports = {name: f"127.0.0.1:{free_port()}" for name in ("HTTP_PORT", "HTTPS_PORT")}
    env = {
        "SITE_ADDRESS": DOMAIN,
        "ACME_DIRECTORY": "https://authority:14000/dir",
        "EDGE": str(authority),
        **ports,
    }
    with ComposeStack(files=files, env=env) as stack:
        trusted = ssl.create_default_context(cafile=str(authority / "ca.pem"))
        trusted.check_hostname = False
        roots = f"https://{stack.address('authority')}:15000/roots/0"
        with urllib.request.urlopen(roots, timeout=20, context=trusted) as answer:
            (authority / "root.pem").write_bytes(answer.read())
        (authority / "root.pem").chmod(0o644)
        until(lambda: "a new certificate" in stack.logs("gateway"), "the certificate in use")
        target = f"https://{DOMAIN}/webhooks/answer"
        done = stack.run("run", "--rm", "phone", "call", target, "--json", "--seconds", "1")
        report = json.loads(done.stdout[done.stdout.index("{\n") :])
        assert report["ok"], report["problems"]
        assert report["sockets"][0]["uri"] == f"wss://{DOMAIN}/socket"
        assert {event["url"] for event in report["events"]} == {f"https://{DOMAIN}/webhooks/events"}
