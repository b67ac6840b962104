"""Pointing the Vonage application here: what is written, when, and whatever the API does."""

import base64
import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ncco_service.discovery import application_api
from ncco_service.discovery.agent_poller import AgentPoller
from ncco_service.discovery.application import DocumentError, differences, pointed, read
from ncco_service.discovery.application_api import ApplicationApi, ApplicationPointer
from ncco_service.settings import Settings

ID = "78d335fa-323d-0114-9c3d-d6f0d48968cf"
SECRET = "an-api-secret"
HERE = "https://voice.example.org"
REASON = b'{"title": "Something is wrong"}'
Events = Callable[[str], list[dict[str, Any]]]

# As the Application API's reference has one, with keys that the SDK's models drop.
DOCUMENT: dict[str, Any] = {
    "id": ID,
    "name": "My Application",
    "keys": {"public_key": "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n"},
    "privacy": {"improve_ai": True},
    "security": {"auth": ["jwt"]},
    "capabilities": {
        "voice": {
            "webhooks": {
                "answer_url": {
                    "address": "https://old.example.com/webhooks/answer",
                    "http_method": "GET",
                    "connection_timeout": 500,
                    "socket_timeout": 3000,
                },
                "event_url": {"address": "https://old.example.com/e", "connect_timeout": 500},
            },
            "signed_callbacks": True,
            "conversations_ttl": 48,
            "leg_persistence_time": 7,
            "region": "eu-west",
            "asr": {"later": [1, 2.5, None]},
        },
        "messages": {"webhooks": {"inbound_url": {"address": "https://old.example.com/m"}}},
        "network_apis": {"network_application_id": "a"},
    },
    "_links": {"self": {"href": f"/v2/applications/{ID}"}},
}


