"""Who may open the socket."""

from __future__ import annotations

import base64
import contextlib
import datetime
import json
import time
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jwt
import pytest
from echo_service.server import authentication
from echo_service.server.authentication import (
    AuthenticationError,
    Authenticator,
    TicketAuthenticator,
    VonageAuthenticator,
)
from echo_service.settings import Settings
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from wire_peer import Peer

NOW = float(int(time.time()))
SECRET = "a-secret-of-more-than-sixty-four-characters-so-that-hs512-likes-it-too"
PREVIOUS = "the-secret-before-that-of-the-same-length-or-so"
TICKET: dict[str, Any] = {
    "iss": "ncco-service",
    "aud": "socket",
    "sub": "a-call",
    "iat": int(NOW),
    "exp": int(NOW) + 300,
    "jti": "one",
}
TOKEN: dict[str, Any] = {"iss": "Vonage", "iat": int(NOW), "jti": "one", "api_key": "k"}


def signed(claims: dict[str, Any], secret: str = SECRET, algorithm: str = "HS256") -> str:
    """An Authorization header."""
    return f"Bearer {jwt.encode(claims, secret, algorithm=algorithm)}"


def unsigned(claims: dict[str, Any]) -> str:
    """An Authorization header whose token says that it needs no signature."""
    parts = ({"alg": "none", "typ": "JWT"}, claims)
    encoded = [base64.urlsafe_b64encode(json.dumps(p).encode()).rstrip(b"=") for p in parts]
    return "Bearer " + b".".join([*encoded, b""]).decode()


@pytest.fixture(autouse=True)
def frozen(monkeypatch: pytest.MonkeyPatch) -> None:
    """The time stands still at NOW, for PyJWT and for us."""

    class Frozen(datetime.datetime):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> Frozen:
            return cls.fromtimestamp(NOW, tz)

    monkeypatch.setattr("jwt.api_jwt.datetime", Frozen)
    monkeypatch.setattr(authentication, "time", types.SimpleNamespace(time=lambda: NOW))


def tickets() -> TicketAuthenticator:
    """An authenticator of tickets."""
    return TicketAuthenticator([SECRET, PREVIOUS])


def vonage() -> VonageAuthenticator:
    """Another one, for the platform's tokens."""
    return VonageAuthenticator([SECRET, PREVIOUS])


def test_ticket_proves_its_call() -> None:
    """A good ticket gives the id of its call."""
    assert tickets().authenticate([signed(TICKET)]) == "a-call"


def test_ticket_without_a_call() -> None:
    """A ticket for an answer request without a uuid lets in and proves no id."""
    assert tickets().authenticate([signed(TICKET | {"sub": ""})]) is None


def test_former_secret() -> None:
    """During a change of the secret, both are taken, by either authenticator."""
    assert tickets().authenticate([signed(TICKET, PREVIOUS)]) == "a-call"
    assert vonage().authenticate([signed(TOKEN, PREVIOUS)]) is None


def test_ticket_is_good_once() -> None:
    """A second use is refused, and so is a third."""
    authenticator = tickets()
    authenticator.authenticate([signed(TICKET)])
    for _ in range(2):
        with pytest.raises(AuthenticationError, match="used before"):
            authenticator.authenticate([signed(TICKET)])
    authenticator.authenticate([signed(TICKET | {"jti": "two"})])


