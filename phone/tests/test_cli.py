"""The command line as a process: what it prints, and its exit status."""

import argparse
import asyncio
import json
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from phone.__main__ import main, parser
from phone.commands.signing import SecretError, add_signing, signing_from
from phone.testing import FakeApplication, every

Serve = Callable[..., FakeApplication]  # the fixture of conftest.py


async def phone(*arguments: str) -> tuple[int, str, str]:
    """Run `python -m phone` and return its exit status, output and errors."""
    process = await start(*arguments)
    async with asyncio.timeout(30):
        out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def start(*arguments: str) -> asyncio.subprocess.Process:
    """Start `python -m phone` with pipes for its output."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "phone",
        *arguments,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def test_a_call(tmp_path: Path) -> None:
    """A call that works says so in a few lines, exits 0 and draws no progress into a pipe."""
    target = tmp_path / "heard.wav"
    async with FakeApplication() as application:
        status, out, err = await phone(
            "call", application.answer_url, "--seconds", "0.4", "--save", str(target)
        )
    assert status == 0
    assert err == ""
    assert "\x1b" not in out
    assert "20 frames sent, 20 received, 0 lost" in out
    assert "byte for byte" in out
    assert "talk     “Hello.”" in out
    assert str(target) in out
    assert out.endswith("The call worked.\n")


@pytest.mark.usefixtures("fast_clock")
def test_json(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    """With --json the report is one JSON document."""
    assert main(["call", serve().answer_url, "--seconds", "0.4", "--json"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert document["ok"] is True
    assert document["sockets"][0]["frames_sent"] == 20


@pytest.mark.usefixtures("fast_clock")
def test_a_failed_call(serve: Serve, capsys: pytest.CaptureFixture[str]) -> None:
    """A call that fails names the step, what was seen, what to try, and gives 1."""
    url = serve(every(lambda n, frame: [])).answer_url
    assert main(["call", url, "--seconds", "0.2", "--wait", "0.2"]) == 1
    out = capsys.readouterr().out
    assert "Failed  echo: no audio came back" in out
    assert "→ look at the application's log" in out
    assert out.endswith("The call did not work: echo.\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ["call", "ftp://localhost/"],
        ["call", "--rate", "11025"],
        ["call", "--audio", "missing.wav"],
        ["call", "--seconds", "soon"],
        ["call", "--method", "PUT"],
        [],
    ],
)
def test_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A wrong command line is explained on stderr and gives 2."""
    try:
        status: object = main(arguments)
    except SystemExit as left:  # as argparse does
        status = left.code
    out, err = capsys.readouterr()
    assert status == 2
    assert out == ""
    assert "phone" in err


async def test_usage_as_a_process() -> None:
    """The process exits with what the command line gave, without a traceback."""
    status, out, err = await phone("call", "ftp://localhost/")
    assert status == 2
    assert out == ""
    assert err.startswith("phone: the answer URL is 'ftp://localhost/'")
    assert "Traceback" not in err


@pytest.mark.parametrize("command", ["call", "doctor", "load"])
def test_the_answer_url_of_the_environment(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every command that calls an application takes it from ANSWER_URL where none is given."""
    monkeypatch.setenv("ANSWER_URL", "http://gateway:8080/webhooks/answer")
    assert parser().parse_args([command]).answer_url == "http://gateway:8080/webhooks/answer"
    assert parser().parse_args([command, "http://a/"]).answer_url == "http://a/"
    monkeypatch.setenv("ANSWER_URL", "")
    assert parser().parse_args([command]).answer_url == "http://localhost:8080/webhooks/answer"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_interrupt(number: signal.Signals) -> None:
    """Ctrl-C hangs up: the socket is closed, `completed` is posted, a report printed, exit 130."""
    talking = asyncio.Event()

    def frame_came(count: int, frame: bytes) -> list[bytes]:
        if count == 10:
            talking.set()
        return [frame]

    async with FakeApplication(every(frame_came)) as application:
        process = await start("call", application.answer_url, "--seconds", "60")
        async with asyncio.timeout(20):
            await talking.wait()
            process.send_signal(number)
            out, err = await process.communicate()
        assert application.statuses()[-2:] == ["completed", "completed"]
    assert process.returncode == 130
    assert b"hung up before the end" in out
    assert err == b""


@pytest.mark.parametrize(
    ("text", "secret"),
    [("\ufeff a secret of some length\r\n", "a secret of some length"), ("\n", None)],
)
def test_the_secrets_file(
    text: str, secret: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file named in the environment may be empty: then nothing is signed."""
    file = tmp_path / "secret"
    file.write_text(text)
    monkeypatch.delenv("VONAGE_SIGNATURE_SECRET", raising=False)
    monkeypatch.setenv("VONAGE_SIGNATURE_SECRET_FILE", str(file))
    parser = argparse.ArgumentParser()
    add_signing(parser)
    assert signing_from(parser.parse_args([]))["signature_secret"] == secret


def test_an_empty_file_that_was_asked_for(tmp_path: Path) -> None:
    """A file named on the command line must hold a secret."""
    file = tmp_path / "secret"
    file.touch()
    parser = argparse.ArgumentParser()
    add_signing(parser)
    with pytest.raises(SecretError, match="is empty; write the signature secret into it"):
        signing_from(parser.parse_args(["--signature-secret-file", str(file)]))
