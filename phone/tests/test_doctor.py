"""The doctor, on healthy and on sick applications."""

import asyncio
import io
import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import soundfile
import trustme
from aiohttp import web
from phone.__main__ import main
from phone.audio.files import load
from phone.doctor import Check, Diagnosis, DoctorPlan, examine
from phone.doctor.network_checks import check_name, check_tls
from phone.legs.urls import is_local
from phone.testing import FakeApplication, closes_after, loses_every

from phone import CallPlan

pytestmark = pytest.mark.usefixtures("fast_clock")


async def look(application: FakeApplication, **settings: Any) -> dict[str, Check]:
    """Examine an application; return the checks by name, the last of each name."""
    plan = DoctorPlan(CallPlan(application.answer_url, **settings), requests=5)
    return {check.name: check for check in (await examine(plan)).checks}


async def test_healthy() -> None:
    """On a right application every check passes, but for what is only local or open."""
    async with FakeApplication() as application:
        checks = await look(application)
    verdicts = {name: check.verdict for name, check in checks.items()}
    assert verdicts == {
        "dns": "warning",
        "tls": "skipped",
        "readiness": "skipped",
        "answer GET": "ok",
        "answer POST": "ok",
        "media type": "ok",
        "latency": "ok",
        "ncco": "ok",
        "events": "ok",
        "socket tls": "skipped",
        "authorization": "warning",
        "handshake": "ok",
        "first message": "ok",
        "echo": "ok",
    }
    assert "p50" in checks["latency"].seen


async def test_sick_answers() -> None:
    """The first thing wrong with the answer is named with its advice."""

    async def html(request: web.Request) -> web.Response:
        return web.Response(text="[]", content_type="text/html")

    async def only_get(request: web.Request) -> web.Response:
        if request.method == "POST":
            return web.Response(status=405)
        return web.json_response([{"action": "dance"}])

    async with FakeApplication(answer=html) as application:
        checks = await look(application)
    assert checks["media type"].verdict == "failure"
    assert "application/json" in checks["media type"].advice
    assert "latency" not in checks
    async with FakeApplication(answer=only_get) as application:
        checks = await look(application)
    assert checks["answer POST"].verdict == "warning"
    assert checks["ncco"].verdict == "failure"
    assert "[0].action" in checks["ncco"].seen


@pytest.mark.parametrize(
    "body",
    [
        {"error": "not_ready", "message": "no public URL " + "x" * 300, "hint": "set PUBLIC_URL"},
        {"status": "not ready", "reasons": ["the echo is down " + "x" * 300, "set PUBLIC_URL"]},
    ],
)
async def test_why_a_call_would_not_work(body: dict[str, Any]) -> None:
    """An application that is not ready says why; its message and its advice are shown whole."""

    async def not_ready(request: web.Request) -> web.Response:
        return web.json_response(body, status=503)

    async with FakeApplication(answer=not_ready) as application:
        checks = await look(application)
    seen = checks["answer GET"].seen
    assert seen.startswith("HTTP 503")
    assert "x" * 300 in seen
    assert "set PUBLIC_URL)" in seen
    assert "{" not in seen


async def test_ngrok_error_page() -> None:
    """ngrok's own error pages are recognised by their header."""

    async def offline(request: web.Request) -> web.Response:
        return web.Response(status=404, headers={"ngrok-error-code": "ERR_NGROK_3200"})

    async with FakeApplication(answer=offline) as application:
        checks = await look(application)
    assert checks["answer GET"].verdict == "failure"
    assert "ERR_NGROK_3200" in checks["answer GET"].advice


async def test_dead_events() -> None:
    """An event URL that refuses is a failure; none at all is a warning."""

    async def refuse(request: web.Request) -> web.Response:
        return web.Response(status=500)

    async with FakeApplication(event=refuse) as application:
        checks = await look(application)
    assert checks["events"].verdict == "failure"
    async with FakeApplication() as application:
        application._ncco = [application.connect(eventUrl=None)]
        checks = await look(application)
    assert checks["events"].verdict == "warning"


@pytest.mark.parametrize("body", ["[oops", "[" * 5000, '[{"action":"talk","text":"Hi."}]'])
async def test_events_with_an_answer(body: str) -> None:
    """An NCCO in the reply to the first event is a warning, whatever it is."""

    async def event(request: web.Request) -> web.Response:
        return web.Response(text=body, content_type="application/json")

    async with FakeApplication(event=event) as application:
        checks = await look(application)
    assert checks["events"].verdict == "warning"
    assert "with an NCCO in the reply" in checks["events"].seen


