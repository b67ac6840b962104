"""Signed webhooks: Vonage's are accepted, others refused by the check that fails."""

import base64
import hashlib
import hmac
import json
import threading
from collections.abc import Callable, Sequence
from datetime import datetime, tzinfo
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ncco_service.app import service_of
from ncco_service.http.refusals import Refusals
from ncco_service.signature import SignatureError, Verifier, query_payloads

SECRET = "the-account's-signature-secret-as-Vonage-shows-it"
NOW = 1_800_000_000
BODY = b'{"uuid": "u1", "from": "447700900123"}'

Claims = dict[str, Any]


def claims(payload: bytes = BODY, **other: Any) -> Claims:
    """Make the claims that Vonage's token has; None leaves one out."""
    usual = {
        "iss": "Vonage",
        "iat": NOW,
        "jti": "token-1",
        "payload_hash": hashlib.sha256(payload).hexdigest(),
        "api_key": "abcd1234",
        "application_id": "app-1",
    }
    return {key: value for key, value in (usual | other).items() if value is not None}


def sign(content: Claims, secret: str = SECRET, algorithm: str = "HS256") -> str:
    """Make the Authorization header, by RFC 7515 and without any library."""
    signed = f"{part({'alg': algorithm, 'typ': 'JWT'})}.{part(content)}"
    digest = hmac.digest(secret.encode(), signed.encode(), f"sha{algorithm[2:]}")
    return f"Bearer {signed}.{base64.urlsafe_b64encode(digest).rstrip(b'=').decode()}"


def part(content: Any) -> str:
    """Write one part of a JWT."""
    written = json.dumps(content, separators=(",", ":"))
    return base64.urlsafe_b64encode(written.encode()).rstrip(b"=").decode()


@pytest.fixture(autouse=True)
def now(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Give PyJWT a clock to set; it stands at NOW."""
    moment = [float(NOW)]

    class Clock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Any:
            return datetime.fromtimestamp(moment[0], tz)

    monkeypatch.setattr("jwt.api_jwt.datetime", Clock)
    return moment


@pytest.fixture
def verifier() -> Verifier:
    """Give a verifier with the secret, an account and an application, at NOW."""
    return Verifier([SECRET], "abcd1234", "app-1", clock=lambda: NOW)


def refused(verifier: Verifier, header: str | None, payloads: Sequence[bytes] = (BODY,)) -> str:
    """Give the check that refuses a request."""
    with pytest.raises(SignatureError) as caught:
        verifier.verify(header, payloads)
    assert str(caught.value)
    assert caught.value.hint
    assert SECRET not in str(caught.value) + caught.value.hint
    return caught.value.check


def test_vonages_token_is_accepted(verifier: Verifier) -> None:
    """With all claims as documented."""
    verifier.verify(sign(claims()), [BODY])


@pytest.mark.parametrize("secret", ["short", "x" * 64, "x" * 200, "pässword"])
def test_a_secret_of_any_length_works(secret: str) -> None:
    """Its length is Vonage's choice."""
    Verifier([secret], clock=lambda: NOW).verify(sign(claims(), secret), [BODY])


def test_two_secrets_are_accepted_during_rotation() -> None:
    """The current one and the previous one; no third."""
    both = Verifier(["new-secret", "old-secret"], clock=lambda: NOW)
    both.verify(sign(claims(jti="a"), "new-secret"), [BODY])
    both.verify(sign(claims(jti="b"), "old-secret"), [BODY])
    assert refused(both, sign(claims(jti="c"), "older-secret")) == "signature"


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Basic YTpi",
        sign(claims()).replace("Bearer", "Token"),
    ],
)
def test_a_request_without_a_token_is_refused(verifier: Verifier, header: str | None) -> None:
    """Unsigned is refused, and the hint says how to sign."""
    assert refused(verifier, header) == "authorization"


