"""The OpenAPI document held against the code: every request is answered as it says."""

import json
import threading
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import schemathesis
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import HealthCheck, given, settings
from ncco_service.app import create_app, create_operator_app, service_of
from ncco_service.settings import Settings
from ncco_service.views.openapi import document
from schemathesis.specs.openapi.checks import positive_data_acceptance


class Platform(BaseHTTPRequestHandler):
    """Takes every request."""

    def _answer(self, status: int) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        body = json.dumps({"uuid": str(uuid.uuid4()), "conversation_uuid": "CON-1"}).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self) -> None:
        """Show a call."""
        self._answer(200)

    do_PUT = do_DELETE = do_GET

    def do_POST(self) -> None:
        """Place a call."""
        self._answer(201)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def api() -> Iterator[Any]:
    """Give the interface as its document describes it, before a platform that takes everything."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Platform)
    server.daemon_threads = True
    serving = threading.Thread(target=server.serve_forever, args=(0.02,))
    serving.start()
    patch = pytest.MonkeyPatch()
    patch.setattr("ncco_service.calls.voice_api.OTHER_REQUESTS_PER_SECOND", 100_000)
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    environ = {
        "VONAGE_APPLICATION_ID": "an-application",
        "VONAGE_PRIVATE_KEY": key.private_bytes(
            Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
        ).decode(),
        "VONAGE_API_URL": f"http://127.0.0.1:{server.server_address[1]}",
        "SOCKET_URL": "ws://127.0.0.1:1/socket",
        "PUBLIC_URL": "http://127.0.0.1:1",
        "CALLS_PER_SECOND": "1000",
    }
    app = create_app(Settings.from_env(environ))
    service = service_of(app)
    assert service.calls is not None
    service.calls.start()
    yield schemathesis.openapi.from_wsgi("/openapi.json", create_operator_app(service))
    service.calls.stop()
    patch.undo()
    server.shutdown()
    server.server_close()
    serving.join()


WITH_HEADERS = ("/calls", "/meetings/{name}/socket")
TOO_MANY_BYTES = [positive_data_acceptance]  # no schema can say that headers have 512 at most
OPERATIONS = [(path, method) for path, item in document()["paths"].items() for method in item]


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_the_interface_is_as_its_document_says(api: Any, path: str, method: str) -> None:
    """No request makes an error of its own, and every answer has a status and a shape it names."""

    @given(case=api[path][method].as_strategy())
    @settings(
        max_examples=10, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
    )
    def ask(case: Any) -> None:
        case.call_and_validate(excluded_checks=TOO_MANY_BYTES if path in WITH_HEADERS else [])

    ask()
