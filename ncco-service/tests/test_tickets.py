"""Tickets: every call that is answered gets its own for the socket."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
from flask import Flask
from hypothesis import given
from hypothesis import strategies as st
from ncco_service.ncco.template import TemplateError
from ncco_service.ncco.tickets import Tickets, with_authorization
from ncco_service.ncco.validation import problems_of

MakeApp = Callable[..., Flask]

SECRET = "0123456789abcdef" * 4
NOW = 1_800_000_000


def opened(authorization: dict[str, str], secret: str = SECRET) -> dict[str, Any]:
    """Verify a ticket as the echo service does, but for the clock; give its claims."""
    kind, _, token = authorization["value"].partition(" ")
    assert (authorization["type"], kind) == ("custom", "Bearer")
    claims: dict[str, Any] = jwt.decode(
        token,
        secret,
        algorithms=["HS256"],
        audience="socket",
        issuer="ncco-service",
        options={"verify_exp": False, "verify_iat": False},
    )
    return claims


def test_a_ticket_is_for_one_call_and_a_few_minutes() -> None:
    """It names issuer, audience, call, times and itself."""
    tickets = Tickets(SECRET, 300, clock=lambda: NOW + 0.9)
    claims = opened(tickets.authorization("u1"))
    assert claims.pop("jti")
    assert claims == {
        "iss": "ncco-service",
        "aud": "socket",
        "sub": "u1",
        "iat": NOW,
        "exp": NOW + 300,
    }


def test_a_ticket_is_what_pyjwt_would_make() -> None:
    """The same claims, signed by the library with the same secret, are the same token."""
    token = Tickets(SECRET, 300).authorization("u\u00e9")["value"].partition(" ")[2]
    claims = opened({"type": "custom", "value": f"Bearer {token}"})
    assert token == jwt.encode(claims, SECRET, "HS256")


def test_every_ticket_is_unique() -> None:
    """So each can be used once."""
    tickets = Tickets(SECRET, 300)
    names = {opened(tickets.authorization("u1"))["jti"] for _ in range(100)}
    assert len(names) == 100


def test_another_secret_does_not_open_it() -> None:
    """Its signature does not verify."""
    authorization = Tickets(SECRET, 300).authorization("u1")
    with pytest.raises(jwt.InvalidSignatureError):
        opened(authorization, "f" * 64)


@given(st.text(st.characters(codec="utf-8")))
def test_any_call_id_makes_a_ticket_that_the_platform_takes(call: str) -> None:
    """Whatever the uuid is, it comes back whole, and the NCCO stays valid."""
    authorization = Tickets(SECRET, 300).authorization(call)
    assert opened(authorization)["sub"] == call
    endpoint = {"type": "websocket", "uri": "wss://h/s", "content-type": "audio/l16;rate=8000"}
    document = with_authorization([{"action": "connect", "endpoint": [endpoint]}], authorization)
    assert document[0]["endpoint"][0]["authorization"] == authorization
    assert problems_of(document) == []


def test_a_websocket_with_an_authorization_keeps_it() -> None:
    """What the template says stays."""
    own = {"type": "websocket", "uri": "wss://h/s", "authorization": {"type": "vonage"}}
    document: list[dict[str, Any]] = [
        {"action": "talk", "text": "hi"},
        {"action": "connect", "endpoint": [own]},
    ]
    assert with_authorization(document, {"type": "custom", "value": "x"}) == document


def authorization_of(app: Flask) -> Any:
    """Ask for an answer; give its websocket's authorization."""
    answer = app.test_client().get("/ncco?uuid=u1").get_json()
    return answer[1]["endpoint"][0].get("authorization")


def test_a_secret_turns_tickets_on(make_app: MakeApp, tmp_path: Path) -> None:
    """From the variable or from a file; each answer has a new one for its call."""
    file = tmp_path / "secret"
    file.write_text(f"{SECRET}\n")
    for settings in ({"SOCKET_SECRET": SECRET}, {"SOCKET_SECRET_FILE": str(file)}):
        app = make_app(**settings, TICKET_SECONDS="60")
        one, other = opened(authorization_of(app)), opened(authorization_of(app))
        assert one["sub"] == "u1"
        assert one["exp"] - one["iat"] == 60
        assert one["jti"] != other["jti"]
        assert app.test_client().get("/readyz").get_json()["authentication"]["socket"] == {
            "auth": "ticket"
        }


def test_without_a_secret_there_are_none(make_app: MakeApp, tmp_path: Path) -> None:
    """An empty file counts as unset; the call works, readiness warns."""
    (tmp_path / "empty").write_text("")
    app = make_app(SOCKET_SECRET_FILE=str(tmp_path / "empty"))
    assert authorization_of(app) is None
    ready = app.test_client().get("/readyz").get_json()
    assert ready["authentication"]["socket"] == {"auth": "none"}
    assert any("anyone can open the socket" in warning for warning in ready["warnings"])


def test_the_other_modes_can_be_chosen(make_app: MakeApp) -> None:
    """Vonage's own token, or nothing, whatever secret there is."""
    vonage = make_app(SOCKET_AUTH="vonage", SOCKET_SECRET=SECRET)
    assert authorization_of(vonage) == {"type": "vonage"}
    assert authorization_of(make_app(SOCKET_AUTH="none", SOCKET_SECRET=SECRET)) is None


def test_a_fallback_carries_no_ticket(make_app: MakeApp) -> None:
    """A call whose values make the document invalid gets the fallback, without a ticket."""
    app = make_app(SOCKET_SECRET=SECRET)
    answer = app.test_client().post("/ncco", json={"uuid": "x" * 600})
    assert "authorization" not in json.dumps(answer.get_json())


@pytest.mark.parametrize(
    ("headers", "seen"),
    [
        (None, "nothing"),
        ({"conversation_uuid": "${conversation_uuid}"}, "nothing"),
        ({"uuid": "${conversation_uuid}"}, '"${conversation_uuid}"'),
    ],
)
def test_a_template_whose_calls_could_not_use_their_tickets_is_refused(
    make_app: MakeApp, write: Callable[[Any], Path], headers: Any, seen: str
) -> None:
    """At the start, and only where tickets would be put in."""
    kind = "audio/l16;rate=8000"
    endpoint: dict[str, Any] = {"type": "websocket", "uri": "${socket_url}", "content-type": kind}
    if headers is not None:
        endpoint["headers"] = headers
    talk = {"action": "talk", "text": "hi"}
    file = write([talk, {"action": "connect", "endpoint": [endpoint]}])
    with pytest.raises(TemplateError) as caught:
        make_app(NCCO_FILE=str(file), SOCKET_SECRET=SECRET)
    where = "action 2 (connect): endpoint[0].headers.uuid"
    assert str(caught.value).startswith(f'{file}: {where}: saw {seen}; allowed: "${{uuid}}"')
    make_app(NCCO_FILE=str(file))
    make_app(NCCO_FILE=str(file), SOCKET_SECRET=SECRET, SOCKET_AUTH="vonage")
    own = endpoint | {"authorization": {"type": "vonage"}}
    write([talk, {"action": "connect", "endpoint": [own]}])
    make_app(NCCO_FILE=str(file), SOCKET_SECRET=SECRET)
    write([talk, {"action": "connect", "endpoint": [endpoint | {"headers": {"uuid": "${uuid}"}}]}])
    make_app(NCCO_FILE=str(file), SOCKET_SECRET=SECRET)
