"""The operator's interface: who may use it, what it refuses, and what it says of itself."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from flask import Flask
from flask.testing import FlaskClient
from ncco_service.app import create_operator_app, service_of
from ncco_service.settings import Settings, SettingsError
from ncco_service.views.openapi import document
from structlog.testing import capture_logs

_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
KEY = _KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
APPLICATION = {"VONAGE_APPLICATION_ID": "an-application", "VONAGE_PRIVATE_KEY": KEY}
TOKEN = "0123456789abcdef" * 2
JSON = {"Content-Type": "application/json"}

Events = Callable[[str], list[dict[str, Any]]]
MakeApp = Callable[..., Flask]
MakeOperator = Callable[..., FlaskClient]


@pytest.fixture
def operator(make_app: MakeApp) -> MakeOperator:
    """Give a maker of clients of the interface; nothing runs behind it."""

    def make(**settings: str) -> FlaskClient:
        app = create_operator_app(service_of(make_app(**(APPLICATION | settings))))
        assert app is not None
        return app.test_client()

    return make


def test_without_an_application_there_is_none(make_app: MakeApp) -> None:
    """Calls are off, and readiness says which settings turn them on."""
    app = make_app()
    assert create_operator_app(service_of(app)) is None
    assert "VONAGE_PRIVATE_KEY_FILE" in app.test_client().get("/readyz").get_json()["calls"]


def test_the_webhooks_port_has_no_calls(make_app: MakeApp) -> None:
    """The gateway leads there, and must not lead to the interface."""
    client = make_app(**APPLICATION).test_client()
    for path in ("/calls", "/meetings", "/openapi.json"):
        assert client.get(path).status_code == 404


WRONG: list[tuple[dict[str, str], str]] = [
    ({"VONAGE_PRIVATE_KEY": KEY}, "set without VONAGE_APPLICATION_ID"),
    (APPLICATION | {"VONAGE_PRIVATE_KEY": "-----BEGIN PUBLIC KEY-----"}, "a secret of 26"),
    (APPLICATION | {"OPERATOR_HOST": "0.0.0.0"}, "OPERATOR_TOKEN is not set"),
    (APPLICATION | {"OPERATOR_TOKEN": "short"}, "OPERATOR_TOKEN holds a secret of 5"),
    (APPLICATION | {"OPERATOR_PORT": "8000"}, "OPERATOR_PORT is the same as PORT"),
    ({"VONAGE_NUMBER": "+447700900001"}, "VONAGE_NUMBER is '+447700900001'; it must be 7 to 15"),
    ({"MEETINGS": "447700900001"}, "MEETINGS is '447700900001'; it must be number=room"),
    ({"ANSWERED_KEY": "88"}, "ANSWERED_KEY is '88'; it must be one key"),
]


@pytest.mark.parametrize(("environ", "said"), WRONG)
def test_settings_that_do_not_fit(environ: dict[str, str], said: str) -> None:
    """Each is refused at startup, and named."""
    with pytest.raises(SettingsError, match=re.escape(said)):
        Settings.from_env(environ)


PAGES: list[dict[str, str]] = [
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://localhost:8002"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Host": "evil.example"},
    {"Host": "evil.example:8002"},
    {"Host": "127.0.0.1.evil.example"},
    {"Host": ""},
]


@pytest.mark.parametrize("headers", PAGES)
@pytest.mark.parametrize(("method", "path"), [("POST", "/calls"), ("GET", "/calls")])
def test_a_web_page_can_do_nothing(
    operator: MakeOperator, method: str, path: str, headers: dict[str, str]
) -> None:
    """Neither by its Origin nor by a name of its own that leads to this machine."""
    answer = operator().open(path, method=method, headers=JSON | headers, data="{}")
    assert answer.status_code == 403
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_a_browser_asks_first_and_gets_no_consent(operator: MakeOperator) -> None:
    """A preflight is answered without any permission."""
    headers = {"Origin": "https://evil.example", "Access-Control-Request-Method": "POST"}
    answer = operator().options("/calls", headers=headers)
    assert answer.status_code == 403
    assert not [name for name, _ in answer.headers if name.startswith("Access-Control")]


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", ""])
@pytest.mark.parametrize("path", ["/calls", "/calls/x/mute"])
def test_a_form_is_refused(operator: MakeOperator, kind: str, path: str) -> None:
    """What a browser sends without asking first is never JSON by its type."""
    answer = operator().post(path, data='{"to": "447700900001"}', content_type=kind or None)
    assert answer.status_code == 415


def test_the_token_is_needed(operator: MakeOperator) -> None:
    """None, a wrong one, one that is not ASCII: 401; with the right one any Host will do."""
    client = operator(OPERATOR_TOKEN=TOKEN)
    for given in ({}, {"Authorization": "Bearer x"}, {"Authorization": f"Basic {TOKEN}"},
                  {"Authorization": "Bearer ä"}):  # fmt: skip
        answer = client.get("/calls", headers=given)
        assert (answer.status_code, answer.headers["WWW-Authenticate"]) == (401, "Bearer")
        assert TOKEN not in answer.get_data(as_text=True)
    right = {"Authorization": f"Bearer {TOKEN}", "Host": "operator.example"}
    assert client.get("/calls", headers=right).get_json() == {"calls": []}
    page = right | {"Origin": "https://evil.example"}
    assert client.get("/calls", headers=page).status_code == 403


REFUSED: list[tuple[dict[str, str], int]] = [
    ({"Content-Type": "text/plain", "Authorization": f"Bearer {TOKEN}"}, 415),
    (JSON | {"Origin": "https://evil.example", "Authorization": f"Bearer {TOKEN}"}, 403),
    (JSON, 401),
]


@pytest.mark.parametrize(("headers", "status"), REFUSED)
def test_what_is_refused_is_logged_once(
    operator: MakeOperator, headers: dict[str, str], status: int
) -> None:
    """With who asked, for what, and the reason; the token is not in it."""
    client = operator(OPERATOR_TOKEN=TOKEN)
    with capture_logs() as logged:
        answer = client.post("/calls", data="{}", headers=headers)
    assert answer.status_code == status
    (line,) = logged
    assert (line["event"], line["status"], line["peer"]) == ("request_refused", status, "127.0.0.1")
    assert line["message"] == answer.get_json()["message"]
    assert TOKEN not in str(line)


BAD: list[tuple[Any, str]] = [
    ({}, "to: Field required"),
    ({"to": "12"}, 'to: it must be 7 to 15 digits with the country code, without + (seen: "12")'),
    ({"to": "447700900001", "from": "+44"}, "from: it must be 7 to 15 digits"),
    ({"to": "447700900001", "order": "both"}, "order: "),
    ({"to": "447700900001", "ring_seconds": 121}, "ring_seconds: "),
    ({"to": "447700900001", "longest_seconds": 86401}, "longest_seconds: "),
    ({"to": "447700900001", "who": "me"}, "who: "),
    ({"to": "447700900001", "headers": {"event": "x"}}, "headers: keys other than 'event'"),
    ({"to": "447700900001", "headers": {"x": "y" * 600}}, "headers: at most 512 bytes"),
    ({"to": "447700900001", "meeting": "m", "order": "socket-first"}, "person-first"),
    ({"to": "447700900001", "meeting": "../x"}, "meeting: it must be 1 to 64 letters"),
    ([], "not an object"),
    ("\ud800", "not an object"),
]


@pytest.mark.parametrize(("body", "said"), BAD)
def test_a_wrong_body_is_explained(operator: MakeOperator, body: Any, said: str) -> None:
    """400 in the usual shape, with the field."""
    answer = operator().post("/calls", json=body)
    assert answer.status_code == 400, answer.get_json()
    assert said in answer.get_json()["message"]
    assert set(answer.get_json()) == {"error", "message", "hint"}


def test_the_log_of_a_wrong_body_has_no_numbers(operator: MakeOperator, events: Events) -> None:
    """The operator sees the number that was sent; the log has its last two digits."""
    for number in ("+447700900789", "+44 (0)7700 900-789"):
        answer = operator().post("/calls", json={"to": number})
        assert number in answer.get_json()["message"]
    for line in events("request_refused"):
        assert line["error"] == "bad_field"
        assert line["message"].count("*") > 8
        assert '89")' in line["message"]
        assert "900" not in line["message"]


def test_a_huge_body_is_refused(operator: MakeOperator) -> None:
    """413."""
    answer = operator().post("/calls", data=b" " * 100_000, headers=JSON)
    assert answer.status_code == 413


def test_where_we_are_must_be_known(operator: MakeOperator) -> None:
    """Without a public address no call is started, and the error says what to set."""
    answer = operator(SOCKET_URL="").post("/calls", json={"to": "447700900001"})
    assert (answer.status_code, answer.get_json()["error"]) == (503, "not_ready")
    assert "LOCAL_URL" in answer.get_json()["hint"]


def test_the_document_names_every_path_and_no_other(operator: MakeOperator) -> None:
    """The OpenAPI document and the routes are the same set of operations."""
    client = operator()
    assert client.get("/openapi.json").get_json() == document()
    routes = set()
    for rule in client.application.url_map.iter_rules():
        for method in rule.methods - {"HEAD", "OPTIONS"} if rule.methods else ():
            path = rule.rule.replace("<name>", "{name}")
            actions = re.search(r"<any\((.*)\):action>", path)
            for action in actions[1].split(", ") if actions else [""]:
                routes.add((method.lower(), re.sub(r"<any.*>", action, path)))
    named = {(method, path) for path, item in document()["paths"].items() for method in item}
    assert routes == named
    text = str(document())
    schemas = document()["components"]["schemas"]
    for name in re.findall(r"#/components/schemas/(\w+)", text):
        assert name in schemas


def test_unknown_names(operator: MakeOperator) -> None:
    """A meeting that nobody knows, and a name that cannot be one."""
    client = operator()
    assert client.delete("/meetings/x/socket").get_json()["error"] == "no_such_meeting"
    assert client.get(f"/calls/{'x' * 65}").get_json()["error"] == "no_such_name"
    assert client.get("/nothing").get_json()["hint"] == "GET /openapi.json lists the paths here"
