"""Certificates, as strict as the platform: webhooks and sockets that a real call would refuse."""

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import trustme
from phone.testing import FakeApplication

from phone import CallPlan, CallReport, call

pytestmark = pytest.mark.usefixtures("fast_clock")
ADVICE = "serve a certificate with its whole chain from a public authority"


def serving(certificate: trustme.LeafCert) -> ssl.SSLContext:
    """Return a server's side of TLS."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


async def place(application: FakeApplication, **settings: object) -> CallReport:
    """Place a short call."""
    plan = {"seconds": 0.2, "wait": 0.5} | settings
    return await call(CallPlan(application.answer_url, **plan))  # type: ignore[arg-type]  # by name


async def test_a_trusted_certificate(tmp_path: Path) -> None:
    """Webhooks and the socket work over TLS with an authority that is trusted."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    tls = serving(authority.issue_cert("localhost"))
    async with FakeApplication(tls=tls) as application:
        report = await place(application, ca_file=tmp_path / "ca.pem")
    assert report.ok, report.failures
    assert report.sockets[0].uri.startswith("wss://localhost:")


@pytest.mark.parametrize(
    ("name", "expired", "trusted", "seen"),
    [
        ("localhost", False, False, "certificate"),
        ("other.example", False, True, "Hostname mismatch"),
        ("localhost", True, True, "certificate has expired"),
    ],
)
async def test_certificates_that_the_platform_refuses(
    tmp_path: Path, name: str, expired: bool, trusted: bool, seen: str
) -> None:
    """An unknown authority, a wrong name and an expired certificate are said, and not retried."""
    authority = trustme.CA()
    (authority if trusted else trustme.CA()).cert_pem.write_to_path(tmp_path / "ca.pem")
    end = datetime.now(UTC) - timedelta(days=1) if expired else None
    certificate = authority.issue_cert(name, not_after=end)
    async with FakeApplication(tls=serving(certificate)) as application:
        report = await place(application, ca_file=tmp_path / "ca.pem")
        (problem,) = report.failures
    assert problem.step == "answer"
    assert problem.seen.startswith("TLS with localhost:")
    assert seen in problem.seen
    assert "(1 attempt)" in problem.seen
    assert ADVICE in problem.advice
    assert application.answered == []


async def test_a_socket_that_the_platform_refuses() -> None:
    """A socket whose certificate is not trusted fails, and is told apart from a wrong URL."""
    tls = serving(trustme.CA().issue_cert("localhost"))
    async with FakeApplication(tls=tls) as hidden, FakeApplication() as application:
        application._ncco = [application.connect(endpoint={"uri": hidden.socket_url})]
        report = await place(application)
        assert application.statuses("wss://") == ["started", "ringing", "failed"]
    (problem,) = report.failures
    assert problem.step == "socket"
    assert problem.seen.startswith(f"TLS with {hidden.socket_url} failed: ")
    assert ADVICE in problem.advice


async def test_no_tls_behind_https() -> None:
    """An https:// URL of a server that speaks plain HTTP is no certificate's fault."""
    async with FakeApplication() as application:
        application.url = application.url.replace("http:", "https:")
        report = await place(application)
    assert "TLS with 127.0.0.1" in report.failures[0].seen
