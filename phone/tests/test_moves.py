"""Calls that go on with another socket after theirs was closed or lost."""

from dataclasses import replace
from typing import Any

import pytest
from aiohttp import WSMsgType, web
from phone.constants import FRAMES_PER_SECOND
from phone.legs.faults import Faults
from phone.legs.log import Problem
from phone.load import LoadPlan, run_load
from phone.report import summary
from phone.testing import Answer, FakeApplication, Socket, echo

from phone import CallPlan, CallReport, call

SECONDS = 1.0
ATTEMPTS = 5  # to be in time on a machine that freezes: who is too slow is so every time


async def place(application: FakeApplication) -> CallReport:
    """Place a call of a second."""
    return await call(CallPlan(application.answer_url, seconds=SECONDS))


def leaves_after(frames: int, *, code: int | None) -> Socket:
    """Return an echo that closes a call's first socket with a code, or cuts it (None)."""

    async def socket(connection: web.WebSocketResponse) -> None:
        count = 0
        resumed = False
        async for message in connection:
            if message.type == WSMsgType.TEXT:
                resumed = "resumed" in message.json()
                continue
            await connection.send_bytes(message.data)
            count += 1
            if count == frames and not resumed:
                if code is not None:
                    await connection.close(code=code)
                elif (request := connection._req) is not None and request.transport is not None:
                    request.transport.abort()

    return socket


def again(*, pause: float = 0.0, **headers: Any) -> Answer:
    """Return an event webhook that connects a call again whose socket is gone."""

    async def event(request: web.Request) -> web.Response:
        body = await request.json()
        failed = body["to"].startswith("ws") and body["status"] in ("disconnected", "failed")
        if not failed:
            return web.Response(status=204)
        told = body["headers"]
        endpoint = {
            "type": "websocket",
            "uri": body["to"],
            "content-type": "audio/l16;rate=16000",
            "headers": told | {"resumed": told.get("resumed", 0) + 1} | headers,
        }
        connect = {
            "action": "connect",
            "eventType": "synchronous",
            "eventUrl": [f"http://{request.host}/event"],
            "endpoint": [endpoint],
        }
        wait = [{"action": "wait", "timeout": pause}] if pause else []
        return web.json_response([*wait, connect])

    return event


@pytest.mark.parametrize("code", [1012, None])
async def test_a_call_goes_on(code: int | None) -> None:
    """Closed or cut: one call, one gap, and the caller says the rest on the new socket."""
    for _ in range(ATTEMPTS):
        async with FakeApplication(leaves_after(20, code=code), event=again()) as application:
            report = await place(application)
        if (gap := report.moves[0].gap_ms) is not None and gap < 1000:
            break
    assert report.ok, summary(report)
    assert [socket.alignment.whole for socket in report.sockets] == [True, True]
    before, after = (len(socket.trace.sent) for socket in report.sockets)
    assert before >= 20
    # What was said and had not left when the socket was closed is not said again.
    assert 0 < after <= SECONDS * FRAMES_PER_SECOND - before
    (move,) = report.moves
    assert (move.close_code, move.attempts, move.same_call) == (code or 1006, 1, True)
    assert move.gap_ms is not None
    assert 0 < move.gap_ms < 1000
    told_gap = f"the caller heard nothing for {move.gap_ms:.0f} ms"
    assert f"a socket of the same call after {code or 1006}; {told_gap}" in summary(report)
    (told,) = report.as_dict()["moves"]
    assert told["gap_ms"] == round(move.gap_ms, 2)
    assert application.statuses("ws") == [
        *("started", "ringing", "answered", "disconnected"),
        *("completed", "started", "ringing", "answered", "completed"),
    ]


async def test_the_same_trouble_is_said_once() -> None:
    """With how often, since a call may be connected again many times in vain."""
    async with FakeApplication() as application:
        report = await place(application)
    refused, slow = (Problem("socket", seen, "look") for seen in ("it answered 503", "it is slow"))
    lines = summary(replace(report, problems=[refused, slow, refused])).splitlines()
    failed = [line for line in lines if line.startswith("Failed")]
    assert failed == ["Failed  socket: it answered 503 (2 times)", "Failed  socket: it is slow"]


MOVES = Faults(move=0.4)


async def test_a_call_moves_on_demand() -> None:
    """The phone closes the first socket with 1012, and goes on as if the application had."""
    codes: list[int | None] = []

    async def notes_close(socket: web.WebSocketResponse) -> None:
        await echo(socket)
        codes.append(socket.close_code)

    async with FakeApplication(notes_close, event=again()) as application:
        report = await call(CallPlan(application.answer_url, seconds=SECONDS, faults=MOVES))
    assert report.ok, summary(report)
    assert codes == [1012, 1000]
    (move,) = report.moves
    assert (move.close_code, move.same_call) == (1012, True)
    assert move.gap_ms is not None
    assert [socket.trace.ended_by for socket in report.sockets] == ["move", "caller"]
    assert application.statuses("ws").count("disconnected") == 1


