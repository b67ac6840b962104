"""What is not published: the careful choice is in the other tests, here are the others."""

import jwt
import pytest
from aiohttp import web
from phone.__main__ import main
from phone.legs.assumptions import ASSUMPTIONS, AssumptionError, Assumptions
from phone.legs.playback import PlayBuffer
from phone.testing import FakeApplication, closes_after, json_of

from phone import CallPlan, CallReport, call

pytestmark = pytest.mark.usefixtures("fast_clock")
SECRET = "a signature secret"


async def place(application: FakeApplication, *assumed: str, **settings: object) -> CallReport:
    """Place a short call."""
    plan = {"seconds": 0.4, "wait": 0.5, "assume": Assumptions.parse(assumed)} | settings
    return await call(CallPlan(application.answer_url, **plan))  # type: ignore[arg-type]  # by name


def claims(header: str) -> dict[str, object]:
    """Return what a token claims."""
    token = header.removeprefix("Bearer ")
    decoded: dict[str, object] = jwt.decode(token, options={"verify_signature": False})
    return decoded


@pytest.mark.parametrize(("assumed", "spoken"), [("synchronous", []), ("always", ["Sorry."])])
async def test_disconnected(assumed: str, spoken: list[str]) -> None:
    """The reply to `disconnected` of a connect that is not synchronous counts when told so."""

    async def event(request: web.Request) -> web.Response:
        if (await request.json()).get("status") != "disconnected":
            return web.Response(status=204)
        return web.json_response([{"action": "talk", "text": "Sorry."}])

    async with FakeApplication(closes_after(5), event=event) as application:
        application._ncco = [application.connect(eventType=None)]
        report = await place(application, f"disconnected={assumed}")
    assert report.spoken == spoken


async def test_failed_is_not_disconnected() -> None:
    """A socket that never opened needs `synchronous` in any case: that is published."""

    async def refuse(request: web.Request) -> web.Response:
        return web.Response(status=500)

    async def event(request: web.Request) -> web.Response:
        return web.json_response([{"action": "talk", "text": "Sorry."}])

    async with FakeApplication(handshake=refuse, event=event) as application:
        application._ncco = [application.connect(eventType=None)]
        report = await place(application, "disconnected=always")
    assert report.spoken == []


async def test_hanging_up_and_keys() -> None:
    """The close code and the length of a key press are those assumed."""
    codes: list[int | None] = []

    async def socket(connection: web.WebSocketResponse) -> None:
        async for message in connection:
            if message.type == web.WSMsgType.BINARY:
                await connection.send_bytes(message.data)
        codes.append(connection.close_code)

    async with FakeApplication(socket) as application:
        await place(application, "hangup-code=1001", "key-ms=130", dtmf="1")
        assert json_of(application.texts)[-1]["duration"] == 130
    assert codes == [1001]


async def test_signatures() -> None:
    """A second attempt is signed anew, and a handshake hashes nothing, when told so."""

    async def answer(request: web.Request) -> web.StreamResponse:
        if len(application.answered) == 1:
            return web.Response(status=503)
        return web.json_response([application.connect(endpoint={"authorization": kind})])

    kind = {"type": "vonage"}
    async with FakeApplication(answer=answer) as application:
        assumed = ("retry-jti=fresh", "handshake-hash=empty")
        await place(application, *assumed, signature_secret=SECRET)
    first, second = (claims(r.headers["Authorization"]) for r in application.requests[:2])
    assert first["jti"] != second["jti"]
    assert first["payload_hash"] == second["payload_hash"]
    handshake = claims(application.handshakes[0].headers["Authorization"])
    assert str(handshake["payload_hash"]).startswith("e3b0c44298fc1c14")  # SHA-256 of nothing


def test_overflow() -> None:
    """A full buffer loses the oldest message when told so, and marks stay in their place."""
    frames = [bytes([n]) * 320 for n in range(5)]
    buffer = PlayBuffer(8000, 3, loses_oldest=True)
    buffer.notify("first", 0.001)
    assert [buffer.push(frame, 0.002) for frame in frames] == [True] * 3 + [False] * 2
    assert len(buffer.answers(1.0)) == 1
    assert buffer.playback.frames == frames[2:]
    assert buffer.playback.overflowed == 2


@pytest.mark.parametrize("text", ["", "gravity=less", "overflow", "overflow=all", "key-ms=0"])
def test_refused(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    """An unknown assumption, or value, is named with those that there are."""
    with pytest.raises(AssumptionError):
        Assumptions.parse([text])
    assert main(["call", "http://127.0.0.1:9/", "--assume", text]) == 2
    assert capsys.readouterr().err.startswith("phone: ")


def test_the_first_choice_is_the_default() -> None:
    """What stands first on the command line is what is assumed without it."""
    first = [f"{name}={values[0]}" for name, values in ASSUMPTIONS.items() if values]
    assert Assumptions.parse(first) == Assumptions()