@pytest.mark.parametrize(
    "token",
    [
        "x",
        "a.b.c",
        "....",
        "\xff\xfe",
        "e30.e30.",
        sign(claims()).removeprefix("Bearer ")[:-1] + "=é",
        sign(claims()).removeprefix("Bearer ").rpartition(".")[0],
        "A" * 8000,
        f"{part([])}.{part({})}.x",
        f"{part({'alg': 'HS256'})}.bm90IGpzb24.x",
    ],
)
def test_a_malformed_token_is_refused(verifier: Verifier, token: str) -> None:
    """Truncated, mangled or not a token at all."""
    assert refused(verifier, f"Bearer {token}") in ("token", "signature", "algorithm")


@pytest.mark.parametrize("algorithm", ["none", "None", "HS512", "RS256", "", None, 7])
def test_another_algorithm_is_refused(verifier: Verifier, algorithm: Any) -> None:
    """Whatever its header says, only HS256 is accepted."""
    forged = f"Bearer {part({'alg': algorithm, 'typ': 'JWT'})}.{part(claims())}."
    assert refused(verifier, forged) in ("algorithm", "token")


def test_hs512_with_the_right_secret_is_refused(verifier: Verifier) -> None:
    """The algorithm is fixed."""
    assert refused(verifier, sign(claims(), algorithm="HS512")) == "algorithm"


def test_a_forged_token_is_refused(verifier: Verifier) -> None:
    """Another secret, the empty one, or claims changed after signing."""
    assert refused(verifier, sign(claims(), "guess")) == "signature"
    assert refused(verifier, sign(claims(), "")) == "signature"
    head, _, mark = sign(claims()).removeprefix("Bearer ").split(".")
    changed = f"Bearer {head}.{part(claims(jti='other'))}.{mark}"
    assert refused(verifier, changed) == "signature"


@pytest.mark.parametrize(
    ("changes", "check"),
    [
        ({"iss": "vonage.example"}, "iss"),
        ({"iss": None}, "iss"),
        ({"iss": ["Vonage"]}, "iss"),
        ({"iat": None}, "iat"),
        ({"iat": str(NOW)}, "iat"),
        ({"iat": True}, "iat"),
        ({"iat": float("nan")}, "iat"),
        ({"iat": float("inf")}, "iat"),
        ({"iat": -NOW}, "iat"),
        ({"iat": NOW - 331}, "iat"),
        ({"iat": NOW + 31}, "iat"),
        ({"exp": NOW - 31}, "exp"),
        ({"exp": "soon"}, "token"),
        ({"nbf": NOW + 31}, "iat"),
        ({"aud": "someone else"}, "aud"),
        ({"api_key": "other"}, "api_key"),
        ({"api_key": None}, "api_key"),
        ({"api_key": {"a": 1}}, "api_key"),
        ({"application_id": "other"}, "application_id"),
        ({"application_id": None}, "application_id"),
        ({"payload_hash": None}, "payload_hash"),
        ({"payload_hash": 7}, "payload_hash"),
        ({"payload_hash": "0" * 64}, "payload_hash"),
        ({"payload_hash": "é"}, "payload_hash"),
        ({"jti": None}, "jti"),
        ({"jti": ""}, "jti"),
        ({"jti": 7}, "jti"),
    ],
)
def test_a_wrong_claim_is_refused_by_name(verifier: Verifier, changes: Claims, check: str) -> None:
    """The check that failed is named."""
    assert refused(verifier, sign(claims(**changes))) == check


@pytest.mark.parametrize("iat", [NOW - 330, NOW - 300, NOW + 30, NOW + 0.5])
def test_clocks_may_differ(verifier: Verifier, iat: float) -> None:
    """By thirty seconds, on top of the five minutes that a token lasts."""
    verifier.verify(sign(claims(iat=iat)), [BODY])


def test_accounts_and_applications_are_checked_only_where_configured() -> None:
    """Without the settings any account's token passes that has the secret."""
    open_to_all = Verifier([SECRET], clock=lambda: NOW)
    open_to_all.verify(sign(claims(api_key="any", application_id=None)), [BODY])


def test_a_changed_body_is_refused(verifier: Verifier) -> None:
    """The hash is of the raw bytes: one blank makes a difference."""
    assert refused(verifier, sign(claims()), [BODY + b" "]) == "payload_hash"
    verifier.verify(sign(claims(payload_hash=hashlib.sha256(BODY).hexdigest().upper())), [BODY])