def test_used_tickets_are_forgotten_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is remembered of used tickets has a bound, and the expired ones go first."""
    monkeypatch.setattr(authentication, "MAX_REMEMBERED", 3)
    authenticator = tickets()
    for number in range(10):
        authenticator.authenticate([signed(TICKET | {"jti": f"ticket {number}"})])
    assert len(authenticator._used) == 3
    with pytest.raises(AuthenticationError, match="used before"):
        authenticator.authenticate([signed(TICKET | {"jti": "ticket 9"})])


def test_a_used_ticket_after_a_restart() -> None:
    """What was used is forgotten; the bound is its lifetime and 30 s, as docs/security.md says."""
    tickets().authenticate([signed(TICKET)])
    used = signed(TICKET | {"exp": int(NOW) - 29})
    assert tickets().authenticate([used]) == "a-call"
    with pytest.raises(AuthenticationError) as refused:
        tickets().authenticate([signed(TICKET | {"exp": int(NOW) - 31})])
    assert refused.value.check == "exp"
    docs = (Path(__file__).parents[2] / "docs" / "security.md").read_text("utf-8")
    assert f"`TICKET_SECONDS` and {authentication.LEEWAY_SECONDS} s" in " ".join(docs.split())
    assert f"the last {authentication.MAX_REMEMBERED:,} of them" in " ".join(docs.split())


@pytest.mark.parametrize(
    ("header", "check"),
    [
        (signed(TICKET, "another secret altogether, just as long as it"), "signature"),
        (signed(TICKET, algorithm="HS512"), "algorithm"),
        (unsigned(TICKET), "algorithm"),
        (signed(TICKET)[:-3], "signature"),
        (signed(TICKET).rpartition(".")[0], "token"),
        ("Bearer x", "token"),
        ("Bearer", "authorization"),
        ("", "authorization"),
        ("Basic bWU6bWU=", "authorization"),
        (signed(TICKET | {"exp": NOW - 31}), "exp"),
        (signed(TICKET | {"exp": "never"}), "exp"),
        (signed(TICKET | {"exp": float("inf")}), "exp"),
        (signed(TICKET | {"iat": NOW + 31}), "iat"),
        (signed(TICKET | {"iss": "Vonage"}), "iss"),
        (signed(TICKET | {"aud": ["socket"]}), "aud"),
        (signed({k: v for k, v in TICKET.items() if k != "sub"}), "sub"),
        (signed({k: v for k, v in TICKET.items() if k != "jti"}), "jti"),
        (signed({k: v for k, v in TICKET.items() if k != "exp"}), "exp"),
        (signed({k: v for k, v in TICKET.items() if k != "iat"}), "iat"),
    ],
)
def test_bad_ticket(header: str, check: str) -> None:
    """A bad ticket is refused, naming the check, and nothing of the secret."""
    with pytest.raises(AuthenticationError) as refused:
        tickets().authenticate([header])
    assert refused.value.check == check
    assert SECRET not in str(refused.value) + refused.value.hint
    assert refused.value.hint


@pytest.mark.parametrize(
    ("claims", "check"),
    [
        (TOKEN | {"iss": "ncco-service"}, "iss"),
        (TOKEN | {"iat": NOW - 331}, "iat"),
        (TOKEN | {"iat": NOW + 31}, "iat"),
        ({k: v for k, v in TOKEN.items() if k != "iat"}, "iat"),
        ({k: v for k, v in TOKEN.items() if k != "jti"}, "jti"),
    ],
)
def test_bad_token_of_the_platform(claims: dict[str, Any], check: str) -> None:
    """A bad token of the platform is refused, naming the check."""
    with pytest.raises(AuthenticationError) as refused:
        vonage().authenticate([signed(claims)])
    assert refused.value.check == check


@pytest.mark.parametrize("authenticator", [tickets, vonage])
def test_clocks_may_differ(authenticator: Callable[[], Authenticator]) -> None:
    """Half a minute, either way, is forgiven."""
    for name, seconds in (("iat", 29), ("exp", -29)):
        good = (TICKET if authenticator is tickets else TOKEN) | {name: NOW + seconds, "jti": name}
        authenticator().authenticate([signed(good)])


def test_several_headers() -> None:
    """A good token beside another one is not taken."""
    with pytest.raises(AuthenticationError, match="several"):
        tickets().authenticate([signed(TICKET), "Bearer x"])


@given(st.one_of(st.text(max_size=300), st.binary(max_size=200).map(lambda b: b.decode("latin-1"))))
def test_garbage_is_refused(token: str) -> None:
    """Whatever stands in the header, it is refused in words, and nothing else is raised."""
    for authenticator in (tickets(), vonage()):
        with pytest.raises(AuthenticationError):
            authenticator.authenticate([f"Bearer {token}"])


@given(st.recursive(st.none() | st.booleans() | st.floats() | st.text(), st.lists, max_leaves=5))
def test_signed_garbage_is_refused(value: Any) -> None:
    """A signed token with any value in any claim is taken or refused, and nothing else happens."""
    for name in TICKET:
        header = signed(TICKET | {name: value}) if name != "iss" else signed(TICKET)
        with contextlib.suppress(AuthenticationError):
            assert tickets().authenticate([header]) in (TICKET["sub"], value, None)


VALUES: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, "", "socket", "Vonage", "ncco-service", ["socket"], {}, -1, 1.5, float("inf")]
    + [NOW, int(NOW), int(NOW) - 29, int(NOW) - 31, int(NOW) + 29, int(NOW) + 31, 10**30]
)


@pytest.mark.usefixtures("frozen")
@given(
    claims=st.sampled_from([TICKET, TOKEN]),
    changed=st.dictionaries(st.sampled_from([*TICKET, "nbf", "x"]), VALUES, max_size=3),
    without=st.sets(st.sampled_from([*TICKET]), max_size=1),
    secret=st.sampled_from([SECRET, PREVIOUS, "of somebody else, and as long as the others are"]),
    damaged=st.none() | st.tuples(st.integers(0, 300), st.sampled_from(["", "A", "-", "+", "."])),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_one_pass_decides_as_pyjwt_does(
    claims: dict[str, Any],
    changed: dict[str, Any],
    without: set[str],
    secret: str,
    damaged: tuple[int, str] | None,
) -> None:
    """Whatever the token, the result is what PyJWT alone gives."""
    kept = {name: value for name, value in (claims | changed).items() if name not in without}
    header = f"Bearer {jwt.api_jws.encode(json.dumps(kept).encode(), secret, 'HS256')}"
    if damaged:
        at, letter = 8 + damaged[0], damaged[1]
        header = header[:at] + letter + header[at + 1 :]

    def outcome(authenticator: Authenticator) -> str | None:
        try:
            return authenticator.authenticate([header])
        except AuthenticationError as error:
            return f"{error.check}: {error}"

    for make in (tickets, vonage):
        seen = outcome(make())
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(authentication, "signed_claims", lambda *_: None)
            assert outcome(make()) == seen


def test_one_pass_reads_what_ncco_service_writes() -> None:
    """A usual token needs no other way."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(authentication, "_verified", None)
        assert tickets().authenticate([signed(TICKET)]) == "a-call"
        assert vonage().authenticate([signed(TOKEN, PREVIOUS)]) is None


