"""The trace of a call: one for both services, whatever processes carry the call."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from tests.collector import Collector, Span
from tests.placing import during_a_call, place
from tests.waiting import pass_time
from tools.processes import ProcessStack
from tools.stack import SERVICES, Service, StackError

HANDLER = """
from opentelemetry import trace

def think():
    with trace.get_tracer("mine").start_as_current_span("think"):
        pass

async def handler(call):
    await call.in_thread(think)
    async for _, event in call:
        if isinstance(event, bytes):
            await call.send(event)
"""
"""An audio handler that echoes, and makes a span of its own."""
IN_TIME = 15.0  # s: the exporter alone would try for longer
SHADOW = 'raise ImportError("No module named opentelemetry")'
"""Stands before the library where it is to be missing."""


def test_a_moved_call_has_one_trace(tmp_path: Path) -> None:
    """Spans of both services, each in the one that led to it, before and after the move."""
    (tmp_path / "traced.py").write_text(HANDLER)
    with Collector() as collector:
        traced = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
        echo = traced | {"DRAIN_SECONDS": "0", "AUDIO_HANDLER": "traced:handler"}
        echo["PYTHONPATH"] = str(tmp_path)
        ncco = traced | {"RECONNECTS": "20"}  # a start may take a while
        with ProcessStack({"ncco-service": ncco, "echo-service": echo}) as stack:
            with during_a_call(stack, "--seconds", "4", "--expect", "any") as outcome:
                pass_time(0.5)
                assert stack.stop("echo-service") == 0
                stack.start("echo-service")
                ended = outcome()
            assert len(ended.report["moves"]) == 1, ended.words
            assert [stack.stop(service) for service in SERVICES] == [0, 0]
            logs = "".join(map(stack.logs, SERVICES))
        spans = sorted(collector.spans, key=lambda span: span.begin)

    assert len({span.trace for span in spans}) == 1
    (answer,) = named(spans, "answer")
    moves = named(spans, "socket_ended")  # until there is an echo-service again
    first, second = named(spans, "call")
    handshakes, handlers = named(spans, "handshake"), named(spans, "handler")
    thoughts = named(spans, "think")
    assert [span.parent for span in thoughts] == [span.id for span in handlers]
    assert len(spans) == 1 + len(moves) + 2 + 3 * 2
    assert answer.parent == ""
    assert first.parent == answer.id
    assert second.parent == moves[-1].id
    before = [answer, *moves]
    assert [move.parent for move in moves] == [span.id for span in before[:-1]]
    for inner in (handshakes, handlers):
        assert [span.parent for span in inner] == [first.id, second.id]
    assert {span.service for span in before} == {"ncco-service"}
    assert {span.service for span in (first, second, *handshakes)} == {"echo-service"}

    assert {span.facts["call"] for span in (*before, first, second)} == {answer.facts["call"]}
    assert moves[0].facts["status"] == "disconnected"
    assert {move.facts["reply"] for move in moves} == {"reconnect"}
    assert [call.facts["resumed"] for call in (first, second)] == [0, len(moves)]
    assert [call.facts["reason"] for call in (first, second)] == ["moved", "hang_up"]
    assert 0.5e9 < first.end - first.begin < 60e9
    for handshake, call in zip(handshakes, (first, second), strict=True):
        # The event loop's clock counts milliseconds: a short handshake takes none.
        assert handshake.begin == call.begin <= handshake.end < call.end
    assert "logger=opentelemetry" not in logs


def named(spans: list[Span], name: str) -> list[Span]:
    """Return the spans of a name."""
    return [span for span in spans if span.name == name]


def test_a_silent_collector_holds_up_nothing() -> None:
    """It takes connections and never answers: calls work, and the services stop in time."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        traced = {"OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{silent.getsockname()[1]}"}
        with ProcessStack({"ncco-service": traced, "echo-service": traced}) as stack:
            for outcome in place(stack, "--seconds", "1"):
                outcome.assert_worked()
            assert [stack.stop(service, IN_TIME) for service in SERVICES] == [0, 0]


@pytest.mark.parametrize("service", SERVICES)
def test_the_extra_is_missing(service: Service, tmp_path: Path) -> None:
    """The service says what to install, and does not start."""
    (tmp_path / "opentelemetry.py").write_text(SHADOW)
    settings = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9",
        "PYTHONPATH": str(tmp_path),
    }
    with pytest.raises(StackError) as error, ProcessStack({service: settings}):
        pass
    assert "ended with status 78" in str(error.value)
    assert f"install {service}[traces]" in str(error.value)
    assert "Traceback" not in str(error.value)
