"""The phone calls servers that others have written; each works, or fails for a reason."""

from collections.abc import Callable

import pytest
from phone.report import summary
from phone.testing import FakeApplication

from phone import CallPlan, CallReport, call

Start = Callable[[str], str]

SECONDS = 2.0
FRAMES = 100  # in them
FIRST = '"event": "websocket:connected"'
LATE = "audio came too slowly"  # what a busy machine does to any server
# simple-websocket tells its handler of a Close before it answers it: the server may hang up first.
UNANSWERED = "did not answer the closing handshake"
BY_CHANCE = (LATE, UNANSWERED)


async def place(
    server: str, *, rate: int = 16000, path: str = "", seconds: float = SECONDS
) -> CallReport:
    """Call a server that has a socket only, through an answer webhook of this process."""
    async with FakeApplication(rate=rate) as application:
        uri = server.replace("http", "ws", 1) + path
        application._ncco = [application.connect(endpoint={"uri": uri})]
        return await call(CallPlan(application.answer_url, seconds=seconds, wait=2))


def problems(report: CallReport) -> list[str]:
    """Return what went wrong, without the advice, but for what depends on the machine's speed."""
    found = (f"{problem.severity}: {problem.seen}" for problem in report.problems)
    return [problem for problem in found if not any(text in problem for text in BY_CHANCE)]


def assert_echo(report: CallReport) -> None:
    """Assert that every frame came back, whole and in order."""
    assert report.ok, problems(report)
    (socket,) = report.sockets
    assert socket.alignment.method == "exact"
    assert socket.alignment.matched == len(socket.trace.sent) == FRAMES


@pytest.mark.parametrize("server", ["servers/flask_tutorial.py", "node/tutorial.js"])
async def test_the_tutorial_as_published(start: Start, server: str) -> None:
    """Vonage's tutorial works, in Python and in Node, with a warning for each of its oddities."""
    report = await call(CallPlan(f"{start(server)}/webhooks/answer", seconds=SECONDS))
    assert_echo(report)
    assert summary(report).endswith("The call worked.")
    caller, failing, text = problems(report)
    assert "the callee sees an unknown number" in caller
    assert "no eventType synchronous" in failing
    assert FIRST in text


class TestFlask:
    """Flask and flask-sock, as in the tutorial."""

    async def test_echoes_audio_and_the_first_text(self, start: Start) -> None:
        """The caller hears the echo; the first text that comes back, too, is a warning."""
        url = start("servers/flask_tutorial.py")
        events = f"{url}/webhooks/events"
        plan = CallPlan(f"{url}/webhooks/answer", event_url=events, seconds=SECONDS)
        report = await call(plan)
        assert_echo(report)
        (warning,) = [problem for problem in report.warnings if "text message" in problem.seen]
        assert "1 text message that the platform does not know" in warning.seen
        assert FIRST in warning.seen
        assert "never echo text" in warning.advice
        assert report.spoken == ["Please wait while we connect you to the echo server"]

    async def test_fails_strictly(self, start: Start) -> None:
        """With --strict the echoed text is a failure."""
        url = start("servers/flask_tutorial.py")
        events = f"{url}/webhooks/events"
        plan = CallPlan(f"{url}/webhooks/answer", event_url=events, seconds=0.2, strict=True)
        report = await call(plan)
        assert any(FIRST in problem.seen for problem in report.failures)


class TestNode:
    """Node's `ws`."""

    @pytest.mark.parametrize("rate", [8000, 16000, 24000])
    async def test_echoes_every_rate(self, start: Start, rate: int) -> None:
        """Audio comes back whole at every rate; the text is a warning here, too."""
        report = await place(start("node/server.js"), rate=rate)
        assert_echo(report)
        assert [FIRST in seen for seen in problems(report)] == [True]


class TestVonageSdk:
    """The package vonage-audio-connector-server, with its defaults."""

    async def test_echoes_at_16_khz(self, start: Start) -> None:
        """Audio comes back whole, and nothing is wrong."""
        report = await place(start("servers/vonage_sdk.py"))
        assert_echo(report)
        assert problems(report) == []

    async def test_is_silent_at_8_khz(self, start: Start) -> None:
        """Its pieces are 640 bytes; a frame of 8 kHz is shorter, and is never sent."""
        report = await place(start("servers/vonage_sdk.py"), rate=8000, seconds=0.5)
        assert problems(report) == ["failure: no audio came back"]

    async def test_sends_odd_frames_at_24_khz(self, start: Start) -> None:
        """A frame of 24 kHz comes back in two messages, of sizes that the platform refuses."""
        report = await place(start("servers/vonage_sdk.py"), rate=24000, seconds=0.5)
        (socket,) = report.sockets
        assert set(socket.trace.odd_sizes) == {320, 640}
        assert any("of a wrong size (320, 640 bytes)" in seen for seen in problems(report))


class TestTornado:
    """The echo of the first guide, under Python 3."""

    async def test_answers_audio_with_text(self, start: Start) -> None:
        """Nobody hears anything: each frame is answered with the text "ok"."""
        url = start("servers/tornado_guide.py")
        report = await call(CallPlan(f"{url}/ncco", seconds=0.5, wait=2))
        (failure,) = report.failures
        assert failure.step == "echo"
        assert "text messages such as 'ok'" in failure.seen
        assert "send audio as binary messages" in failure.advice
        assert any("came back as binary" in problem.seen for problem in report.warnings)