async def test_handshake(start: Any, lines: Callable[[], list[str]]) -> None:
    """The socket opens for a ticket, once, and for nothing else; refusals are logged."""
    async with start(socket_secret=SECRET) as service:
        url = service.url.replace("http", "ws") + "/socket"
        header = {"Authorization": signed(TICKET)}
        async with connect(url, additional_headers=header) as socket:
            await socket.send('{"event":"websocket:connected","uuid":"a-call"}')
            await socket.send(b"audio")
            assert await socket.recv() == b"audio"
        for headers in (header, {}):
            with pytest.raises(InvalidStatus) as refused:
                await connect(url, additional_headers=headers).__aenter__()
            assert refused.value.response.status_code == 401
            assert set(json.loads(refused.value.response.body)) == {"error", "message", "hint"}
    assert any("reason=unauthorized" in x and "check=jti" in x for x in lines())
    assert SECRET not in "".join(lines())


async def test_ticket_of_another_call(start: Any) -> None:
    """A first message that names another call than the ticket ends it, without an echo."""
    async with start(socket_secret=SECRET) as service:
        url = service.url.replace("http", "ws") + "/socket"
        header = {"Authorization": signed(TICKET)}
        async with connect(url, additional_headers=header) as socket:
            await socket.send('{"event":"websocket:connected","uuid":"another-call"}')
            await socket.send(b"audio")
            with pytest.raises(ConnectionClosed) as closed:
                await socket.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1008


