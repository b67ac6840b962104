"""The service as a process: it starts, logs where it listens, serves, and stops."""

import signal
import socket
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

PATIENCE = 60.0  # seconds, for a machine that is busy with other things

Start = Callable[..., Any]
Ask = Callable[..., tuple[int, Any]]


def test_it_serves_and_stops(start: Start, ask: Ask) -> None:
    """It logs its real port, answers, and ends on SIGTERM with 0 and nothing on standard error."""
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
    assert [line.split()[2] for line in process.lines if " INFO " in line][:3] == [
        "metrics_listening",
        "listening",
        "answer",
    ]


def test_settings_that_come_later(start: Start, ask: Ask, tmp_path: Path) -> None:
    """With a file of settings that appears while it runs, it starts again with them, once."""
    settings, key = tmp_path / "settings", tmp_path / "private.key"
    process = start(SETTINGS_FILE=str(settings))
    assert ask(f"{process.listening()}/readyz")[1]["calls"] != "on"
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    key.write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    whole = tmp_path / "whole"
    whole.write_text(f"VONAGE_APPLICATION_ID=an-application\nVONAGE_PRIVATE_KEY_FILE={key}\n")
    whole.replace(settings)
    assert ask(f"{process.listening()}/readyz")[1]["calls"] == "on"
    (worker,) = children(process.popen.pid)
    assert children(worker) == [], "the first process itself has started again, not its worker"
    process.popen.terminate()
    assert process.end() == (0, "")
    assert len([line for line in process.lines if " settings_changed " in line]) == 1


def children(pid: int) -> list[int]:
    """Return the children of a process, as Linux tells them."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended meanwhile
            parent = int(stat.read_text().rpartition(")")[2].split()[1])
            found += [int(stat.parent.name)] if parent == pid else []
    return found


def test_ctrl_c_stops_it(start: Start) -> None:
    """It ends at once and with 0."""
    process = start()
    process.listening()
    process.popen.send_signal(signal.SIGINT)
    assert process.end() == (0, "")


def test_a_request_under_way_is_finished(start: Start, ask: Ask) -> None:
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
            ["PORT is 'http'; it must be an integer", "SOCKET_URL is 'https://x'; it must be"],
        ),
        ({"NCCO_FILE": "nix.json"}, ["nix.json: cannot be read (No such file"]),
        ({"NCCO_FILE": "bad.json"}, ["bad.json: action 1 (talk): text: saw nothing; allowed: "]),
        (
            {"NCCO_FILE": "untied.json", "SOCKET_SECRET": "0123456789abcdef" * 4},
            ["untied.json: action 1 (connect): endpoint[0].headers.uuid: saw nothing; allowed: "],
        ),
        ({"NCCO_FALLBACK_FILE": "bad.json"}, ["bad.json: action 1 (talk): text: saw nothing"]),
    ],
)
def test_a_wrong_configuration_stops_startup(
    start: Start, tmp_path: Path, environ: dict[str, str], parts: list[str]
) -> None:
    """Exit status 78, a line for everything that is wrong, no traceback."""
    (tmp_path / "bad.json").write_text('[{"action": "talk"}]')
    (tmp_path / "untied.json").write_text(
        '[{"action": "connect", "endpoint": [{"type": "websocket", "uri": "${socket_url}", '
        '"content-type": "audio/l16;rate=16000"}]}]'
    )
    status, said = start(**environ).end()
    assert status == 78
    assert "Traceback" not in said
    assert len(said.splitlines()) == len(parts)
    for part in parts:
        assert part in said


def test_a_port_in_use_is_reported(start: Start) -> None:
    """One line says so, and the process ends."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, said = start(PORT=str(port)).end()
    assert status == 1
    assert said.startswith(
        f"HOST=127.0.0.1 PORT={port} cannot be listened on (Address already in use): stop what"
    )
    assert "Traceback" not in said


def test_a_body_that_is_too_long_is_refused(start: Start, ask: Ask) -> None:
    """By its announced length or by what comes in chunks: 413, and others are served."""
    url = start().listening()
    json_type = {"Content-Type": "application/json"}
    for size, status in ((65_536, 200), (65_537, 413), (120_000, 413)):
        body = b"{}" + b" " * (size - 2)
        assert ask(f"{url}/webhooks/answer", "POST", body, **json_type)[0] == status
        pieces = (body[n : n + 1000] for n in range(0, size, 1000))
        assert ask(f"{url}/webhooks/answer", "POST", pieces, **json_type)[0] == status
    assert ask(f"{url}/webhooks/answer?uuid=u1")[0] == 200