class FakeApi:
    """An Application API whose answers a test spoils, one after the other."""

    def __init__(self) -> None:
        self.stored = json.dumps(DOCUMENT).encode()
        self.requests: list[str] = []
        self.spoilt: list[Any] = []
        self.released = threading.Event()
        api = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                """Answer with the application."""
                api.answer(self)

            def do_PUT(self) -> None:
                """Replace the application."""
                body = self.rfile.read(int(self.headers["Content-Length"]))
                api.answer(self, body)

            def log_message(self, format: str, *args: Any) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self._thread.start()

    @property
    def document(self) -> Any:
        """The application as it is now."""
        return json.loads(self.stored)

    def answer(self, handler: BaseHTTPRequestHandler, new: bytes | None = None) -> None:
        """Answer one request, spoilt if the test says so."""
        self.requests.append(handler.command)
        account = base64.b64encode(f"abcd1234:{SECRET}".encode()).decode()
        status = 200 if handler.headers["Authorization"] == f"Basic {account}" else 401
        spoilt = self.spoilt.pop(0) if self.spoilt else None
        if isinstance(spoilt, int):
            status = spoilt
        if handler.path != f"/v2/applications/{ID}":
            status = 404
        if new is not None and status == 200:
            self.stored = new
        if spoilt == "silent":
            self.released.wait(20)
            return
        body = spoilt if isinstance(spoilt, bytes) else self.stored if status == 200 else REASON
        handler.send_response(status)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body[: len(body) // 2] if spoilt == "cut" else body)
        handler.close_connection = True

    def close(self) -> None:
        """Stop."""
        self.released.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def api() -> Iterator[FakeApi]:
    """Give an API with one application, which points elsewhere."""
    fake = FakeApi()
    yield fake
    fake.close()


def environ(api: FakeApi, **more: str) -> dict[str, str]:
    """Return settings with the account."""
    return {
        "VONAGE_APPLICATION_ID": ID,
        "VONAGE_API_KEY": "abcd1234",
        "VONAGE_API_SECRET": SECRET,
        "VONAGE_API_URL": api.url,
        "PUBLIC_URL": HERE,
        **more,
    }


@pytest.fixture
def pointer(api: FakeApi) -> ApplicationPointer:
    """Give what keeps the application pointed here."""
    return ApplicationPointer(ApplicationApi(Settings.from_env(environ(api))), lambda: HERE)


def expected() -> dict[str, Any]:
    """Return the application as it must be afterwards: three addresses, and methods where none."""
    document: dict[str, Any] = json.loads(json.dumps(DOCUMENT))
    hooks = document["capabilities"]["voice"]["webhooks"]
    hooks["answer_url"]["address"] = f"{HERE}/webhooks/answer"
    hooks["event_url"] |= {"address": f"{HERE}/webhooks/events", "http_method": "POST"}
    hooks["fallback_answer_url"] = {
        "address": f"{HERE}/webhooks/fallback",
        "http_method": "POST",
    }
    return document


def test_only_the_webhooks_change(api: FakeApi, pointer: ApplicationPointer) -> None:
    """Every other key is as it was, known to the SDK's models or not; then nothing is written."""
    assert pointer.poll() == application_api.CHECK_SECONDS
    assert api.document == expected()
    assert api.requests == ["GET", "PUT", "GET"]
    pointer.poll()
    assert len(api.requests) == 3, "the address is the same"
    again = ApplicationPointer(pointer._api, lambda: HERE)
    again.poll()
    assert api.requests[3:] == ["GET"], "another replica finds it done"


def test_one_line_says_what_changed(pointer: ApplicationPointer, events: Events) -> None:
    """From what to what, and nothing of the secret."""
    pointer.poll()
    (line,) = events("application_updated")
    assert line["answer_url"] == (
        f"https://old.example.com/webhooks/answer -> {HERE}/webhooks/answer"
    )
    assert line["fallback_answer_url"] == f"nothing -> {HERE}/webhooks/fallback"
    assert line["event_url_http_method"] == "nothing -> POST"
    assert SECRET not in str(line)


SPOILT: list[list[Any]] = [
    [401],
    [403],
    [404],
    [429],
    [302],
    [500],
    [503],
    ["cut"],
    ["silent"],
    [b"x" * 2**21],
    [b"<html>502</html>"],
    [b""],
    [b"[]"],
    [b"{"],
    [b'{"name": "x", "name": "y"}'],
    [b'{"name": "x", "capabilities": []}'],
    [b'{"name": NaN}'],
    [b'{"name": "x", "later": 1e400}'],
    [b'{"name": "x", "later": 0.12345678901234567890123}'],
    [b'{"name": "x", "capabilities": {"voice": {"webhooks": {"answer_url": null}}}}'],
    [b"[" * 100_000],
]


TROUBLE: list[Any] = [each for (each,) in SPOILT[:9]]
"""What the API may do with any request."""


@pytest.mark.parametrize("spoilt", [*SPOILT, *([None, each] for each in TROUBLE)])
def test_whatever_the_api_does(
    api: FakeApi,
    pointer: ApplicationPointer,
    events: Events,
    monkeypatch: pytest.MonkeyPatch,
    spoilt: list[Any],
) -> None:
    """No key is lost, at any time; it is tried again, later each time, and works in the end."""
    monkeypatch.setattr(application_api, "SECONDS", 0.5)
    for round_ in range(3):
        api.spoilt = list(spoilt)
        api.requests.clear()
        api.stored = json.dumps(DOCUMENT).encode()
        assert pointer.poll() == 2**round_
        assert api.document in (DOCUMENT, expected())
        if len(spoilt) == 1:
            assert api.requests == ["GET"], "nothing is written that was not read"
    assert pointer.poll() == application_api.CHECK_SECONDS
    assert api.document == expected()
    assert pointer.results["failed"] == 3
    lines = events("application_not_updated")
    assert len(lines) == 1, "the same problem is said once"
    assert SECRET not in str(lines)


@pytest.mark.parametrize("trouble", TROUBLE)
def test_a_write_whose_answer_is_missing(
    api: FakeApi,
    pointer: ApplicationPointer,
    events: Events,
    monkeypatch: pytest.MonkeyPatch,
    trouble: Any,
) -> None:
    """The log has the changes whether they were written or not; a refusal changes nothing."""
    monkeypatch.setattr(application_api, "SECONDS", 0.5)
    api.spoilt = [None, trouble]
    pointer.poll()
    (line,) = events("application_not_updated")
    refused = isinstance(trouble, int) and trouble < 500
    assert ("event_url" in line) is not refused
    assert ("may have been written all the same" in line["message"]) is not refused
    assert line["retry_seconds"] == 1.0
    pointer.poll()
    assert api.document == expected()


@pytest.mark.parametrize("trouble", [*TROUBLE, b"<html>502</html>"])
def test_what_was_written_but_not_read_again(
    api: FakeApi,
    pointer: ApplicationPointer,
    events: Events,
    monkeypatch: pytest.MonkeyPatch,
    trouble: Any,
) -> None:
    """The changes are reported as made, and the doubt beside them."""
    monkeypatch.setattr(application_api, "SECONDS", 0.5)
    api.spoilt = [None, None, trouble]
    assert pointer.poll() == application_api.CHECK_SECONDS
    assert api.document == expected()
    assert pointer.results == {"updated": 1}
    assert len(events("application_updated")) == 1
    (line,) = events("application_differs")
    assert line["message"].startswith("it was written, but could not be read again: ")


def test_what_the_platform_drops_is_said(
    api: FakeApi, pointer: ApplicationPointer, events: Events
) -> None:
    """An application that comes back without some of its keys: an error names them."""
    lossy = expected()
    del lossy["security"]
    lossy["capabilities"]["voice"]["region"] = "us-east"
    api.spoilt = [None, None, json.dumps(lossy).encode()]
    pointer.poll()
    (line,) = events("application_differs")
    assert line["message"].endswith("in the dashboard: security, capabilities.voice.region")
    assert len(events("application_updated")) == 1


def test_a_new_address_is_written(api: FakeApi) -> None:
    """The tunnel's address may change; while there is none, nobody is asked."""
    addresses: list[str | None] = [None, "https://one.example.org", "https://two.example.org"]
    client = ApplicationApi(Settings.from_env(environ(api)))
    pointer = ApplicationPointer(client, lambda: addresses[0])
    pointer.poll()
    assert api.requests == []
    for _ in range(2):
        addresses.pop(0)
        pointer.poll()
        hooks = api.document["capabilities"]["voice"]["webhooks"]
        assert hooks["event_url"]["address"] == f"{addresses[0]}/webhooks/events"


@pytest.mark.parametrize(
    "missing", ["VONAGE_APPLICATION_ID", "VONAGE_API_KEY", "VONAGE_API_SECRET"]
)
def test_it_is_off_without_all_three(make_app: Any, api: FakeApi, missing: str) -> None:
    """Key and id alone only check signatures."""
    app = make_app(**environ(api, **{missing: ""}))
    service = next(iter(app.extensions.values()))
    assert service.discovery.application is None


def test_nobody_has_to_paste(agent: Any, api: FakeApi, events: Events) -> None:
    """The line for the dashboard only comes when the application is not pointed here."""
    endpoint = {"url": "https://a.ngrok-free.app", "upstream": {"url": "http://gateway:8080"}}
    agent.pages["/api/endpoints"] = (200, {"endpoints": [endpoint]})
    for more, lines in (({}, 0), ({"VONAGE_API_SECRET": ""}, 4)):
        settings = environ(api, NGROK_API_URL=agent.url) | more
        AgentPoller(Settings.from_env(settings)).poll()
        assert len(events("dashboard")) == lines


def command(settings: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `point-application`."""
    return subprocess.run(
        [sys.executable, "-m", "ncco_service", "point-application", *arguments],
        env={"PATH": os.environ["PATH"], **settings},
        capture_output=True,
        text=True,
        timeout=30,
    )


@pytest.mark.parametrize("arguments", [["--dry-run"], []])
def test_the_command(api: FakeApi, arguments: list[str]) -> None:
    """It shows the difference; with --dry-run nothing is written."""
    done = command(environ(api), *arguments)
    assert done.returncode == 0, done.stderr
    place = "capabilities.voice.webhooks.answer_url.address"
    assert done.stdout.splitlines()[:2] == [
        f'- {place}: "https://old.example.com/webhooks/answer"',
        f'+ {place}: "{HERE}/webhooks/answer"',
    ]
    assert api.document == (DOCUMENT if arguments else expected())


def test_the_commands_output_is_the_difference(agent: Any, api: FakeApi) -> None:
    """What the tunnel's agent told is on standard error; what is no text is shown as it is."""
    endpoint = {"url": HERE, "upstream": {"url": "http://gateway:8080"}}
    agent.pages["/api/endpoints"] = (200, {"endpoints": [endpoint]})
    document = api.document
    document["capabilities"]["voice"]["webhooks"]["answer_url"]["address"] = "a\x1b[31m\nb"
    api.stored = json.dumps(document).encode()
    settings = environ(api, PUBLIC_URL="", NGROK_API_URL=agent.url)
    done = command(settings, "--dry-run")
    assert done.returncode == 0, done.stderr
    first, *_, last = done.stdout.splitlines()
    assert first.endswith(r'answer_url.address: "a\u001b[31m\nb"')
    assert last == "Nothing was written (--dry-run)."
    assert f"INFO tunnel socket={HERE}" in done.stderr


@pytest.mark.parametrize(
    ("change", "seen"),
    [
        ({"VONAGE_API_SECRET": ""}, "set VONAGE_APPLICATION_ID, "),
        ({"PUBLIC_URL": ""}, "the public address is not known: set PUBLIC_URL"),
        ({"VONAGE_API_SECRET": "wrong"}, "answered 401: check VONAGE_API_KEY"),
    ],
)
def test_the_command_says_what_is_wrong(api: FakeApi, change: dict[str, str], seen: str) -> None:
    """One line, status 1, and never the secret."""
    done = command(environ(api) | change)
    assert done.returncode == 1
    assert seen in done.stderr
    assert SECRET not in done.stderr + done.stdout


@pytest.mark.parametrize(
    ("spoilt", "status", "ending", "seen"),
    [
        ([None, 503], 1, None, "has perhaps been changed as above: PUT "),
        ([None, "cut"], 1, None, "has perhaps been changed as above: "),
        ([None, 429], 1, "", "answered 429: too many requests"),
        ([None, 422], 1, "", "was not changed: PUT "),
        ([None, 422], 1, "", "Something is wrong"),
        ([None, None, 503], 1, "The application points here now.", "could not be read again: GET "),
        (
            [None, None, b'{"name": "x"}'],
            1,
            "The application points here now.",
            "look at it in the",
        ),
    ],
)
def test_the_command_says_what_it_knows(
    api: FakeApi, spoilt: list[Any], status: int, ending: str | None, seen: str
) -> None:
    """Never "was not changed" of what may have been, nor "is tried again" of what is not."""
    api.spoilt = spoilt
    done = command(environ(api))
    assert done.returncode == status
    assert seen in done.stderr
    assert "again" not in done.stderr.replace("read again", "")
    if ending is None:
        assert f'+ capabilities.voice.webhooks.event_url.address: "{HERE}' in done.stdout
    else:
        assert done.stdout.rstrip().rpartition("\n")[2] == ending


LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["capabilities", "voice", "webhooks", "answer_url"]) | st.text(),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.dictionaries(st.sampled_from(["capabilities", "keys"]) | st.text(), VALUES, max_size=4))
def test_any_document_keeps_what_it_has(rest: dict[str, Any]) -> None:
    """Everything but the three webhooks' addresses and methods goes back as it came."""
    document = read(json.dumps({**rest, "name": "x"}).encode())
    try:
        edited, changes = pointed(document, HERE)
    except DocumentError:
        return
    assert changes
    assert pointed(edited, HERE) == (edited, ())
    webhooks = "capabilities.voice.webhooks."
    touched = {f"{webhooks}{change.webhook}.{change.field}" for change in changes}
    assert set(differences(document, edited)) <= touched
