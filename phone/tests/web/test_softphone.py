"""The softphone's server: calls over a page's socket, and who is refused."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from page_client import PageClient
from phone.__main__ import main
from phone.audio.files import load, to_samples
from phone.audio.recognition import is_loud, recognise
from phone.commands.serve import examined
from phone.constants import frame_bytes
from phone.legs.log import Exchange
from phone.platform.ncco.document import parse_actions
from phone.platform.ncco.endpoints import Phone
from phone.platform.outbound import OutboundPlan
from phone.platform.registration import Registration
from phone.testing import FakeApplication, closes_after, echo
from phone.web import Softphone, SoftphoneSettings
from phone.web.page_log import ncco_message
from phone.web.verdicts import judged

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
async def softphone() -> AsyncIterator[Softphone]:
    """Return a softphone that serves on a free port."""
    async with Softphone(SoftphoneSettings(port=0)) as running:
        yield running


async def ends(page: PageClient) -> dict[str, Any]:
    """Hang up; return the report."""
    await page.send(type="hangup")
    report = await page.told("report")
    await page.told("state", state="idle")
    return report


async def until(happened: Callable[[], bool]) -> None:
    """Wait for something that has no event of its own."""
    async with asyncio.timeout(60):
        while not happened():  # noqa: ASYNC110 - as said
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("rate", [8000, 16000, 24000])
async def test_what_a_page_says_comes_back(softphone: Softphone, rate: int) -> None:
    """At each rate the page hears its own speech, and the report says that the call worked."""
    async with FakeApplication(rate=rate) as application, PageClient(softphone) as page:
        await page.call(application.answer_url, expect="echo")
        await page.told("rate", rate=rate)
        await page.told("figures")
        await page.say("speech", rate, 3.0)
        await page.told("figures", rate=rate)
        report = await ends(page)
        await page.told("caption", text="Hello.")
    assert report["ok"], report["summary"]
    assert report["report"]["sockets"][0]["rate"] == rate
    frames = [frame for frame in page.heard if len(frame) == frame_bytes(rate)]
    spoken = load("speech", rate).samples[: 2 * rate]
    assert recognise(spoken, to_samples(b"".join(frames)), rate).found


async def test_a_moved_call_goes_on(softphone: Softphone) -> None:
    """It closes with 1012, and answers `disconnected` with an NCCO: the page hears on."""
    sockets = iter((closes_after(40, 1012), echo))

    async def socket(connection: web.WebSocketResponse) -> None:
        await next(sockets)(connection)

    async def event(request: web.Request) -> web.StreamResponse:
        if (await request.json()).get("status") == "disconnected":
            return web.json_response([application.connect()])
        return web.Response(status=204)

    async with (
        FakeApplication(socket, event=event) as application,
        PageClient(softphone) as page,
    ):
        await page.call(application.answer_url)
        await page.told("figures")
        await until(lambda: len(application.handshakes) == 2)
        before = len(page.heard)
        await page.say("speech", 16000, 2.0)
        report = await ends(page)
    assert [socket["close_code"] for socket in report["report"]["sockets"]] == [1012, 1000]
    spoken = load("speech", 16000).samples[:16000]
    assert recognise(spoken, to_samples(b"".join(page.heard[before:])), 16000).found


async def test_a_page_moves_its_call(softphone: Softphone) -> None:
    """The phone closes the socket with 1012, dials the next, and tells the page of the gap."""

    async def event(request: web.Request) -> web.StreamResponse:
        if (await request.json()).get("status") == "disconnected":
            return web.json_response([application.connect()])
        return web.Response(status=204)

    async with FakeApplication(event=event) as application, PageClient(softphone) as page:
        await page.call(application.answer_url, faults=["move=0.5"])
        await until(lambda: any(any(told["gaps_ms"]) for told in page.of("figures")))
        report = await ends(page)
    (gap,) = page.of("figures")[-1]["gaps_ms"]
    (move,) = report["report"]["moves"]
    assert gap == pytest.approx(move["gap_ms"], abs=0.01)
    assert (move["close_code"], len(application.handshakes)) == (1012, 2)


STRANGE = (
    "",
    "null",
    "[" * 50_000,
    '{"type": "ping", "at": 1e999}',
    '{"type": "ping", "at": 1' + 400 * "0" + "}",
    '{"type": "key", "digit": "12"}',
    '{"type": "call"}',
    '{"type": "call", "answer_url": 5}',
    '{"type": "call", "answer_url": "http://localhost/", "faults": ["rain"]}',
    '{"type": "call", "answer_url": "http://localhost/", "save": "/etc/passwd"}',
)


async def test_what_no_page_sends_is_refused(softphone: Softphone) -> None:
    """Each gets an error; a message that is too long ends its own page only."""
    async with FakeApplication() as application, PageClient(softphone) as page:
        await page.send(type="hangup")
        await page.send(type="decide", takes="answer")
        for text in STRANGE:
            await page._socket.send_str(text)
        await page._socket.send_bytes(b"odd")
        await until(lambda: len(page.of("error")) == len(STRANGE))
        assert all(error["seen"] for error in page.of("error"))
        async with PageClient(softphone) as other:
            await other._socket.send_str(" " * 100_000)
            await until(lambda: other._socket.close_code == 1009)
        await page.call(application.answer_url)
        await page.told("figures")
        for _ in range(500):  # ten seconds of sound at once
            await page._socket.send_bytes(bytes(640))
        assert (await ends(page))["ok"]


async def test_keys_reach_the_application(softphone: Softphone) -> None:
    """A key of the page's keypad becomes an event on the socket."""
    async with FakeApplication() as application, PageClient(softphone) as page:
        await page.call(application.answer_url)
        await page.told("figures")
        await page.send(type="key", digit="5")
        await page.send(type="key", digit="no key")
        await until(lambda: any("dtmf" in text for text in application.texts))
        await page.told("error")
        await ends(page)
        keys = [json.loads(text) for text in application.texts]
    assert [key["digit"] for key in keys if key["event"] == "websocket:dtmf"] == ["5"]


