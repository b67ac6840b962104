"""`phone platform`, its files, and networks for blocking tests."""

import asyncio
import json
import os
import signal
import ssl
import stat
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
)
from phone.__main__ import main
from phone.platform.credentials import CredentialsError, init_folder, server_context
from phone.platform.registration import Registration, RegistrationError
from phone.testing import FakeApplication
from platform_api import OWN, Client, registration, token

from phone import Callee, CallFailed, LiveNetwork, Network

ANNE, BOB = "447700900789", "447700900790"
Start = Callable[..., LiveNetwork]


class TestInit:
    """`phone platform --init`."""

    def test_files(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """It writes an application, its key and an authority, for the owner alone, and ends."""
        folder = tmp_path / "platform"
        assert main(["platform", "--init", str(folder)]) == 0
        files = [Path(line) for line in capsys.readouterr().out.splitlines()]
        assert {path.name for path in files} == {
            "application.json",
            "private.key",
            "ca.pem",
            "ca.key",
        }
        assert {path.stat().st_mode & 0o777 for path in files} == {0o600}
        application = Registration.read(folder / "application.json")
        assert application.numbers
        assert application.subscribers

    def test_wrong_webhooks(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """Where the application answers must be a URL: otherwise nothing is written."""
        folder = tmp_path / "platform"
        assert main(["platform", "--init", str(folder), "--webhooks", "gateway:8080"]) == 2
        assert "--webhooks must be an absolute http://" in capsys.readouterr().err
        assert not folder.exists()

    def test_two_are_different(self, tmp_path: Path) -> None:
        """No two applications share an id, a key or a secret."""
        made = []
        for name in ("one", "two"):
            init_folder(tmp_path / name)
            made.append(json.loads((tmp_path / name / "application.json").read_text()))
        for field in ("id", "public_key", "api_secret", "signature_secret"):
            assert made[0][field] != made[1][field]

    def test_nothing_is_overwritten(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        """A folder with an application, or with a key of another kind, is left alone."""
        for name in ("application.json", "private.key"):
            file = tmp_path / name
            file.write_text("mine")
            assert main(["platform", "--init", str(tmp_path)]) == 2
            assert f"{file} exists" in capsys.readouterr().err
            assert list(tmp_path.iterdir()) == [file]
            file.unlink()

    @pytest.mark.parametrize("files", range(4))
    def test_what_was_killed_is_completed(
        self, files: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """However many files were written: the next attempt makes the same as the first would."""
        written: list[object] = []
        replace = os.replace

        def killed(source: str, target: Path) -> None:
            if len(written) == files:
                raise SystemExit
            written.append(target)
            replace(source, target)

        with monkeypatch.context() as context:
            context.setattr(os, "replace", killed)
            with pytest.raises(SystemExit):
                init_folder(tmp_path)
        assert not (tmp_path / "application.json").exists()
        assert {path.name for path in init_folder(tmp_path)} == {
            path.name for path in tmp_path.iterdir()
        }
        private = load_pem_private_key((tmp_path / "private.key").read_bytes(), None)
        public = private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        assert Registration.read(tmp_path / "application.json").public_key == public.decode()
        server_context(tmp_path, ["localhost"])


class TestFile:
    """The application's file."""

    @pytest.mark.parametrize(
        ("content", "seen"),
        [
            ("", "Invalid JSON"),
            ("[]", "the file"),
            ('{"idd": "x"}', "idd"),
            ('{"public_key": "x"}', "public_key: is no RSA public key"),
            ('{"numbers": ["+44"]}', "numbers.0"),
            ('{"webhooks": {"answer_url": "localhost"}}', "webhooks.answer_url"),
            ('{"subscribers": {"447700900789": {"takes": "tea"}}}', "takes"),
            ('{"subscribers": {"447700900789": {"say": "none.wav"}}}', "no audio file"),
            ('{"subscribers": {"447700900789": {"keys": "x"}}}', "the keys are"),
        ],
    )
    def test_wrong(
        self, tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str, seen: str
    ) -> None:
        """A wrong file is refused, and the message names the field."""
        file = tmp_path / "application.json"
        file.write_text(content)
        assert main(["platform", "--application", str(file)]) == 2
        error = capsys.readouterr().err
        assert seen in error
        assert "Traceback" not in error

    def test_missing(self, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
        """Without a file, the message says how to make one."""
        assert main(["platform", "--application", str(tmp_path / "none.json")]) == 2
        assert "--init" in capsys.readouterr().err
        assert main(["platform"]) == 2
        assert "--init" in capsys.readouterr().err

    def test_sounds_lie_beside_it(self, tmp_path: Path) -> None:
        """What a subscriber says and keeps lies in the file's folder."""
        file = tmp_path / "application.json"
        file.write_text('{"subscribers": {"447700900789": {"say": "speech", "keep": "it.wav"}}}')
        (subscriber,) = Registration.read(file).subscribers.values()
        callee = subscriber.callee(tmp_path)
        assert (callee.say, callee.keep) == ("speech", tmp_path / "it.wav")

    def test_no_answer_url(self) -> None:
        """An application without an answer URL cannot be called."""
        with pytest.raises(RegistrationError, match="no answer_url"):
            registration().application()


class TestCertificates:
    """`--tls`."""

    def test_authority_is_made_once(self, tmp_path: Path) -> None:
        """The authority stays; each start has a certificate of its own."""
        server_context(tmp_path, [])
        before = (tmp_path / "ca.pem").read_bytes()
        server_context(tmp_path, ["platform"])
        assert (tmp_path / "ca.pem").read_bytes() == before

    def test_damaged(self, tmp_path: Path) -> None:
        """A damaged authority is refused, with advice."""
        server_context(tmp_path, [])
        (tmp_path / "ca.pem").write_text("no certificate")
        with pytest.raises(CredentialsError, match=r"remove ca.pem and ca.key"):
            server_context(tmp_path, [])

    async def test_names(self, tmp_path: Path) -> None:
        """The certificate holds for localhost and its addresses, and for no other name."""
        serves, authority = server_context(tmp_path, ["platform"])
        trusts = ssl.create_default_context(cafile=authority)
        async with Network(registration(), serves=serves) as network:
            assert network.url.startswith("https://127.0.0.1:")
            port = network.url.rpartition(":")[2]
            async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=trusts)) as session:
                for host in ("127.0.0.1", "localhost"):
                    client = Client(f"https://{host}:{port}", session)
                    assert (await client.ask("GET", "/v1/calls"))[0] == 200
            untrusting = aiohttp.TCPConnector(ssl=ssl.create_default_context())
            async with aiohttp.ClientSession(connector=untrusting) as session:
                with pytest.raises(aiohttp.ClientConnectorCertificateError):
                    await Client(network.url, session).ask("GET", "/v1/calls")


@pytest.fixture
def served(tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Return the running command and its URL."""
    init_folder(tmp_path / "platform")
    file = tmp_path / "platform" / "application.json"
    process = subprocess.Popen(
        [sys.executable, "-m", "phone", "platform", "--application", str(file), "--port", "0"],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    assert line.startswith("serving http://127.0.0.1:"), line
    try:
        yield process, line.split()[1]
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serves_until_told_to_stop(
    served: tuple[subprocess.Popen[str], str], number: signal.Signals
) -> None:
    """It serves on loopback, refuses strangers, and ends with 0 when it is told to."""
    process, url = served
    with pytest.raises(urllib.error.HTTPError) as refusal:
        urllib.request.urlopen(f"{url}/v1/calls", timeout=5)
    assert refusal.value.code == 401
    refusal.value.close()
    process.send_signal(number)
    assert process.wait(60) == 0
    assert process.stdout is not None
    assert "warning      GET /v1/calls → 401: no Authorization" in process.stdout.read()


def test_made_and_served(tmp_path: Path) -> None:
    """With both options, an application is made if there is none, and served; then it stays."""
    folder = tmp_path / "network"
    command = [sys.executable, "-m", "phone", "platform", "--port", "0", "--init", str(folder)]
    command += ["--application", str(folder / "application.json")]
    served = []
    for _ in range(2):
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            line = next(line for line in process.stdout if line.startswith("serving "))
            served.append(line.split()[2])
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 0
    assert served[0] == served[1]


def test_settings_for_who_calls_through_it(tmp_path: Path) -> None:
    """Who the application is, and where each reaches the other, readable by its owner alone."""
    folder, file = tmp_path / "network", tmp_path / "settings"
    command = [sys.executable, "-m", "phone", "platform", "--port", "0", "--init", str(folder)]
    command += ["--application", str(folder / "application.json"), "--settings", str(file)]
    command += ["--webhooks", "http://gateway:8080/", "--name", "localhost"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        line = next(line for line in process.stdout if line.startswith("serving "))
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
    application = json.loads((folder / "application.json").read_text())
    url = line.split()[1]
    assert url.startswith("http://localhost:")
    assert dict(line.split("=", 1) for line in file.read_text().splitlines()) == {
        "VONAGE_APPLICATION_ID": application["id"],
        "VONAGE_PRIVATE_KEY_FILE": str(folder / "private.key"),
        "VONAGE_API_URL": url,
        "VONAGE_NUMBER": application["numbers"][0],
        "LOCAL_URL": "http://gateway:8080",
    }
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert application["webhooks"]["answer_url"] == "http://gateway:8080/webhooks/answer"


def test_port_in_use(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A port that somebody has is an error with advice."""
    init_folder(tmp_path / "platform")
    file = str(tmp_path / "platform" / "application.json")
    with LiveNetwork() as network:
        port = network.url.rpartition(":")[2]
        assert main(["platform", "--application", file, "--port", port]) == 2
    assert f":{port}: Address already in use; try --port" in capsys.readouterr().err


class TestFixture:
    """The fixture `vonage_network`."""

    def test_a_call(self, vonage_network: Start, tmp_path: Path) -> None:
        """A blocking test calls out, talks, presses keys, and listens."""
        network = vonage_network(registration=registration(), talk="realtime")
        network.subscribe(ANNE, Callee(answer_after=0))
        network.subscribe(BOB, Callee(answer_after=0, say="speech"))
        connect = {"action": "connect", "endpoint": [{"type": "phone", "number": BOB}]}
        body = {
            "to": [{"type": "phone", "number": ANNE}],
            "from": {"type": "phone", "number": OWN},
            "ncco": [connect],
        }
        request = urllib.request.Request(
            f"{network.url}/v1/calls",
            json.dumps(body).encode(),
            {"Authorization": f"Bearer {token()}", "Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=5) as reply:
            assert reply.status == 201
        anne, bob = network.answered(ANNE), network.answered(BOB)
        anne.press("12#")
        anne.say("tone")
        assert bob.heard("tone", within=60)
        assert anne.heard("speech", within=60)
        assert bob.keys_heard == "12#"
        bob.hang_up()
        assert bob.hung_up

    def test_several_at_once(self, vonage_network: Start) -> None:
        """Two networks in one process know nothing of each other."""
        one, two = vonage_network(), vonage_network()
        assert one.url != two.url
        one.subscribe(ANNE)
        with pytest.raises(CallFailed, match="was not called, or did not answer"):
            two.answered(ANNE, within=0.1)
        assert two.members("room") == 0


async def test_inbound_in_real_time(tmp_path: Path) -> None:
    """A caller with a script speaks, presses, and hangs up; what they heard is kept."""
    keep = tmp_path / "heard.wav"
    async with FakeApplication() as application:
        hooks = {"answer_url": application.answer_url, "event_url": application.event_url}
        signed: dict[str, Any] = {"webhooks": hooks, "signature_secret": "s" * 32}
        async with Network(registration(**signed), talk="at-once") as network:
            behaves = Callee(say="tone", keys="5@1.5", hang_up_after=3, keep=keep)
            person = network.dial(OWN, caller=ANNE, behaves=behaves)
            async with asyncio.timeout(60):
                await person.over.wait()
                while not keep.exists():  # noqa: ASYNC110 - written beside the call
                    await asyncio.sleep(0.05)
        assert any("websocket:dtmf" in text for text in application.texts)
        assert all("Authorization" in request.headers for request in application.requests)
