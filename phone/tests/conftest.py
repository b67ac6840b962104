"""What the phone's tests share: less waiting for what will not come, and applications to call."""

import asyncio
import queue
import threading
from collections.abc import Callable, Iterator

import pytest
from hypothesis import HealthCheck, settings
from phone.platform.webhooks.client import Timeouts
from phone.testing import FakeApplication, Socket, echo

Serve = Callable[..., FakeApplication]

# How long an example takes is this machine's affair, which may freeze at any of them.
settings.register_profile("frozen", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("frozen")


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give an application that has gone quiet, or does not close, a fraction of the usual time."""
    monkeypatch.setattr("phone.legs.socket.ECHO_QUIET", 1.0)
    monkeypatch.setattr("phone.load.socket_talk.ECHO_QUIET", 1.0)
    monkeypatch.setattr("phone.legs.dial.CLOSE_TIMEOUT", 1.0)
    monkeypatch.setattr("phone.doctor.socket_checks.TALK_SECONDS", 0.3)


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give webhooks, and a load's frames, a minute: this machine may hold them up for seconds.

    Nor is a pause in what comes back the application's, which runs in the same process.
    """
    minute = Timeouts(60.0, 60.0)
    for name in (
        "phone.doctor.webhook_checks.ANSWER",
        "phone.doctor.webhook_checks.EVENT",
        "phone.load.caller.ANSWER",
        "phone.platform.running.source.ANSWER",
        "phone.platform.webhooks.queue.EVENT",
    ):
        monkeypatch.setattr(name, minute)
    monkeypatch.setattr("phone.doctor.webhook_checks.SLOW_SECONDS", 60.0)
    monkeypatch.setattr("phone.load.socket_talk.PATIENCE", 100.0)
    monkeypatch.setattr("phone.report.verdict.GAP_FRAMES", 3000)


@pytest.fixture
def fast_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let frames of 20 ms follow each other every 2 ms, for what does not depend on real time."""
    monkeypatch.setattr("phone.platform.mixing.conversation.FRAME_SECONDS", 0.002)
    monkeypatch.setattr("phone.legs.socket.FRAME_SECONDS", 0.002)
    monkeypatch.setattr("phone.legs.callers.FRAME_SECONDS", 0.002)
    monkeypatch.setattr("phone.legs.outgoing.FRAME_SECONDS", 0.002)
    monkeypatch.setattr("phone.legs.playback.FRAME_SECONDS", 0.002)
    monkeypatch.setattr("phone.legs.plan.ANSWER_WAIT", 0.3)


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Return a function that runs a fake application in a thread until the test is over."""
    stops: list[Callable[[], None]] = []

    def start(socket: Socket = echo, **settings: object) -> FakeApplication:
        ready: queue.Queue[tuple[FakeApplication, asyncio.AbstractEventLoop, asyncio.Event]]
        ready = queue.Queue()

        async def run() -> None:
            stop = asyncio.Event()
            async with FakeApplication(socket, **settings) as application:  # type: ignore[arg-type]  # by name
                ready.put((application, asyncio.get_running_loop(), stop))
                await stop.wait()

        thread = threading.Thread(target=lambda: asyncio.run(run()))
        thread.start()
        application, loop, stop = ready.get(timeout=60)

        def end() -> None:
            loop.call_soon_threadsafe(stop.set)
            thread.join(60)

        stops.append(end)
        return application

    yield start
    for stop in stops:
        stop()