async def test_everything_is_told_with_its_json(softphone: Softphone) -> None:
    """Moments carry requests, replies and messages whole; the NCCO comes with verdicts."""
    async with FakeApplication() as application, PageClient(softphone) as page:
        await page.call(application.answer_url)
        await page.told("figures")
        await ends(page)
        answer = await page.told("moment", kind="answer")
        connected = await page.told("moment", kind="message")
        ncco = await page.told("ncco")
    assert answer["behind"][0]["fields"]["from"] == page.number
    assert answer["behind"][0]["reply"][0]["action"] == "talk"
    assert connected["behind"][0]["message"]["event"] == "websocket:connected"
    assert {row["verdict"] for row in ncco["rows"]} == {"taken"}


async def test_a_page_that_closes_hangs_up(softphone: Softphone) -> None:
    """A page that is reloaded in mid-call ends its call, and finds it among the recent ones."""
    async with FakeApplication() as application:
        async with PageClient(softphone) as page:
            await page.call(application.answer_url)
            await page.told("figures")
        await until(lambda: bool(softphone.board.past.lines()))
        async with PageClient(softphone) as again:
            (call,) = again.of("hello")[0]["calls"]
        assert call["answer_url"] == application.answer_url
        assert application.statuses()[-1] == "completed"


@pytest.mark.parametrize(
    ("url", "seen"),
    [
        ("no url", "a blank"),
        ("ftp://localhost/", "must be an absolute"),
        ("http://${HOST}/answer", "placeholder"),
    ],
)
async def test_a_wrong_url_is_explained(softphone: Softphone, url: str, seen: str) -> None:
    """What is no URL is refused before anything is dialled."""
    async with PageClient(softphone) as page:
        await page.call(url)
        assert seen in (await page.told("error"))["seen"]


async def test_an_application_that_is_not_there(softphone: Softphone) -> None:
    """Nobody at the URL: the problem says so, with advice, and the call is over."""
    async with PageClient(softphone) as page:
        await page.call("http://127.0.0.1:9/answer")
        problem = await page.told("problem")
        assert problem["advice"]
        assert not (await page.told("report"))["ok"]


