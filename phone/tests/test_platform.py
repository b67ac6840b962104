"""Signatures, the fallback URL, the play buffer on the wire, faults, input and notify."""

import asyncio
import hashlib
import json
from pathlib import Path
from typing import Any

import jwt
import pytest
from aiohttp import WSMsgType, web
from phone.legs.faults import FAULTS, FaultError, Faults
from phone.legs.outgoing import first_message
from phone.platform.webhooks.signature import Signer, query_payload
from phone.testing import Answer, FakeApplication, every, json_of

from phone import CallPlan, CallReport, call

SECRET = "a signature secret"
SHORT = 0.4
ATTEMPTS = 5  # to be in time on a machine that freezes: who is too slow is so every time
FAST = pytest.mark.usefixtures("fast_clock")


async def place(application: FakeApplication, **settings: Any) -> CallReport:
    """Place a short call."""
    return await call(
        CallPlan(application.answer_url, **({"seconds": SHORT, "wait": 0.5} | settings))
    )


def failure(report: CallReport) -> str:
    """Return the failures as one string."""
    return " | ".join(f"{p.step}: {p.seen} → {p.advice}" for p in report.failures)


def claims(header: str) -> dict[str, Any]:
    """Return a signed request's claims, or fail."""
    kind, token = header.split(" ")
    assert kind == "Bearer"
    assert jwt.get_unverified_header(token) == {"alg": "HS256", "typ": "JWT"}
    decoded: dict[str, Any] = jwt.decode(token, SECRET, algorithms=["HS256"], issuer="Vonage")
    return decoded


@pytest.mark.filterwarnings("ignore::jwt.warnings.InsecureKeyLengthWarning")
@FAST
class TestSignature:
    """What Vonage signs, and how."""

    async def test_get_and_post(self) -> None:
        """A GET's hash covers its query as JSON, a POST's the body as sent."""
        bodies: list[bytes] = []

        async def event(request: web.Request) -> web.Response:
            bodies.append(await request.read())
            return web.Response(status=204)

        async with FakeApplication(event=event) as application:
            report = await place(application, signature_secret=SECRET, application_id="app-1")
        assert report.ok, failure(report)
        answer, *events = application.requests
        claimed = claims(answer.headers["Authorization"])
        assert set(claimed) == {"iat", "jti", "iss", "payload_hash", "api_key", "application_id"}
        query = json.dumps(dict(answer.query), separators=(",", ":")).encode()
        assert claimed["payload_hash"] == hashlib.sha256(query).hexdigest()
        for request, body in zip(events, bodies, strict=True):
            claimed = claims(request.headers["Authorization"])
            assert claimed["payload_hash"] == hashlib.sha256(body).hexdigest()

    async def test_handshake_of_type_vonage(self) -> None:
        """The handshake carries the same kind of token, without a hash."""
        async with FakeApplication() as application:
            endpoint = {"authorization": {"type": "vonage"}}
            application._ncco = [application.connect(endpoint=endpoint)]
            report = await place(application, signature_secret=SECRET)
        assert report.ok, failure(report)
        claimed = claims(application.handshakes[0].headers["Authorization"])
        assert "payload_hash" not in claimed
        assert claimed["iss"] == "Vonage"

    async def test_handshake_without_a_secret(self) -> None:
        """Type vonage cannot be signed without a secret; the report names the option."""
        async with FakeApplication() as application:
            endpoint = {"authorization": {"type": "vonage"}}
            application._ncco = [application.connect(endpoint=endpoint)]
            report = await place(application)
        assert "--signature-secret" in failure(report)
        assert application.handshakes == []

    async def test_retry_carries_the_same_token(self) -> None:
        """A retried webhook is the same webhook."""

        async def answer(request: web.Request) -> web.StreamResponse:
            if len(application.answered) == 1:
                return web.Response(status=503)
            return web.json_response([application.connect()])

        async with FakeApplication(answer=answer) as application:
            await place(application, signature_secret=SECRET)
        first, second = (r.headers["Authorization"] for r in application.requests[:2])
        assert first == second

    def test_secret_is_not_shown(self) -> None:
        """Neither the signer nor the plan prints the secret."""
        plan = CallPlan(signature_secret=SECRET)
        assert SECRET not in repr(plan)
        assert SECRET not in repr(Signer(SECRET))

    def test_query_payload(self) -> None:
        """The query's order is kept, and nothing but JSON's own marks is added."""
        assert query_payload([("b", "1"), ("a", "ü 2")]) == '{"b":"1","a":"ü 2"}'.encode()