def test_many_calls_at_once_are_answered(start: Start, ask: Ask) -> None:
    """Fifty callers, each with its own answer."""
    url = start().listening()
    with ThreadPoolExecutor(50) as pool:
        answers = pool.map(lambda n: ask(f"{url}/webhooks/answer?uuid=u{n}"), range(200))
        uuids = [ncco[1]["endpoint"][0]["headers"]["uuid"] for status, ncco in answers]
    assert uuids == [f"u{n}" for n in range(200)]


def test_the_agent_is_asked_in_the_background(start: Start, ask: Ask, agent: Any) -> None:
    """Its URL is in the NCCO soon; when it falls silent, answers are as quick as before."""
    page = {"endpoints": [{"url": "https://g.example", "upstream": {"url": "http://gateway:8080"}}]}
    agent.pages["/api/endpoints"] = (200, page)
    settings = {"NGROK_API_URL": agent.url, "AGENT_POLL_SECONDS": "0.2", "PROBE_SOCKET": "0"}
    process = start(SOCKET_URL="", **settings)
    url = process.listening()
    deadline = time.monotonic() + PATIENCE
    while ask(f"{url}/readyz")[0] != 200 and time.monotonic() < deadline:
        time.sleep(0.05)
    agent.silent.set()
    asked = len(agent.asked)
    while len(agent.asked) == asked and time.monotonic() < deadline:
        time.sleep(0.05)
    took = []
    for _ in range(20):
        began = time.monotonic()
        _, ncco = ask(f"{url}/webhooks/answer")
        took.append(time.monotonic() - began)
        assert ncco[1]["endpoint"][0]["uri"] == "wss://g.example/socket"
        assert ncco[1]["eventUrl"] == ["https://g.example/webhooks/events"]
    # If an answer asked the agent, it would wait for it; this machine may hold up a few.
    assert statistics.median(took) < 1
    agent.dribbling = True
    agent.silent.clear()
    while time.monotonic() < deadline:
        error = ask(f"{url}/readyz")[1]["agent"]["error"]
        if error and len(agent.asked) > asked + 2:
            break
        time.sleep(0.05)
    assert len(agent.asked) > asked + 2, "an answer that dribbles has an end"
    assert error == f"{agent.url}/api/endpoints did not answer in time", "although bytes arrive"
    pasted = [line for line in process.lines if " dashboard " in line]
    assert pasted[1].endswith("answer_url=https://g.example/webhooks/answer")


def test_operators_have_a_port_of_their_own(start: Start, ask: Ask) -> None:
    """It serves calls and no webhooks, the other port webhooks and no calls; both bound bodies."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    application = {"VONAGE_APPLICATION_ID": "an-application", "VONAGE_PRIVATE_KEY": pem}
    process = start(
        **application, VONAGE_API_URL="http://127.0.0.1:1", PUBLIC_URL="http://127.0.0.1:1"
    )
    webhooks = process.listening()
    deadline = time.monotonic() + PATIENCE
    while not (found := [line for line in process.lines if " operator url=" in line]):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    operator = found[0].rpartition("url=")[2].strip()
    assert operator.startswith("http://127.0.0.1:")
    assert ask(f"{operator}/calls") == (200, {"calls": []})
    assert ask(f"{operator}/webhooks/answer")[0] == 404
    assert ask(f"{webhooks}/calls")[0] == 404
    json_type = {"Content-Type": "application/json"}
    status, answer = ask(f"{operator}/calls", "POST", b'{"to": "447700900001"}', **json_type)
    assert (status, answer["error"]) == (502, "platform_unreachable")
    assert "VONAGE_API_URL" in answer["hint"]
    for pieces in (b"x" * 100_000, (b"x" * 1000 for _ in range(100))):
        assert ask(f"{operator}/calls", "POST", pieces, **json_type)[0] == 413
    parts = urlsplit(operator)
    with socket.create_connection((parts.hostname, parts.port), timeout=PATIENCE) as page:
        page.sendall(
            b"POST /calls HTTP/1.1\r\nHost: localhost\r\nOrigin: https://evil.example\r\n"
            b"Content-Type: application/json\r\nContent-Length: 22\r\n\r\n"
            b'{"to": "447700900001"}'
        )
        assert page.recv(65536).startswith(b"HTTP/1.1 403 ")
    process.popen.terminate()
    assert process.end() == (0, "")