async def test_three_pages_in_a_meeting_hear_each_other(softphone: Softphone) -> None:
    """What one says the two others hear, and not the one who said it."""
    meeting = [{"action": "conversation", "name": "standup"}]
    async with (
        FakeApplication(ncco=meeting) as application,
        PageClient(softphone) as ann,
        PageClient(softphone) as bob,
        PageClient(softphone) as eve,
    ):
        pages = (ann, bob, eve)
        for page in pages:
            await page.call(application.answer_url)
            await page.told("moment", kind="conversation")
        await ann.say("speech", 16000, 2.5)
        await asyncio.gather(*map(ends, pages))
    spoken = load("speech", 16000).samples[: 16000 * 3 // 2]
    for page in (bob, eve):
        assert recognise(spoken, to_samples(b"".join(page.heard)), 16000).found
    assert not is_loud(to_samples(b"".join(ann.heard)))


def called_by(softphone: Softphone, number: str, ncco: list[dict[str, Any]]) -> None:
    """Let the application call a page, as its API would."""
    switch = softphone.network.switch
    plan = OutboundPlan(parse_actions(ncco), 20.0, 60.0)
    application = switch.registration.application()
    phone = Phone.model_validate({"type": "phone", "number": number})
    switch.call(phone, HOSTILE, application, None, plan)


@pytest.fixture
async def network(serve: Callable[..., FakeApplication]) -> AsyncIterator[tuple[Softphone, Any]]:
    """Return a softphone with a platform in it, and the application that it knows."""
    application = serve()
    hooks = {"answer_url": application.answer_url, "event_url": application.event_url}
    registration = Registration.model_validate({"webhooks": hooks})
    async with Softphone(SoftphoneSettings(port=0), registration) as running:
        yield running, application


async def test_a_call_that_comes_in_is_answered(network: tuple[Softphone, Any]) -> None:
    """It rings in the page with its number; answered, both sides talk through the NCCO's socket."""
    softphone, application = network
    async with PageClient(softphone) as page:
        called_by(softphone, page.number, [application.connect()])
        assert (await page.told("ringing"))["caller"] == HOSTILE
        await page.send(type="decide", takes="answer")
        await page.told("state", state="talking")
        await page.say("speech", 16000, 3.0)
        await page.told("figures")
        report = await ends(page)
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{softphone.url}calls/{report['id']}/heard.wav") as reply,
        ):
            wav = await reply.read()
    spoken = load("speech", 16000).samples[: 16000 * 3 // 2]
    assert recognise(spoken, to_samples(b"".join(page.heard)), 16000).found
    assert application.statuses()[-1] == "completed"
    assert report["ok"], report["summary"]
    assert report["report"]["sockets"][0]["echo"]["whole"]
    assert [event["status"] for event in report["report"]["events"]][-1] == "completed"
    assert len(report["report"]["exchanges"]) == len(report["report"]["events"])
    assert wav[:4] == b"RIFF"
    assert [told["text"] for told in page.of("moment")][0].startswith("started")


async def test_a_call_of_another_telephone_has_its_report_there(
    softphone: Softphone,
) -> None:
    """A page that an NCCO connects to another hears it, and the report is the caller's."""
    async with PageClient(softphone) as ann, PageClient(softphone) as bob:
        phone = {"type": "phone", "number": bob.number}
        ncco = [{"action": "connect", "from": ann.number, "endpoint": [phone]}]
        async with FakeApplication(ncco=ncco) as application:
            await ann.call(application.answer_url)
            await bob.told("ringing")
            await bob.send(type="decide", takes="answer")
            await bob.told("state", state="connected")
            await ann.say("speech", 16000, 2.0)
            await ends(ann)
            await bob.told("state", state="idle")
    spoken = load("speech", 16000).samples[:16000]
    assert recognise(spoken, to_samples(b"".join(bob.heard)), 16000).found
    assert not bob.of("report")


async def test_a_call_that_comes_in_is_rejected(network: tuple[Softphone, Any]) -> None:
    """Rejected, the application is told so."""
    softphone, application = network
    async with PageClient(softphone) as page:
        called_by(softphone, page.number, [{"action": "talk", "text": "Hello."}])
        await page.told("ringing")
        await page.send(type="decide", takes="reject")
        await until(lambda: "rejected" in application.statuses())
        assert not page.of("moment")


async def test_a_page_in_a_call_is_busy(network: tuple[Softphone, Any]) -> None:
    """Whoever calls a page that speaks with somebody hears that it is busy."""
    softphone, application = network
    async with PageClient(softphone) as page:
        await page.call(application.answer_url)
        await page.told("figures")
        called_by(softphone, page.number, [{"action": "talk", "text": "Hello."}])
        await until(lambda: "busy" in application.statuses())
        assert not page.of("ringing")
        await ends(page)


@pytest.mark.parametrize("path", ["", "line", "status", "static/app.js"])
async def test_another_host_is_refused(softphone: Softphone, path: str) -> None:
    """A name that is made to lead to loopback opens nothing."""
    async with (
        aiohttp.ClientSession() as session,
        session.get(softphone.url + path, headers={"Host": "evil.example:8091"}) as reply,
    ):
        assert reply.status == 421


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "http://localhost:1", "null", "http://localhost.evil.example"]
)
async def test_another_origin_is_refused(softphone: Softphone, origin: str) -> None:
    """Another page can open no socket, and ask for nothing."""
    headers = {"Origin": origin}
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await session.ws_connect(f"{softphone.url}line", headers=headers)
        assert refused.value.status == 403
        async with session.post(f"{softphone.url}doctor", headers=headers) as reply:
            assert reply.status == 403
        async with session.get(f"{softphone.url}status", headers=headers) as reply:
            assert reply.status == 403


