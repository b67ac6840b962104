"""What the phone's tests share: less waiting for what will not come."""

import pytest
from hypothesis import HealthCheck, settings

# How long an example takes is this machine's affair, which may freeze at any of them.
settings.register_profile("frozen", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("frozen")


@pytest.fixture(autouse=True)
def impatience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give an application that has gone quiet, or does not close, a fraction of the usual time."""
    monkeypatch.setattr("phone.outgoing.ECHO_QUIET", 1.0)
    monkeypatch.setattr("phone.load.conversation.ECHO_QUIET", 1.0)
    monkeypatch.setattr("phone.dial.CLOSE_TIMEOUT", 1.0)
    monkeypatch.setattr("phone.doctor.socket.TALK_SECONDS", 0.3)


@pytest.fixture
def fast_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let frames of 20 ms follow each other every 2 ms, for what does not depend on real time."""
    monkeypatch.setattr("phone.outgoing.FRAME_SECONDS", 0.002)
    monkeypatch.setattr("phone.playback.FRAME_SECONDS", 0.002)
    monkeypatch.setattr("phone.plan.ANSWER_WAIT", 0.3)
