"""Whole calls: to an application that is right, and to many that are not."""

import asyncio
import json
import os
import time
from pathlib import Path

import pytest
import soundfile
from aiohttp import web
from phone.constants import FRAMES_PER_SECOND, NCCOS_PER_CALL
from phone.platform.webhooks.client import Timeouts
from phone.report import summary
from phone.testing import (
    FakeApplication,
    Socket,
    closes_after,
    delays,
    echo,
    every,
    json_of,
    loses_every,
    says,
)

from phone import CallPlan, CallReport, PlanError, call

pytestmark = pytest.mark.usefixtures("fast_clock")
SHORT = 0.4  # s of audio: 20 frames
ATTEMPTS = 5  # to be in time on a machine that freezes: who is too slow is so every time


async def place(application: FakeApplication, **settings: object) -> CallReport:
    """Place a short call."""
    plan = {"seconds": SHORT, "wait": 0.5} | settings
    return await call(CallPlan(application.answer_url, **plan))  # type: ignore[arg-type]  # by name


def failure(report: CallReport) -> str:
    """Return the failures as one string."""
    return " | ".join(f"{p.step}: {p.seen} → {p.advice}" for p in report.failures)


class TestRight:
    """An application that does everything right."""

    @pytest.mark.parametrize("rate", [8000, 16000, 24000])
    async def test_echo_at_every_rate(self, rate: int) -> None:
        """Every frame comes back, byte for byte, in frames of the rate's size."""
        async with FakeApplication(rate=rate) as application:
            report = await place(application)
        assert report.ok, failure(report)
        (socket,) = report.sockets
        assert len(socket.trace.sent) == len(socket.trace.received) == 20
        assert {len(frame) for frame in socket.trace.sent} == {rate // 50 * 2}
        assert socket.alignment.method == "exact"
        assert socket.alignment.whole
        assert socket.alignment.matched == 20
        assert socket.trace.close_code == 1000

    async def test_answer_fields(self) -> None:
        """The answer webhook is a GET with the platform's fields."""
        async with FakeApplication() as application:
            report = await place(application)
        (fields,) = application.answered
        assert application.requests[0].method == "GET"
        assert set(fields) == {
            "from",
            "to",
            "uuid",
            "conversation_uuid",
            "region_url",
            "endpoint_type",
        }
        assert fields["uuid"] == report.uuid
        assert fields["conversation_uuid"] == report.conversation_uuid
        assert fields["conversation_uuid"].startswith("CON-")

    async def test_answer_by_post(self) -> None:
        """With POST the fields are a JSON body."""
        async with FakeApplication() as application:
            report = await place(application, method="POST")
        assert report.ok, failure(report)
        assert application.requests[0].method == "POST"
        assert application.answered[0]["uuid"] == report.uuid

    async def test_events_in_order(self) -> None:
        """Each leg's events come in the platform's order, with its own uuid."""
        async with FakeApplication() as application:
            report = await place(application)
        order = ["started", "ringing", "answered", "completed"]
        assert application.statuses("ws://") == order
        assert application.statuses("4477") == order
        legs = {event["to"]: event["uuid"] for event in application.events}
        assert len(set(legs.values())) == 2
        assert legs["447700900001"] == report.uuid
        assert {e["conversation_uuid"] for e in application.events} == {report.conversation_uuid}
        socket_events = [e for e in application.events if e["to"] == application.socket_url]
        assert all(e["headers"]["uuid"] == "a-call" for e in socket_events)
        assert 0 <= int(socket_events[-1]["duration"]) <= round(report.seconds)

    async def test_events_to_the_applications_url(self) -> None:
        """The phone leg's events go to the event URL, the socket's to the action's eventUrl."""
        async with FakeApplication() as application, FakeApplication() as other:
            report = await place(application, event_url=other.event_url)
        assert report.ok, failure(report)
        assert application.statuses("4477") == []
        assert other.statuses("4477") == ["started", "ringing", "answered", "completed"]
        assert len(application.statuses("ws://")) == 4

    async def test_first_message_and_keys(self) -> None:
        """The first text flattens the headers; each key is one message, in order."""
        async with FakeApplication() as application:
            report = await place(application, dtmf="1*#")
        assert report.ok, failure(report)
        first, *keys = json_of(application.texts)
        assert first == {
            "event": "websocket:connected",
            "content-type": "audio/l16;rate=16000",
            "uuid": "a-call",
            "conversation_uuid": "CON-a-call",
        }
        assert [key["digit"] for key in keys] == ["1", "*", "#"]
        assert all(key["event"] == "websocket:dtmf" and key["duration"] > 0 for key in keys)

    async def test_handshake_is_plain(self) -> None:
        """No extension, subprotocol, origin or authorization is offered."""
        async with FakeApplication() as application:
            await place(application)
        (request,) = application.handshakes
        for name in ("Sec-WebSocket-Extensions", "Sec-WebSocket-Protocol", "Origin"):
            assert name not in request.headers
        assert "Authorization" not in request.headers

    async def test_custom_authorization(self) -> None:
        """The endpoint's custom authorization goes into the handshake verbatim."""
        async with FakeApplication() as application:
            secret = {"authorization": {"type": "custom", "value": "Bearer abc.def"}}
            application._ncco = [application.connect(endpoint=secret)]
            report = await place(application)
        assert report.ok, failure(report)
        assert application.handshakes[0].headers["Authorization"] == "Bearer abc.def"

    async def test_a_machine_that_freezes_is_not_a_silent_application(self) -> None:
        """The last frame comes back after a freeze of both, longer than an echo is waited for."""

        async def freezes(connection: web.WebSocketResponse) -> None:
            count = 0
            async for message in connection:
                if message.type == web.WSMsgType.BINARY:
                    count += 1
                    if count == 20:
                        await asyncio.sleep(0.1)  # the caller has said everything
                        time.sleep(0.8)  # noqa: ASYNC251 - this is the freeze
                        await asyncio.sleep(0.02)  # it is not the first to go on
                    await connection.send_bytes(message.data)

        async with FakeApplication(freezes) as application:
            report = await place(application)
        assert report.sockets[0].alignment.lost == [], failure(report)

    async def test_delay_is_measured(self) -> None:
        """An echo that waits 100 ms is measured as 100 ms, and none of it is late."""
        for _ in range(ATTEMPTS):
            async with FakeApplication(delays(0.1)) as application:
                report = await place(application)
            assert report.ok, failure(report)
            alignment = report.sockets[0].alignment
            assert alignment.lost == []
            p50 = alignment.delay(0.5)
            assert p50 is not None
            assert p50 > 95
            if p50 < 200:
                return
        pytest.fail(f"{p50} ms each time")

    async def test_saves_what_was_heard(self, tmp_path: Path) -> None:
        """The WAV file holds the samples that came back."""
        target = tmp_path / "heard.wav"
        async with FakeApplication(rate=8000) as application:
            report = await place(application, save=target)
        assert report.saved == str(target)
        samples, rate = soundfile.read(target, dtype="int16")
        assert rate == 8000
        trace = report.sockets[0].trace
        assert samples.astype("<i2").tobytes() == b"".join(trace.playback.heard(320))
        assert [frame for frame in trace.playback.frames if frame] == trace.sent
        assert os.listdir(tmp_path) == ["heard.wav"]  # no temporary file is left

    async def test_report_is_json(self) -> None:
        """The report can be written as JSON."""
        async with FakeApplication() as application:
            report = await place(application)
        document = json.loads(json.dumps(report.as_dict()))
        assert document["ok"] is True
        assert document["sockets"][0]["echo"]["lost"] == 0
        assert document["spoken"] == ["Hello."]

    async def test_twenty_calls_at_once(self) -> None:
        """Calls do not disturb each other."""
        async with FakeApplication() as application:
            reports = await asyncio.gather(*(place(application) for _ in range(20)))
        assert [failure(report) for report in reports if not report.ok] == []

    async def test_realtime_talk(self) -> None:
        """With realistic times the socket opens after the greeting."""
        async with FakeApplication() as application:
            report = await place(application, talk="realtime")
        opened = next(m for m in report.moments if m.kind == "socket")
        assert opened.seconds > 0.3


class TestWrongEcho:
    """Applications whose audio is not the caller's."""

    async def test_lost_frames(self) -> None:
        """Frames that an application forgets are lost, and named."""
        async with FakeApplication(loses_every(7)) as application:
            report = await place(application)
        assert report.sockets[0].alignment.lost == [6, 13]
        assert "2 lost" in failure(report)

    async def test_count_alone_is_not_believed(self) -> None:
        """An application that loses frames and repeats others has the right count and fails."""

        def mend(count: int, frame: bytes) -> list[bytes]:
            return {5: [], 15: [frame, frame]}.get(count, [frame])

        async with FakeApplication(every(mend)) as application:
            report = await place(application)
        alignment = report.sockets[0].alignment
        assert len(report.sockets[0].trace.received) == 20
        assert alignment.lost == [5]
        assert alignment.duplicated == [15]
        assert not report.ok

    async def test_swapped_frames(self) -> None:
        """Frames in another order are out of order, not lost."""
        kept: list[bytes] = []

        def swap(count: int, frame: bytes) -> list[bytes]:
            if count == 10:
                kept.append(frame)
                return []
            return [frame, kept.pop()] if count == 11 else [frame]

        async with FakeApplication(every(swap)) as application:
            report = await place(application)
        alignment = report.sockets[0].alignment
        assert alignment.lost == []
        assert len(alignment.reordered) == 1
        assert alignment.reordered[0] in (10, 11)
        assert "1 out of order" in failure(report)

    async def test_changed_frame(self) -> None:
        """A frame with other bytes is changed."""
        change = every(lambda n, frame: [frame[::-1] if n == 7 else frame])
        async with FakeApplication(change) as application:
            report = await place(application)
        assert report.sockets[0].alignment.changed == [7]
        assert "1 changed" in failure(report)

    async def test_text_instead_of_audio(self) -> None:
        """An application that answers "ok" is told that audio is binary."""
        async with FakeApplication(says("ok")) as application:
            report = await place(application)
        assert "no audio came back, but 20 text messages such as 'ok'" in failure(report)
        assert "as binary messages" in failure(report)

    async def test_text_and_audio_mixed_up(self) -> None:
        """Text that comes back as binary is no echo, and is called by its name."""

        async def mixed_up(connection: web.WebSocketResponse) -> None:
            async for message in connection:
                if message.type == web.WSMsgType.TEXT:
                    await connection.send_bytes(message.data.encode())
                else:
                    await connection.send_str("ok")

        async with FakeApplication(mixed_up) as application:
            report = await place(application)
        assert "no audio came back, but 20 text messages such as 'ok'" in failure(report)
        seen = [warning.seen for warning in report.warnings]
        assert "1 text message of the platform came back as binary" in seen

    async def test_silent_application(self) -> None:
        """An application that sends nothing fails, within the wait."""
        async with FakeApplication(every(lambda n, frame: [])) as application:
            report = await place(application)
        assert "echo: no audio came back" in failure(report)

    async def test_another_sound(self) -> None:
        """Audio that is not the caller's is no echo, but it is audio."""
        noise = every(lambda n, frame: [bytes((n * 7 + i * i) % 251 for i in range(len(frame)))])
        async with FakeApplication(noise) as application:
            report = await place(application)
            other = await place(application, expect="audio")
        assert "is not what was sent" in failure(report)
        assert other.ok, failure(other)

    async def test_odd_sizes(self) -> None:
        """Whole sound in messages of wrong sizes is an echo, and a failure all the same."""
        halves = every(lambda n, frame: [frame[:100], frame[100:]])
        async with FakeApplication(halves) as application:
            report = await place(application)
            strict = await place(application, strict=True)
        assert report.sockets[0].alignment.whole
        assert "40 messages of a wrong size (100, 540 bytes), most of 40" in failure(report)
        assert report.sockets[0].trace.odd_sizes == {100: 20, 540: 20}
        assert "send exactly 640 bytes" in report.failures[0].advice
        assert "socket: a message of 100 bytes, 640 are one frame" in failure(strict)
        assert strict.sockets[0].trace.close_code == 1006

    async def test_no_loss_where_no_echo_is_expected(self) -> None:
        """An application that talks, and is no echo, has lost nothing."""
        noise = every(lambda n, frame: [bytes((n * 7 + i * i) % 251 for i in range(len(frame)))])
        async with FakeApplication(noise) as application:
            report = await place(application, expect="audio")
        assert report.ok, failure(report)
        assert "lost" not in summary(report)


class TestWrongSocket:
    """Sockets that do not open, or do not stay open."""

    async def test_closes_mid_call(self) -> None:
        """A close by the application ends the leg with `disconnected`, and is said."""
        async with FakeApplication(closes_after(10)) as application:
            report = await place(application)
        assert "closed the socket with 1011 'had enough'" in failure(report)
        assert application.statuses("ws://") == [
            "started",
            "ringing",
            "answered",
            "disconnected",
            "completed",
        ]
        gone = next(e for e in application.events if e.get("status") == "disconnected")
        assert "direction" not in gone
        assert gone["headers"]["uuid"] == "a-call"

    async def test_reply_to_disconnected_runs(self) -> None:
        """An NCCO in the reply to `disconnected` is run."""

        async def event(request: web.Request) -> web.Response:
            body = await request.json()
            if body.get("status") != "disconnected":
                return web.Response(status=204)
            return web.json_response([{"action": "talk", "text": "Sorry."}])

        async with FakeApplication(closes_after(5), event=event) as application:
            report = await place(application)
        assert report.spoken == ["Hello.", "Sorry."]

    async def test_hang_up_by_the_application_is_fine_without_echo(self) -> None:
        """An application that is no echo may end the call with 1000."""
        async with FakeApplication(closes_after(5, 1000)) as application:
            report = await place(application, expect="audio")
        assert report.ok, failure(report)

    async def test_dropped_connection(self) -> None:
        """A connection that drops is not a close."""

        async def drop(connection: web.WebSocketResponse) -> None:
            async for message in connection:
                if message.type == web.WSMsgType.BINARY:
                    transport = connection._req.transport if connection._req else None
                    assert transport is not None
                    transport.abort()

        async with FakeApplication(drop) as application:
            report = await place(application)
        assert "dropped the connection" in failure(report)

    async def test_never_closes(self) -> None:
        """An application that ignores the closing handshake holds the call up for seconds only."""
        release = asyncio.Event()

        async def stubborn(connection: web.WebSocketResponse) -> None:
            connection._autoclose = False
            for _ in range(21):
                message = await connection.receive()
                if message.type == web.WSMsgType.BINARY:
                    await connection.send_bytes(message.data)
            await release.wait()

        async with FakeApplication(stubborn) as application:
            async with asyncio.timeout(60):
                report = await place(application)
            release.set()
        assert report.ok, failure(report)
        assert "did not answer the closing handshake" in report.warnings[0].seen

    async def test_refused_handshake_runs_the_fallback(self) -> None:
        """A socket that answers 503 is `failed`; a synchronous reply is spoken."""

        async def refuse(request: web.Request) -> web.Response:
            return web.Response(status=503, text="draining")

        async def event(request: web.Request) -> web.Response:
            body = await request.json()
            if body.get("status") != "failed":
                return web.Response(status=204)
            return web.json_response([{"action": "talk", "text": "Call later."}])

        async with FakeApplication(handshake=refuse, event=event) as application:
            report = await place(application)
        assert application.statuses("ws://") == ["started", "ringing", "failed"]
        assert report.spoken == ["Hello.", "Call later."]
        assert "answered HTTP 503 (draining)" in failure(report)

    async def test_fallback_needs_synchronous(self) -> None:
        """Without eventType synchronous the reply is not an NCCO."""

        async def refuse(request: web.Request) -> web.Response:
            return web.Response(status=404)

        async def event(request: web.Request) -> web.Response:
            return web.json_response([{"action": "talk", "text": "Never heard."}])

        async with FakeApplication(handshake=refuse, event=event) as application:
            application._ncco = [application.connect(eventType=None)]
            report = await place(application)
        assert report.spoken == []
        assert any("no eventType synchronous" in warning.seen for warning in report.warnings)

    async def test_endless_fallbacks_end(self) -> None:
        """An application that answers every failure with the same failing NCCO is given up."""

        async def refuse(request: web.Request) -> web.Response:
            return web.Response(status=403)

        async def event(request: web.Request) -> web.Response:
            return web.json_response([application.connect()])

        async with FakeApplication(handshake=refuse, event=event) as application:
            report = await place(application)
        assert f"more than {NCCOS_PER_CALL} NCCOs" in failure(report)
        assert "wants authorization" in failure(report)

    @pytest.mark.parametrize(
        ("answer", "seen"),
        [
            (b"", "no WebSocket server"),
            (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", "answered HTTP 200 (hi)"),
            (b"HTTP/1.1 302 Found\r\nLocation: ws://x/\r\n\r\n", "answered HTTP 302"),
            (b"SSH-2.0-OpenSSH_9.2\r\n", "no WebSocket server"),
        ],
    )
    async def test_no_websocket_server(self, answer: bytes, seen: str) -> None:
        """Whatever listens there, the report says what it answered."""

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server, FakeApplication() as application:
            elsewhere = {"uri": f"ws://127.0.0.1:{port}/socket"}
            application._ncco = [application.connect(endpoint=elsewhere)]
            report = await place(application)
        assert seen in failure(report)
        assert application.statuses("ws://")[-1] == "failed"

    async def test_silent_handshake_is_unanswered(self) -> None:
        """A server that accepts and says nothing is `unanswered` after the timeout."""

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.read()
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server, FakeApplication() as application:
            elsewhere = {"uri": f"ws://127.0.0.1:{port}/socket"}
            application._ncco = [application.connect(endpoint=elsewhere)]
            report = await place(application, handshake_timeout=0.3)
        assert "within 0.3 s" in failure(report)
        assert application.statuses("ws://")[-1] == "unanswered"

    async def test_no_tls_there(self) -> None:
        """A wss URL to a server without TLS is explained."""
        async with FakeApplication() as application:
            secure = {"uri": application.socket_url.replace("ws://", "wss://")}
            application._ncco = [application.connect(endpoint=secure)]
            report = await place(application)
        assert "TLS with wss://" in failure(report)

    async def test_text_flood_ends(self) -> None:
        """An application that floods the caller with text is left."""

        async def flood(connection: web.WebSocketResponse) -> None:
            while not connection.closed:
                await connection.send_str("x" * 100)

        async with FakeApplication(flood) as application:
            report = await place(application, seconds=20)
        assert "more than 10,000 text messages" in failure(report)
        assert len(report.sockets[0].trace.texts) == 100

    async def test_audio_flood_ends(self) -> None:
        """So is one that sends far more audio than the platform can hold."""

        async def flood(connection: web.WebSocketResponse) -> None:
            while not connection.closed:
                await connection.send_bytes(bytes(640))

        async with FakeApplication(flood) as application:
            report = await place(application, seconds=20)
        assert "more than the platform can buffer" in failure(report)

    async def test_giant_message_ends(self) -> None:
        """A message beyond the bound breaks the leg, not the caller."""

        async def giant(connection: web.WebSocketResponse) -> None:
            await connection.send_bytes(bytes(300 * 1024))
            await connection.receive()
            async for _ in connection:
                pass

        async with FakeApplication(giant) as application:
            report = await place(application)
        assert "1009" in failure(report)

    async def test_application_that_stops_reading(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """An application that reads nothing more is given up when the buffers are full."""
        monkeypatch.setattr("phone.legs.outgoing.SEND_TIMEOUT", 0.5)
        monkeypatch.setattr("phone.legs.outgoing.FRAME_SECONDS", 0.0002)
        release = asyncio.Event()

        async def deaf(connection: web.WebSocketResponse) -> None:
            transport = connection._req.transport if connection._req else None
            assert transport is not None
            transport.pause_reading()
            await release.wait()

        async with FakeApplication(deaf) as application:
            report = await place(application, seconds=200, audio="tone")
            release.set()
        assert "read nothing for 0.5 s" in failure(report)


class TestWrongWebhooks:
    """Answer and event webhooks that misbehave."""

    async def test_503_is_asked_again(self) -> None:
        """A 503 is retried once, and the second answer counts."""

        async def answer(request: web.Request) -> web.StreamResponse:
            if len(application.answered) == 1:
                return web.Response(status=503)
            return web.json_response([application.connect()])

        async with FakeApplication(answer=answer) as application:
            report = await place(application)
        assert report.ok, failure(report)
        assert len(application.answered) == 2
        assert "at the second attempt" in report.moments[0].text

    @pytest.mark.parametrize(
        ("status", "attempts"), [(429, 2), (503, 2), (504, 2), (500, 1), (404, 1), (401, 1)]
    )
    async def test_retries(self, status: int, attempts: int) -> None:
        """Only 429, 503 and 504 are retried, once."""

        async def answer(request: web.Request) -> web.Response:
            return web.Response(status=status)

        async with FakeApplication(answer=answer) as application:
            report = await place(application)
        assert f"answer: HTTP {status}" in failure(report)
        assert len(application.answered) == attempts

    async def test_slow_answer(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """An answer that takes too long is asked for twice, then given up."""
        monkeypatch.setattr("phone.platform.running.source.ANSWER", Timeouts(60.0, 1.0))

        async def answer(request: web.Request) -> web.Response:
            await asyncio.sleep(30)
            return web.Response()

        async with FakeApplication(answer=answer) as application:
            report = await place(application)
        assert "no complete reply within 1 s (2 attempts)" in failure(report)
        assert len(application.answered) == 2

    async def test_reset_is_retried(self) -> None:
        """A connection that closes without an answer is tried twice."""
        count = 0

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal count
            count += 1
            await reader.readuntil(b"\r\n\r\n")
            writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server:
            report = await call(CallPlan(f"http://127.0.0.1:{port}/answer"))
        assert count == 2
        assert "closed the connection" in failure(report)

    async def test_nobody_there(self) -> None:
        """A refused connection says so."""
        async with FakeApplication() as application:
            url = application.answer_url
        report = await call(CallPlan(url))
        assert "is the application running" in failure(report)
        assert not report.ok

    @pytest.mark.parametrize(
        ("body", "media_type", "seen"),
        [
            ("[]", "text/html", "media type is 'text/html'"),
            ("[]", "text/json", "media type is 'text/json'"),
            ("hello", "application/json", "not valid JSON"),
            ("{}", "application/json", "an NCCO is an array"),
            ("[" * 100_000, "application/json", "nested too deeply"),
            ('[{"action":"hangup"}]', "application/json", "must be one of talk"),
            ("[NaN]", "application/json", "NaN is no JSON number"),
            ("x" * 300_000, "application/json", "more than 256 KiB"),
            ("[]", "application/json", "connected to no WebSocket"),
            ('[{"action":"talk","text":"Hi."}]', "application/json", "(talk)"),
        ],
    )
    async def test_bad_answers(self, body: str, media_type: str, seen: str) -> None:
        """Every bad answer is refused for its own reason."""

        async def answer(request: web.Request) -> web.Response:
            return web.Response(text=body, content_type=media_type)

        async with FakeApplication(answer=answer) as application:
            report = await place(application)
        assert seen in failure(report)
        assert len(application.answered) == 1

    async def test_redirect_is_not_followed(self) -> None:
        """A redirect is an answer of the wrong kind."""

        async def answer(request: web.Request) -> web.Response:
            return web.Response(status=302, headers={"Location": "/answer"})

        async with FakeApplication(answer=answer) as application:
            report = await place(application)
        assert "redirects are not followed" in failure(report)

    async def test_invalid_ncco_posts_the_error_event(self) -> None:
        """An NCCO that breaks a rule gives the platform's error event and names the field."""
        async with FakeApplication() as application:
            application._ncco = [application.connect(endpoint={"uri": "http://x/socket"})]
            report = await place(application, event_url=application.event_url)
        assert "[0].endpoint[0].uri: must be an absolute ws:// or wss:// URL" in failure(report)
        (error,) = [event for event in application.events if "reason" in event]
        assert set(error) == {"reason", "conversation_uuid", "timestamp"}

    async def test_another_rate_than_wanted(self) -> None:
        """`rate` refuses an NCCO that says another one, before anything is dialled."""
        async with FakeApplication(rate=8000) as application:
            report = await place(application, rate=16000)
        assert "says 8000 Hz, 16000 was wanted" in failure(report)
        assert application.handshakes == []

    async def test_refused_events_are_a_warning(self) -> None:
        """An application that refuses events still had its call; strictly, it failed."""

        async def event(request: web.Request) -> web.Response:
            return web.Response(status=404)

        async with FakeApplication(event=event) as application:
            report = await place(application)
            strict = await place(application, strict=True)
        assert report.ok, failure(report)
        assert "started, ringing, answered" in report.warnings[0].seen
        assert not strict.ok

    async def test_dead_event_url_is_a_failure(self) -> None:
        """Events that nobody takes mean that a part of the application is gone."""
        async with FakeApplication() as other:
            gone = other.event_url
        async with FakeApplication() as application:
            application._ncco = [application.connect(eventUrl=[gone])]
            report = await place(application)
        assert "event: started" in failure(report)
        assert "no connection to" in failure(report)

    async def test_events_that_only_a_gateway_takes_are_a_failure(self) -> None:
        """Events answered with 503 mean the same: nobody is behind the gateway."""

        async def event(request: web.Request) -> web.Response:
            return web.Response(status=503)

        async with FakeApplication(event=event) as application:
            report = await place(application)
        assert "event: started" in failure(report)
        assert "503" in failure(report)

    async def test_recording(self) -> None:
        """A recording goes on beside the rest of the NCCO, and an event tells of it at the end."""
        async with FakeApplication() as application:
            record = {"action": "record", "eventUrl": [application.event_url], "format": "wav"}
            application._ncco = [record, application.connect()]
            report = await place(application, seconds=0.5)
            told = next(event for event in application.events if "recording_url" in event)
        assert report.ok, failure(report)
        assert told["size"] > 0.5 * 2 * 16000
        assert "uuid" not in told
        assert "status" not in told


class TestHangingUp:
    """A caller who does not wait for the end."""

    async def test_hang_up_mid_call(self) -> None:
        """Hanging up closes the socket with 1000, posts `completed`, and loses nothing."""
        hang_up = asyncio.Event()

        async with FakeApplication() as application:
            plan = CallPlan(application.answer_url, seconds=20)
            report = await call(
                plan,
                hang_up=hang_up,
                on_progress=lambda sent: hang_up.set() if sent.frames == 15 else None,
            )
        assert report.interrupted
        assert report.ok, failure(report)
        assert application.statuses()[-2:] == ["completed", "completed"]
        assert report.sockets[0].trace.close_code == 1000
        assert len(report.sockets[0].trace.sent) < 20 * FRAMES_PER_SECOND

    async def test_hang_up_while_it_is_being_answered(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Hanging up before the answer ends the call, which does not wait for it."""
        monkeypatch.setattr("phone.platform.running.source.ANSWER", Timeouts(60.0, 600.0))
        hang_up, ended = asyncio.Event(), asyncio.Event()

        async def answer(request: web.Request) -> web.Response:
            hang_up.set()
            await ended.wait()
            return web.Response()

        async with FakeApplication(answer=answer) as application:
            async with asyncio.timeout(60):
                report = await call(CallPlan(application.answer_url), hang_up=hang_up)
            ended.set()
        assert report.interrupted
        assert report.sockets == []

    async def test_cancelled(self) -> None:
        """Cancelling leaves no open socket behind."""
        closed = asyncio.Event()

        async def socket(connection: web.WebSocketResponse) -> None:
            await echo(connection)
            closed.set()

        async with FakeApplication(socket) as application:
            started = asyncio.Event()
            task = asyncio.create_task(
                call(
                    CallPlan(application.answer_url, seconds=300),
                    on_progress=lambda sent: started.set(),
                )
            )
            async with asyncio.timeout(60):
                await started.wait()
                task.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await task
                await closed.wait()


class TestPlans:
    """Plans that cannot be carried out raise before anything is dialled."""

    @pytest.mark.parametrize(
        ("plan", "message"),
        [
            (CallPlan("localhost:8080/answer"), "http:// or https://"),
            (CallPlan("http://[::1/answer"), "http:// or https://"),
            (CallPlan("http://localhost:port/"), "http:// or https://"),
            (CallPlan(seconds=0), "more than 0"),
            (CallPlan(rate=11025), "8000, 16000, 24000"),
            (CallPlan(dtmf="12a"), "'a'"),
            (CallPlan(dtmf="1@x"), "1@0.5"),
            (CallPlan(audio="missing.wav"), "no audio file"),
            (CallPlan(audio=__file__), "cannot be read as audio"),
            (CallPlan(save=Path("/nowhere/at/all.wav")), "no folder"),
            (CallPlan(ca_file=Path(__file__)), "give a PEM file"),
        ],
    )
    async def test_refused(self, plan: CallPlan, message: str) -> None:
        """The message names the setting and what to give."""
        with pytest.raises(PlanError, match=message.replace("(", r"\(")):
            await call(plan)


def test_sockets_are_typed() -> None:
    """The ready-made sockets fit the application's argument."""
    sockets: list[Socket] = [echo, loses_every(2), delays(1), says(""), closes_after(1)]
    assert all(callable(socket) for socket in sockets)