async def test_a_socket_without_origin_is_refused(softphone: Softphone) -> None:
    """A browser always sends one; what sends none is no page."""
    async with aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.WSServerHandshakeError):
            await session.ws_connect(f"{softphone.url}line")


async def test_the_page_forbids_itself_foreign_script() -> None:
    """The policy allows no inline script, and what is configured is escaped."""
    url = 'http://localhost/"><script>alert(1)</script>'
    settings = SoftphoneSettings(url, port=0)
    async with (
        Softphone(settings) as softphone,
        aiohttp.ClientSession() as session,
        session.get(softphone.url) as reply,
    ):
        policy = reply.headers["Content-Security-Policy"]
        text = await reply.text()
    assert "script-src 'self';" in policy
    assert "unsafe" not in policy
    assert "<script>alert" not in text
    assert " style=" not in text
    assert "onclick" not in text


async def test_the_report_and_the_sound_can_be_fetched(softphone: Softphone) -> None:
    """The report is that of `phone call --report`; hostile text in it stays text."""
    ncco: list[dict[str, Any]] = [{"action": "talk", "text": HOSTILE}]
    async with FakeApplication() as application, PageClient(softphone) as page:
        application._ncco = [*ncco, application.connect()]
        await page.call(application.answer_url)
        await page.told("figures")
        await page.say("speech", 16000, 1.0)
        report = await ends(page)
        async with aiohttp.ClientSession() as session:
            async with session.get(f"{softphone.url}calls/{report['id']}/report") as reply:
                text = await reply.text()
                assert reply.headers["Content-Security-Policy"].startswith("default-src 'none'")
            async with session.get(f"{softphone.url}calls/{report['id']}/heard.wav") as reply:
                wav = await reply.read()
            async with session.get(f"{softphone.url}calls/none/report") as reply:
                assert reply.status == 404
    assert HOSTILE not in text
    assert "&lt;img" in text
    assert wav[:4] == b"RIFF"


async def test_a_long_list_of_calls_is_read_whole() -> None:
    """It comes in pieces."""

    async def calls(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "application/json"})
        await response.prepare(request)
        for piece in (b'{"live":', b" 5}"):
            await response.write(piece)
            await asyncio.sleep(0.1)
        return response

    async with FakeApplication(answer=calls) as application:
        settings = SoftphoneSettings(port=0, readiness={}, calls_url=application.answer_url)
        async with (
            Softphone(settings) as softphone,
            aiohttp.ClientSession() as session,
            session.get(f"{softphone.url}status") as reply,
        ):
            status = await reply.json()
    assert status["calls"]["reply"] == {"live": 5}


async def test_readiness_is_asked_by_the_name_of_the_calls() -> None:
    """A service that is ready for some hosts only is asked as callers ask it."""

    async def ready(request: web.Request) -> web.Response:
        return web.json_response({"asked": request.host})

    async with FakeApplication(answer=ready) as service:
        settings = SoftphoneSettings(
            port=0, readiness={"it": service.answer_url}, readiness_host="gateway:8080"
        )
        async with (
            Softphone(settings) as softphone,
            aiohttp.ClientSession() as session,
            session.get(f"{softphone.url}status") as reply,
        ):
            (it,) = (await reply.json())["services"]
    assert it["reply"] == {"asked": "gateway:8080"}


