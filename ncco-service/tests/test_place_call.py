"""The command `call`: Ctrl-C while it prints, and answers of other programs."""

from __future__ import annotations

import argparse
import io
import json
import signal
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from ncco_service.commands import place_call
from ncco_service.http.fetch import Response

ANSWERED = {"leg": "person", "status": "answered"}
COMPLETED = {"leg": "person", "status": "completed"}
OPTIONS = argparse.Namespace(
    number="447700900789",
    caller=None,
    socket_first=False,
    meeting=None,
    header=[],
    machine_detection=None,
)


class InterruptedTerminal(io.RawIOBase):
    """A terminal at which Ctrl-C is pressed in the middle of a line."""

    def __init__(self) -> None:
        self.shown = b""

    def writable(self) -> bool:
        """Return that it takes text."""
        return True

    def write(self, data: Any, /) -> int:
        """Show a line; at the one that says "answered", Ctrl-C is pressed first."""
        if b"answered" in bytes(data):
            signal.raise_signal(signal.SIGINT)
        self.shown += bytes(data)
        return len(data)


@pytest.fixture(autouse=True)
def account(monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls can be started."""
    monkeypatch.setenv("VONAGE_APPLICATION_ID", "aaaaaaaa-bbbb-cccc-dddd-0123456789ab")
    key = rsa.generate_private_key(65537, 2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    monkeypatch.setenv("VONAGE_PRIVATE_KEY", pem)


@pytest.fixture(autouse=True)
def same_handler() -> Iterator[None]:
    """The signal's handler is what it was before."""
    before = signal.getsignal(signal.SIGINT)
    yield
    signal.signal(signal.SIGINT, before)


def test_ctrl_c_in_the_middle_of_a_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """The line is finished, the call is hung up, and the exit status says who was reached."""
    asked: list[str] = []

    def answer(method: str, url: str, *_: object) -> Response:
        asked.append(method)
        hung_up = "DELETE" in asked
        call = {
            "call": "1",
            "uuid": "u",
            "events": [ANSWERED, COMPLETED] if hung_up else [ANSWERED],
            "over": hung_up,
            "machine": None,
        }
        return Response(200, json.dumps(call).encode())

    monkeypatch.setattr(place_call, "send", answer)
    terminal = InterruptedTerminal()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BufferedWriter(terminal)))
    assert place_call.run(OPTIONS) == place_call.REACHED
    sys.stdout.flush()
    assert terminal.shown.decode().splitlines() == [
        "calling 447700900789 uuid=u",
        "person answered",
        "hanging up",
        "person completed",
        "a person was reached",
    ]
    assert asked == ["POST", "GET", "DELETE", "GET"]


@pytest.mark.parametrize(
    ("status", "body"), [(200, b"<html>"), (502, b""), (500, b"[1]"), (200, b'{"ok": true}')]
)
def test_the_answer_of_another_program(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], status: int, body: bytes
) -> None:
    """The command ends with words that name the settings, whatever came."""
    monkeypatch.setattr(place_call, "send", lambda *_: Response(status, body))
    assert place_call.run(OPTIONS) == place_call.EX_UNAVAILABLE
    (line,) = capsys.readouterr().err.splitlines()
    assert "http://127.0.0.1:8002" in line
    assert "check OPERATOR_HOST and OPERATOR_PORT" in line