async def test_an_application_that_does_not_go_on_is_told_how() -> None:
    """Whoever leaves the event `disconnected` without an NCCO loses the call that moves."""
    async with FakeApplication() as application:
        report = await call(CallPlan(application.answer_url, seconds=SECONDS, faults=MOVES))
    assert not report.ok
    assert "did not go on" in report.failures[0].seen
    assert "`disconnected`" in report.failures[0].advice


async def test_a_call_goes_on_at_the_second_attempt() -> None:
    """A dial in between that failed is a warning, and part of the gap."""
    handshakes: list[web.Request] = []

    async def handshake(request: web.Request) -> web.StreamResponse:
        handshakes.append(request)
        if len(handshakes) == 2:
            return web.Response(status=503)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await (leaves_after(20, code=1012) if len(handshakes) == 1 else echo)(socket)
        return socket

    async with FakeApplication(handshake=handshake, event=again(pause=0.2)) as application:
        report = await place(application)
    assert report.ok, summary(report)
    assert "503" in report.warnings[0].seen
    (move,) = report.moves
    assert move.attempts == 2
    assert move.gap_ms is not None
    assert move.gap_ms > 380  # two pauses


async def test_another_call_is_none_of_it() -> None:
    """A socket with another `uuid` in its headers is not what the call was."""
    event = again(uuid="another-call")
    async with FakeApplication(leaves_after(20, code=1012), event=event) as application:
        report = await place(application)
    assert [move.same_call for move in report.moves] == [False]
    assert any("another `uuid`" in warning.seen for warning in report.warnings)


async def test_a_call_that_does_not_go_on_has_not_moved() -> None:
    """Without an NCCO in the reply the close is what went wrong."""
    async with FakeApplication(leaves_after(20, code=1012)) as application:
        report = await place(application)
    assert not report.ok
    assert report.moves == []
    assert "closed the socket with 1012" in report.failures[0].seen


@pytest.mark.parametrize("code", [1012, None])
async def test_a_load_goes_on(code: int | None) -> None:
    """Every call moves, no frame is lost outside the gaps, and each gap is counted."""
    async with FakeApplication(leaves_after(20, code=code), event=again(pause=0.1)) as application:
        plan = CallPlan(application.answer_url, seconds=SECONDS)
        result = await run_load(LoadPlan(plan, calls=5, ramp=0.1))
    assert result.ok, result.failures
    assert len(result.gaps) == 5
    assert min(gap.ms for gap in result.gaps) > 80  # the pause, less the frame that was due in it
    assert result.sent == 5 * SECONDS * FRAMES_PER_SECOND == result.matched + result.in_gaps
    assert (result.lost, result.worked) == (0, 5)
    told = result.as_dict()["moves"]
    assert (told["count"], told["gap_ms"]["max"]) == (
        5,
        round(max(gap.ms for gap in result.gaps), 1),
    )


async def broken(_: web.Request) -> web.Response:
    """Fail."""
    return web.Response(status=500)


async def html(_: web.Request) -> web.Response:
    """Give an NCCO under a media type that the platform refuses."""
    return web.Response(text="[]", content_type="text/html")


async def test_a_load_goes_on_by_the_fallback() -> None:
    """Where the event webhook fails, the fallback URL's NCCO connects the call again.

    That it failed is told all the same.
    """

    told: list[dict[str, Any]] = []

    async def helps(request: web.Request) -> web.StreamResponse:
        told.append(await request.json())
        return await again()(request)

    async with (
        FakeApplication(leaves_after(20, code=1012), event=broken) as application,
        FakeApplication(answer=helps) as other,
    ):
        plan = CallPlan(
            application.answer_url, method="POST", seconds=SECONDS, fallback_url=other.answer_url
        )
        result = await run_load(LoadPlan(plan, calls=2, ramp=0.1))
    assert result.failures == {"event: HTTP 500": 2}
    assert len(result.gaps) == 2
    assert result.lost == 0
    assert {each["reason"] for each in told} == {"Connection closed."}
    assert {each["original_request"]["type"] for each in told} == {"event"}


@pytest.mark.parametrize(("answer", "seen"), [(broken, "500"), (html, "text/html")])
@pytest.mark.parametrize("helpful", [True, False])
async def test_a_load_is_answered_by_the_fallback(helpful: bool, answer: Answer, seen: str) -> None:
    """Its socket carries the call; without one, what failed is the answer webhook."""
    apology = None if helpful else [{"action": "talk", "text": "Sorry."}]
    async with (
        FakeApplication(answer=answer) as application,
        FakeApplication(ncco=apology) as other,
    ):
        plan = CallPlan(application.answer_url, seconds=0.2, fallback_url=other.answer_url)
        result = await run_load(LoadPlan(plan, calls=1, ramp=0))
    assert result.ok == helpful, result.failures
    if not helpful:
        (reason,) = result.failures
        assert reason.startswith("answer: ")
        assert seen in reason