def test_a_retry_is_accepted_and_a_reuse_refused(verifier: Verifier) -> None:
    """The platform may send the same again; the same token with another payload is refused."""
    verifier.verify(sign(claims()), [BODY])
    verifier.verify(sign(claims()), [BODY])
    other = b'{"uuid": "u2"}'
    assert refused(verifier, sign(claims(other)), [other]) == "jti"
    verifier.verify(sign(claims()), [BODY])


def test_old_tokens_are_forgotten(monkeypatch: pytest.MonkeyPatch, now: list[float]) -> None:
    """What is remembered has a bound, by age and by number."""
    monkeypatch.setattr("ncco_service.signature.verifier.MAX_REMEMBERED", 3)
    verifier = Verifier([SECRET], clock=lambda: now[0])
    for n in range(10):
        verifier.verify(sign(claims(jti=f"t{n}")), [BODY])
    assert len(verifier._used._tokens) == 3
    now[0] += 331
    verifier.verify(sign(claims(jti="new", iat=now[0])), [BODY])
    assert len(verifier._used._tokens) == 1


def test_one_token_in_many_requests_at_once() -> None:
    """Of many requests with one token and different payloads only one gets through."""
    verifier = Verifier([SECRET], clock=lambda: NOW)
    bodies = [b'{"n": %d}' % n for n in range(16)]
    passed: list[bytes] = []
    failed: list[str] = []

    def send(body: bytes) -> None:
        try:
            verifier.verify(sign(claims(body)), [body])
            passed.append(body)
        except SignatureError as error:
            failed.append(error.check)

    threads = [threading.Thread(target=send, args=(body,)) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(passed) == 1
    assert failed == ["jti"] * 15


def test_a_query_is_hashed_as_json_in_its_order() -> None:
    """No blanks; letters beyond ASCII in either way of writing."""
    assert query_payloads({"to": "1", "from": "é"}) == [
        '{"to":"1","from":"é"}'.encode(),
        b'{"to":"1","from":"\\u00e9"}',
    ]


VALUES: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, "", "Vonage", ["Vonage"], {}, 7, 1.5, float("inf"), float(NOW), NOW]
    + [NOW - 331, NOW - 329, NOW + 29, NOW + 31, 10**30, "abcd1234"]
)