async def test_streams() -> None:
    """A file that the NCCO plays must be there, and playable."""
    sound = io.BytesIO()
    soundfile.write(sound, load("speech", 8000).samples, 8000, format="WAV")
    files = {"right.wav": sound.getvalue(), "wrong.wav": b"<html>"}
    cases = (("right.wav", "ok", "s of WAV"), ("wrong.wav", "failure", "cannot be read as audio"))
    async with FakeApplication(files=files) as application:
        for name, verdict, seen in (*cases, ("missing.wav", "failure", "HTTP 404")):
            play = {"action": "stream", "streamUrl": [application.file_url(name)]}
            application._ncco = [play, application.connect()]
            check = (await look(application))["stream"]
            assert (check.verdict, seen in check.seen) == (verdict, True)


async def test_authorization() -> None:
    """A server that checks is well; one that opens to a wrong key is not."""

    async def guarded(request: web.Request) -> web.StreamResponse:
        if request.headers.get("Authorization") != "Bearer right":
            return web.Response(status=401)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            if message.type == web.WSMsgType.BINARY:
                await socket.send_bytes(message.data)
        return socket

    key = {"authorization": {"type": "custom", "value": "Bearer right"}}
    async with FakeApplication(handshake=guarded) as application:
        application._ncco = [application.connect(endpoint=key)]
        checks = await look(application)
    assert checks["authorization"].verdict == "ok"
    assert checks["echo"].verdict == "ok", checks["echo"].seen
    async with FakeApplication() as application:
        application._ncco = [application.connect(endpoint=key)]
        checks = await look(application)
    assert "accepts a wrong one" in checks["authorization"].seen


async def test_sick_sockets() -> None:
    """A socket that closes fails; one that is no good echo is warned of."""
    async with FakeApplication(closes_after(3)) as application:
        checks = await look(application)
    assert checks["first message"].verdict == "failure"
    assert "1011" in checks["first message"].seen
    async with FakeApplication(loses_every(5)) as application:
        checks = await look(application)
    assert checks["echo"].verdict == "warning"
    assert "lost" in checks["echo"].seen
    async with FakeApplication() as application:
        application._ncco = [{"action": "talk", "text": "Hi."}]
        checks = await look(application)
    assert checks["socket"].verdict == "failure"


@asynccontextmanager
async def tls_server(certificate: trustme.LeafCert) -> AsyncIterator[int]:
    """Serve TLS with a certificate; yield the port."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.transport.abort()

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def test_certificates(tmp_path: Path) -> None:
    """An unknown authority and a wrong name are refused; a named authority is trusted."""
    authority = trustme.CA()
    right, wrong = authority.issue_cert("localhost"), authority.issue_cert("other.example")
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)
    cases = [(right, None, "failure"), (right, trusting, "ok"), (wrong, trusting, "failure")]
    for certificate, trust, verdict in cases:
        diagnosis = Diagnosis("")
        async with tls_server(certificate) as port:
            await check_tls(diagnosis, "tls", f"https://localhost:{port}/", trust)
        assert [check.verdict for check in diagnosis.checks] == [verdict], diagnosis.checks


async def test_unencrypted_public_names() -> None:
    """http and ws to a public name are warned of, without a connection."""
    diagnosis = Diagnosis("")
    assert await check_tls(diagnosis, "tls", "ws://example.com/socket", None)
    assert diagnosis.checks[0].verdict == "warning"
    assert "wss://" in diagnosis.checks[0].advice


async def test_unknown_name() -> None:
    """A name that nobody knows is the first failure, and the last check."""
    diagnosis = Diagnosis("")
    assert not await check_name(diagnosis, "https://no-such-host.invalid/")
    assert diagnosis.worst == "failure"


@pytest.mark.parametrize(
    ("url", "local"),
    [
        ("http://localhost:1/", True),
        ("http://127.0.0.1/", True),
        ("http://10.0.0.1/", True),
        ("http://gateway:8080/", True),
        ("wss://echo.internal/", True),
        ("https://example.com/", False),
        ("https://8.8.8.8/", False),
    ],
)
def test_local_names(url: str, local: bool) -> None:
    """Names that only a private network knows are local."""
    assert is_local(url) is local


def test_command(capsys: pytest.CaptureFixture[str]) -> None:
    """The exit status follows the worst check; --json prints them all."""
    url = "http://127.0.0.1:9/answer"
    assert main(["doctor", url, "--requests", "1"]) == 1
    assert "FAIL" in capsys.readouterr().out
    assert main(["doctor", url, "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["worst"] == "failure"
    assert main(["doctor", "--requests", "0"]) == 2


async def test_command_on_a_healthy_application(capsys: pytest.CaptureFixture[str]) -> None:
    """Only warnings exit 3."""
    async with FakeApplication() as application:
        arguments = ["doctor", application.answer_url, "--requests", "2"]
        assert await asyncio.to_thread(main, arguments) == 3
    out = capsys.readouterr().out
    assert "ok   echo" in out
    assert "warn authorization" in out