async def test_the_stack_is_shown_with_reasons() -> None:
    """A service that is ready, one that is not there, the live calls, and what the doctor finds."""
    async with FakeApplication() as application:
        settings = SoftphoneSettings(
            application.answer_url,
            port=0,
            readiness={"there": application.answer_url, "gone": "http://127.0.0.1:9/readyz"},
            calls_url=f"{application.url}/nothing",
        )
        softphone = Softphone(settings, examine=examined)
        async with softphone, aiohttp.ClientSession() as session:
            async with session.get(f"{softphone.url}status") as reply:
                status = await reply.json()
            origin = {"Origin": softphone.url.rstrip("/")}
            async with session.post(f"{softphone.url}doctor", headers=origin) as reply:
                found = await reply.json()
    there, gone = status["services"]
    assert (there["name"], there["status"]) == ("there", 200)
    assert "is the service running?" in gone["seen"]
    assert status["calls"]["status"] in (404, None)
    assert found["error"] == ""
    assert {check["name"] for check in found["checks"]} >= {"answer GET", "ncco", "events"}


async def test_the_command_serves_until_it_is_interrupted() -> None:
    """`phone serve` says where the page is, and ends with Ctrl-C as if nothing had happened."""
    command = (sys.executable, "-m", "phone", "serve", "--port", "0")
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    async with asyncio.timeout(60):
        line = (await process.stdout.readline()).decode()
        url = line.removeprefix("softphone ").strip()
        async with aiohttp.ClientSession() as session, session.get(url) as reply:
            assert reply.status == 200
        process.send_signal(signal.SIGINT)
        assert await process.wait() == 0


@pytest.mark.parametrize(
    ("arguments", "seen"),
    [
        (["ftp://localhost/"], "the answer URL"),
        (["--port", "70000"], "give 0 to 65535"),
        (["--readiness", "http://localhost/"], "NAME=URL"),
        (["--application", "/nowhere.json"], "cannot be read"),
    ],
)
def test_a_wrong_command_line_is_explained(
    arguments: list[str], seen: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """What is wrong is said in a line, with the status of a wrong command line."""
    assert main(["serve", *arguments]) == 2
    assert seen in capsys.readouterr().err


def test_an_ncco_is_judged_field_by_field() -> None:
    """In its order: what is refused and why, what is missing; the rest of it is not used then."""
    rows = judged(
        json.dumps(
            [
                {"action": "talk", "text": "", "voiceName": "Amy"},
                {
                    "action": "connect",
                    "eventType": "synchronous",
                    "endpoint": [{"type": "websocket"}],
                },
            ]
        )
    )
    assert [(row.where, row.value, row.verdict) for row in rows] == [
        ("[0].action", '"talk"', "unused"),
        ("[0].text", '""', "refused"),
        ("[0].voiceName", '"Amy"', "unused"),
        ("[1].action", '"connect"', "unused"),
        ("[1].eventType", '"synchronous"', "unused"),
        ("[1].endpoint[0].type", '"websocket"', "unused"),
        ("[1].endpoint[0].uri", "", "refused"),
    ]


@pytest.mark.parametrize(
    ("body", "where", "value", "verdict"),
    [
        ('[{"action": "talk", "text": "a", "txt": 1}]', "[0].txt", "1", "warning"),
        ('[{"action": "connect", "endpoint": [{"type": "sip", "uri": "sip:a@b.example"}, {}]}]',)
        + ("[0].endpoint", "…", "refused"),
        ('{"action": "talk", "text": "a"}', "", "…", "refused"),
        ('[{"action": "ta', "", '[{"action": "ta', "refused"),
        ("42", "", "42", "refused"),
    ],
)
def test_each_verdict_stands_where_it_belongs(
    body: str, where: str, value: str, verdict: str
) -> None:
    """A field, what contains fields, what is no array, and what is no JSON."""
    (row,) = [row for row in judged(body) if row.words]
    assert (row.where, row.value, row.verdict) == (where, value, verdict)


@pytest.mark.parametrize(
    ("fields", "reply", "shown"),
    [
        ({"endpoint_type": "phone"}, '{"no": "ncco"}', True),
        ({"endpoint_type": "phone"}, "<html>", True),
        ({"status": "completed"}, '{"no": "ncco"}', False),
        ({"status": "disconnected"}, '[{"action": "talk", "text": "a"}]', True),
        ({"dtmf": "1"}, "thanks", False),
    ],
)
def test_what_is_meant_as_an_ncco_is_shown(fields: dict[str, str], reply: str, shown: bool) -> None:
    """Whatever answers the answer webhook, and every array."""
    exchange = Exchange(0.0, "GET", "http://a.example/", fields, 200, "", reply, "", 1.0)
    assert (ncco_message(exchange) is not None) == shown