@given(
    changes=st.dictionaries(st.sampled_from([*claims(), "exp", "nbf", "aud"]), VALUES, max_size=3),
    secret=st.sampled_from([SECRET, "the-one-before-that", "of somebody else"]),
    damaged=st.none() | st.tuples(st.integers(0, 400), st.sampled_from(["", "A", "-", "+", "."])),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_one_pass_decides_as_pyjwt_does(
    changes: Claims, secret: str, damaged: tuple[int, str] | None
) -> None:
    """Whatever the token, the result is what PyJWT alone gives."""
    header = sign(claims(**changes), secret)
    if damaged:
        at, letter = 8 + damaged[0], damaged[1]
        header = header[:at] + letter + header[at + 1 :]

    def outcome() -> str:
        verifier = Verifier([SECRET, "the-one-before-that"], "abcd1234", clock=lambda: NOW)
        try:
            verifier.verify(header, [BODY])
        except SignatureError as error:
            return f"{error.check}: {error}"
        return "accepted"

    seen = outcome()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ncco_service.signature.verifier.signed_claims", lambda *_: None)
        assert outcome() == seen


def test_one_pass_reads_a_usual_token(verifier: Verifier, monkeypatch: pytest.MonkeyPatch) -> None:
    """It needs no other way."""
    monkeypatch.setattr(verifier, "_claims", None)
    verifier.verify(sign(claims()), [BODY])


@given(st.text() | st.binary().map(lambda raw: raw.decode("latin-1")))
def test_no_header_passes_by_chance(header: str) -> None:
    """Any text raises SignatureError, never another error."""
    verifier = Verifier([SECRET], clock=lambda: NOW)
    for text in (header, f"Bearer {header}"):
        with pytest.raises(SignatureError):
            verifier.verify(text, [BODY])


# The same at the webhooks.

MakeApp = Callable[..., Flask]
Events = Callable[[str], list[dict[str, Any]]]
JSON = "application/json"


@pytest.fixture
def app(make_app: MakeApp, monkeypatch: pytest.MonkeyPatch) -> Flask:
    """Give an application that accepts signed webhooks only."""
    app = make_app(VONAGE_SIGNATURE_SECRET=SECRET, VONAGE_API_KEY="abcd1234")
    check = service_of(app).signature_check
    assert check is not None
    monkeypatch.setattr(check._verifier, "_clock", lambda: NOW)
    return app


@pytest.fixture
def signed(app: Flask) -> FlaskClient:
    """Give its client."""
    return app.test_client()


PATHS = ["/webhooks/answer", "/ncco", "/webhooks/events", "/webhooks/fallback"]


@pytest.mark.parametrize("path", PATHS)
def test_every_webhook_needs_a_signature(signed: FlaskClient, path: str) -> None:
    """Unsigned requests get 401 in the common error shape; signed ones are served."""
    for answer in (signed.get(path), signed.post(path, data=BODY, content_type=JSON)):
        assert answer.status_code == 401
        assert answer.headers["WWW-Authenticate"] == "Bearer"
        assert set(answer.get_json()) == {"error", "message", "hint"}
        assert answer.get_json()["error"] == "unauthorized"
        assert "(authorization)" in answer.get_json()["message"]
    header = {"Authorization": sign(claims())}
    assert signed.post(path, data=BODY, content_type=JSON, headers=header).status_code < 300
    query = b'{"uuid":"u 1","from":"447700900123"}'
    header = {"Authorization": sign(claims(query, jti="token-2"))}
    assert signed.get(f"{path}?uuid=u+1&from=447700900123", headers=header).status_code < 300


def test_health_needs_no_signature(signed: FlaskClient) -> None:
    """Health checks do not come from Vonage."""
    assert signed.get("/healthz").status_code == 200
    ready = signed.get("/readyz").get_json()
    assert ready["authentication"]["webhooks"] == {
        "auth": "signature",
        "refused": 0,
        "last_failed_check": None,
    }


def test_a_wrong_secret_is_explained(signed: FlaskClient) -> None:
    """The hint says which secret is meant; no secret is shown."""
    header = {"Authorization": sign(claims(), "the-api-secret")}
    answer = signed.post("/ncco", data=BODY, content_type=JSON, headers=header)
    assert answer.status_code == 401
    assert "(signature): the token was signed with another secret" in answer.get_json()["message"]
    assert "not to its API secret" in answer.get_json()["hint"]
    assert SECRET not in answer.text


def test_a_body_that_is_too_long_is_not_hashed(signed: FlaskClient) -> None:
    """413 comes before 401."""
    assert signed.post("/ncco", data=b" " * 70_000, content_type=JSON).status_code == 413


def test_refusals_are_counted_and_logged_at_a_bounded_rate(
    app: Flask, signed: FlaskClient, events: Events, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A flood makes ten lines, then one a second; each names the check and what to do."""
    clock = [0.0]
    refusals = Refusals(lambda: clock[0])
    monkeypatch.setattr(service_of(app).refusals, "note", refusals.note)
    for _ in range(100):
        signed.get("/ncco")
    clock[0] = 1.5
    signed.get("/ncco")
    lines = events("request_refused")
    assert [line.get("unlogged") for line in lines] == [None] * 10 + [90]
    assert "(authorization)" in lines[0]["message"]
    assert "VONAGE_SIGNATURE_SECRET" in lines[0]["hint"]
    assert signed.get("/readyz").get_json()["authentication"]["webhooks"]["refused"] == 101


def test_open_webhooks_are_reported(make_app: MakeApp, events: Events) -> None:
    """Without a secret the log and readiness warn of what is open."""
    app = make_app()
    service = service_of(app)
    service.start()
    service.stop()
    said = [fields["message"] for fields in events("open_to_anybody")]
    assert ["webhooks" in said[0], "socket" in said[1]] == [True, True]
    assert {fields["log_level"] for fields in events("open_to_anybody")} == {"warning"}
    assert app.test_client().get("/readyz").get_json()["warnings"] == said