@FAST
class TestFallback:
    """The fallback URL, after the others failed."""

    @pytest.mark.parametrize(
        ("status", "body", "reason"),
        [
            (500, "", "Invalid response code."),
            (200, "{}", "Invalid NCCO."),
            (200, '[{"action":"dance"}]', "Invalid NCCO."),
        ],
    )
    async def test_after_the_answer_url(self, status: int, body: str, reason: str) -> None:
        """It is asked with the reason and the original request; the call goes on."""

        async def answer(request: web.Request) -> web.Response:
            return web.Response(status=status, text=body, content_type="application/json")

        async with FakeApplication(answer=answer) as broken, FakeApplication() as fallback:
            report = await place(broken, fallback_url=fallback.answer_url)
        assert report.ok, failure(report)
        (fields,) = fallback.answered
        assert fields["reason"] == reason
        original = json.loads(fields["original_request"])
        assert original == {"url": broken.answer_url, "type": "answer"}
        assert fields["uuid"] == report.uuid
        assert report.warnings

    async def test_as_post(self) -> None:
        """In a POST the original request is an object."""
        async with FakeApplication() as gone:
            url = gone.answer_url
        async with FakeApplication() as fallback:
            plan = CallPlan(url, "POST", seconds=SHORT, fallback_url=fallback.answer_url)
            report = await call(plan)
        assert report.ok, failure(report)
        original: object = fallback.answered[0]["original_request"]
        assert original == {"url": url, "type": "answer"}
        assert fallback.answered[0]["reason"] == "Connection reset."

    async def test_both_broken(self) -> None:
        """When the fallback fails too the call is over, and both are named."""

        async def answer(request: web.Request) -> web.Response:
            return web.Response(status=503)

        async with FakeApplication(answer=answer) as broken, FakeApplication(answer=answer) as also:
            report = await place(broken, fallback_url=also.answer_url)
        assert [problem.step for problem in report.failures] == ["answer", "fallback"]
        assert len(broken.answered) == len(also.answered) == 2

    async def test_after_an_event(self) -> None:
        """An event that expects an NCCO and gets no reply asks the fallback URL."""

        async def refuse(request: web.Request) -> web.Response:
            return web.Response(status=503)

        async def event(request: web.Request) -> web.Response:
            status = (await request.json()).get("status")
            return web.Response(status=503 if status == "failed" else 204)

        async def sorry(request: web.Request) -> web.Response:
            return web.json_response([{"action": "talk", "text": "Sorry."}])

        broken = FakeApplication(handshake=refuse, event=event)
        async with broken, FakeApplication(answer=sorry) as fallback:
            report = await place(broken, fallback_url=fallback.answer_url)
        assert report.spoken == ["Hello.", "Sorry."]
        original = json.loads(fallback.answered[0]["original_request"])
        assert original == {"url": broken.event_url, "type": "event"}