@pytest.mark.parametrize("secret", ["", SECRET])
async def test_an_open_socket_is_announced(
    start: Any, lines: Callable[[], list[str]], secret: str
) -> None:
    """Without a secret, or told not to use it, the service says so in its log and `/readyz`."""
    settings = {"socket_secret": secret, "socket_auth": "none" if secret else ""}
    async with start(**settings) as service, Peer.reach(service.port) as asker:
        asker.write(b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n")
        status, body = await asker.response()
    ready = json.loads(body)
    assert (status, ready["status"], ready["socket_auth"]) == (200, "ready", "none")
    assert any("SOCKET_AUTH=none" in warning for warning in ready["warnings"])
    assert [line for line in lines() if "open_to_anybody" in line and "SOCKET_AUTH=none" in line]


async def test_an_open_socket_for_other_machines_is_asked_for(
    start: Any, lines: Callable[[], list[str]]
) -> None:
    """Beyond loopback, and with nothing said of who may come, nobody may; and it says so."""
    words = (
        "set SOCKET_SECRET as in ncco-service, or SOCKET_AUTH=none to let anyone open the socket"
    )
    async with start(host="0.0.0.0") as service:
        async with Peer.reach(service.port) as asker:
            asker.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            assert (await asker.response())[0] == 200
        async with Peer.reach(service.port) as asker:
            asker.write(b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n")
            status, body = await asker.response()
        ready = json.loads(body)
        assert (status, ready["status"], ready["socket_auth"]) == (503, "not ready", "unset")
        assert [reason for reason in ready["reasons"] if words in reason]
        for headers in ({}, {"Authorization": signed(TICKET)}):
            async with Peer.reach(service.port) as peer:
                peer.write(Peer.handshake(headers))
                status, body = await peer.response()
            assert (status, json.loads(body)["error"]) == (401, "unauthorized")
            assert json.loads(body)["hint"] == words
    (line,) = [line for line in lines() if "closed_to_everybody" in line]
    assert line.startswith("ERROR ")
    assert words in line


async def test_an_open_socket_for_other_machines_that_was_asked_for(start: Any) -> None:
    """Told so, the service takes anybody on every address."""
    async with (
        start(host="0.0.0.0", socket_auth="none") as service,
        Peer.connect(service.port),
        Peer.reach(service.port) as asker,
    ):
        asker.write(b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (await asker.response())[0] == 200


@pytest.mark.parametrize(
    ("environ", "mode"),
    [
        ({}, "none"),
        ({"HOST": "127.0.0.2"}, "none"),
        ({"HOST": "::1"}, "none"),
        ({"HOST": "LocalHost"}, "none"),
        ({"HOST": "0.0.0.0"}, "unset"),
        ({"HOST": "::"}, "unset"),
        ({"HOST": "192.0.2.1"}, "unset"),
        ({"HOST": "a.name"}, "unset"),
        ({"HOST": "0.0.0.0", "VONAGE_SIGNATURE_SECRET": SECRET}, "unset"),
        ({"HOST": "0.0.0.0", "SOCKET_SECRET": SECRET}, "ticket"),
        ({"HOST": "0.0.0.0", "SOCKET_AUTH": "none"}, "none"),
    ],
)
def test_what_opens_the_socket_by_default(environ: dict[str, str], mode: str) -> None:
    """A secret asks for tickets; without one the socket is open to this machine only."""
    assert Settings.from_env(environ).socket_auth_mode == mode


async def test_ticket_of_a_call_with_a_long_id(start: Any) -> None:
    """The platform's uuid may be any text: it is compared whole, however little of it is shown."""
    call = "x" * 100
    async with start(socket_secret=SECRET) as service:
        url = service.url.replace("http", "ws") + "/socket"
        ticket = signed(TICKET | {"sub": call})
        async with connect(url, additional_headers={"Authorization": ticket}) as socket:
            await socket.send(json.dumps({"event": "websocket:connected", "uuid": call}))
            await socket.send(b"audio")
            assert await socket.recv() == b"audio"


@pytest.mark.parametrize(
    ("environ", "seen"),
    [
        ({"SOCKET_AUTH": "ticket"}, "set SOCKET_SECRET"),
        ({"SOCKET_AUTH": "vonage"}, "set VONAGE_SIGNATURE_SECRET"),
        ({"SOCKET_AUTH": "open"}, "give one of ticket, vonage, none"),
        ({"SOCKET_SECRET": "short"}, "SOCKET_SECRET: it has 5 characters"),
        ({"SOCKET_SECRET_FILE": "/nowhere/at/all"}, "cannot be read"),
        ({"SOCKET_SECRET": SECRET, "SOCKET_SECRET_FILE": "/x"}, "unset one of them"),
    ],
)
def test_wrong_settings(environ: dict[str, str], seen: str) -> None:
    """A wrong setting is named with what to do, and no secret is shown."""
    from_env = Settings.from_env
    with pytest.raises(ValueError, match=seen) as wrong:
        from_env(environ)
    assert "short" not in str(wrong.value)
    assert SECRET not in str(wrong.value)


def test_secret_in_a_file(tmp_path: Any) -> None:
    """A secret may stand in a file; with one, tickets are asked for; an empty file is none."""
    file = tmp_path / "secret"
    file.write_text(SECRET + "\r\n", "utf-8-sig")  # as editors on Windows write it
    settings = Settings.from_env({"SOCKET_SECRET_FILE": str(file)})
    assert settings.socket_secrets == (SECRET,)
    assert settings.socket_auth_mode == "ticket"
    assert SECRET not in repr(settings)
    file.write_text("")
    assert Settings.from_env({"SOCKET_SECRET_FILE": str(file)}).socket_auth_mode == "none"