def speaks(frames: int, *texts: dict[str, Any], size: int = 640) -> Any:
    """Return a socket that sends so many frames at once, then these texts, then listens."""

    async def socket(connection: web.WebSocketResponse) -> None:
        for number in range(frames):
            await connection.send_bytes(number.to_bytes(2, "little") * (size // 2))
        for text in texts:
            await connection.send_str(json.dumps(text))
        async for _ in connection:
            pass

    return socket


class TestPlayBuffer:
    """The play buffer as an application meets it."""

    async def test_notify_comes_when_it_was_played(self) -> None:
        """`notify` is answered when the audio before it has been heard, not before."""
        mark = {"action": "notify", "payload": {"id": 7}}
        async with FakeApplication(speaks(20, mark)) as application:
            report = await place(application, expect="audio", seconds=1.0, wait=0)
        assert report.ok, failure(report)
        (answer,) = json_of(application.texts)[1:]
        assert answer == {"event": "websocket:notify", "payload": {"id": 7}}
        texts = [m for m in report.moments if "websocket:notify" in m.text]
        opened = next(m for m in report.moments if m.kind == "audio")
        assert 0.35 < texts[0].seconds - opened.seconds < 5

    async def test_clear_is_answered_and_cuts(self) -> None:
        """`clear` is answered at once; what waited is never heard."""
        async with FakeApplication(speaks(100, {"action": "clear"})) as application:
            report = await place(application, expect="audio", wait=0)
        assert {"event": "websocket:cleared"} in json_of(application.texts)
        playback = report.sockets[0].trace.playback
        assert playback.cleared >= 90
        assert len(playback.frames) <= 10

    async def test_overflow(self) -> None:
        """Audio more than a minute ahead is a warning; strictly it ends the socket."""
        async with FakeApplication(speaks(3200)) as application:
            report = await place(application, expect="audio", wait=0)
            strict = await place(application, expect="audio", wait=0, strict=True)
        assert report.ok, failure(report)
        assert "play buffer full" in report.warnings[0].seen
        assert "3,072 messages waited" in failure(strict)
        assert strict.sockets[0].trace.close_code == 1006

    @FAST
    async def test_unknown_texts(self) -> None:
        """Text that the platform does not know is a warning with an example."""
        chatty = every(lambda n, frame: [frame])

        async def socket(connection: web.WebSocketResponse) -> None:
            await connection.send_str('{"event":"mark"}')
            await chatty(connection)

        async with FakeApplication(socket) as application:
            report = await place(application)
        assert report.ok, failure(report)
        assert "1 text message that the platform does not know" in report.warnings[0].seen
        assert "mark" in report.warnings[0].seen

    async def test_saved_sound_has_its_gaps(self, tmp_path: Path) -> None:
        """What is saved is what was heard: a pause in the audio is a pause in the file."""

        async def socket(connection: web.WebSocketResponse) -> None:
            await connection.send_bytes(b"\x01" * 640)
            await asyncio.sleep(0.2)
            await connection.send_bytes(b"\x02" * 640)
            async for _ in connection:
                pass

        async with FakeApplication(socket) as application:
            report = await place(application, expect="audio", save=tmp_path / "heard.wav")
        playback = report.sockets[0].trace.playback
        assert playback.gaps == 1
        assert 8 <= playback.gap_frames < 100
        assert report.saved is not None


class TestFaults:
    """Faults on demand, as an application meets them."""

    async def test_every_harmless_fault_keeps_the_echo(self) -> None:
        """A right application copes with all that only delays or reshapes."""
        faults = Faults.parse(
            [
                "jitter=10",
                "stall=0.3",
                "leading-space",
                "key-order",
                "early-audio=3",
                "odd-frames=5",
            ]
        )
        async with FakeApplication() as application:
            report = await place(application, faults=faults)
        assert not [p for p in report.failures if p.step != "echo"], failure(report)
        alignment = report.sockets[0].alignment
        assert alignment.lost == alignment.changed == []

    async def test_first_message(self) -> None:
        """The first text may start with a space and end with the content type."""
        faults = Faults(leading_space=1, key_order=1)
        text = first_message("audio/l16;rate=8000", {"a": 1, "b": 2}, faults)
        assert text.startswith(" {")
        assert list(json.loads(text)) == ["b", "a", "content-type", "event"]
        assert list(json.loads(first_message("x", {"a": 1}))) == ["event", "content-type", "a"]

    @FAST
    async def test_early_audio(self) -> None:
        """Audio may come before the first message."""
        first: list[WSMsgType] = []

        async def socket(connection: web.WebSocketResponse) -> None:
            async for message in connection:
                first.append(message.type)

        async with FakeApplication(socket) as application:
            await place(application, expect="any", faults=Faults(early_audio=2))
        assert first[:3] == [WSMsgType.BINARY, WSMsgType.BINARY, WSMsgType.TEXT]

    @pytest.mark.parametrize("fault", ["drop=0.2", "no-close"])
    async def test_lost_connection(self, fault: str) -> None:
        """A connection that the phone drops on purpose is no failure of the application."""
        over = asyncio.Event()
        closed: list[WSMsgType] = []

        async def socket(connection: web.WebSocketResponse) -> None:
            try:
                async for message in connection:
                    if message.type == WSMsgType.BINARY:
                        await connection.send_bytes(message.data)
                closed.append(WSMsgType.CLOSE)
            finally:
                over.set()

        async with FakeApplication(socket) as application:
            report = await place(application, faults=Faults.parse([fault]))
            async with asyncio.timeout(60):
                await over.wait()
        assert report.ok, failure(report)
        assert closed == []
        assert report.sockets[0].trace.ended_by == "fault"

    @FAST
    async def test_late_close(self) -> None:
        """The closing handshake may come long after the last frame."""
        async with FakeApplication() as application:
            report = await place(application, faults=Faults(late_close=0.5))
        assert report.ok, failure(report)
        assert report.seconds > 0.5

    async def test_slow_reader(self) -> None:
        """A slow reader gets everything, later."""
        async with FakeApplication() as application:
            report = await place(application, faults=Faults(slow_reader=25), wait=5)
        assert report.sockets[0].alignment.lost == []

    @pytest.mark.parametrize("name", list(FAULTS))
    def test_names(self, name: str) -> None:
        """Every fault can be named without a value."""
        assert Faults.parse([name]) != Faults()

    @pytest.mark.parametrize("text", ["rain", "", "jitter=fast", "jitter=-1", "drop=0", "drop=nan"])
    def test_unknown(self, text: str) -> None:
        """An unknown fault or value is refused."""
        with pytest.raises(FaultError):
            Faults.parse([text])


@FAST
class TestActions:
    """Actions other than talk and connect."""

    async def test_input(self) -> None:
        """The keys of the plan are pressed at an input; its reply's NCCO is run."""

        async def event(request: web.Request) -> web.Response:
            body = await request.json()
            if "dtmf" not in body:
                return web.Response(status=204)
            return web.json_response([application.connect()])

        async with FakeApplication(event=event) as application:
            ask = {
                "action": "input",
                "type": ["dtmf", "speech"],
                "dtmf": {"maxDigits": 2},
                "eventUrl": [application.event_url],
            }
            application._ncco = [ask]
            report = await place(application, dtmf="12#")
        assert report.ok, failure(report)
        told = next(event for event in application.events if "dtmf" in event)
        assert told["dtmf"] == {"digits": "12", "timed_out": False}
        assert told["speech"]["results"] == []
        assert "status" not in told
        assert [t["digit"] for t in json_of(application.texts) if "digit" in t] == ["#"]

    async def test_notify(self) -> None:
        """The payload is posted, and an NCCO in the reply replaces the rest."""

        async def event(request: web.Request) -> web.Response:
            if "payload" not in await request.json():
                return web.Response(status=204)
            return web.json_response([{"action": "talk", "text": "Instead."}])

        async with FakeApplication(event=event) as application:
            tell = {"action": "notify", "payload": {"a": 1}, "eventUrl": [application.event_url]}
            application._ncco = [tell, {"action": "talk", "text": "Never."}]
            report = await place(application, expect="any")
        assert report.spoken == ["Instead."]
        assert any(event.get("payload") == {"a": 1} for event in application.events)

    async def test_nothing_runs_behind_a_conversation(self) -> None:
        """A caller in a named conversation stays there."""
        async with FakeApplication() as application:
            room = {"action": "conversation", "name": "room"}
            application._ncco = [room, {"action": "talk", "text": "Never."}]
            report = await place(application, expect="any")
        assert report.spoken == []
        assert "alone in the conversation" in report.warnings[0].seen
        moves = [event for event in application.events if event.get("type") == "transfer"]
        assert moves == []  # nobody has named an event URL


class TestClock:
    """Frames on an absolute clock."""

    async def test_no_drift(self) -> None:
        """However late single frames are, the last one leaves when it is due.

        Were each frame counted from the one before, it would leave more than a second late.
        """
        stutter = Faults(jitter=30)
        drifts: list[float] = []
        for _ in range(ATTEMPTS):
            async with FakeApplication() as application:
                report = await place(application, seconds=1.5, faults=stutter)
            sent_at = report.sockets[0].trace.sent_at
            assert len(sent_at) == 75
            drifts.append(sent_at[-1] - sent_at[0] - 74 * 0.02)
            if -0.06 < drifts[-1] < 0.5:
                return
        pytest.fail(f"{drifts} s")


class TestListening:
    """A caller to an application that is no echo."""

    async def test_silence_goes_on(self) -> None:
        """After the audio the caller stays on the line and keeps sending frames."""
        sizes: list[int] = []

        async def socket(connection: web.WebSocketResponse) -> None:
            async for message in connection:
                if message.type == WSMsgType.BINARY:
                    sizes.append(len(message.data))
                    if len(sizes) == 30:
                        await connection.send_bytes(message.data)

        async with FakeApplication(socket) as application:
            report = await place(application, expect="audio", wait=0.4)
        assert report.ok, failure(report)
        assert len(sizes) == 40


def test_answers_are_typed() -> None:
    """An answer is any coroutine from a request to a response."""

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response()

    replaced: Answer = answer
    assert callable(replaced)
