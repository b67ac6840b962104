"""Metrics and the list of live calls."""

from __future__ import annotations

import json
import resource
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest
from echo_service.call import CallStats
from echo_service.calls.ended_calls import MAX_ENDED_CALLS, EndedCalls
from echo_service.handlers import METRICS
from echo_service.server.listening import CannotListen, listening_socket, raise_file_limit
from echo_service.server.metrics_server import MetricsServer
from echo_service.service import EchoService
from prometheus_client import Counter
from prometheus_client.parser import text_string_to_metric_families
from wire_peer import BINARY, CLOSE, TEXT, Peer, connected, frame, until

Start = Callable[..., AbstractAsyncContextManager[EchoService]]

Samples = dict[tuple[str, str], float]


async def ask(metrics: MetricsServer, path: str) -> tuple[int, bytes]:
    """Get a page."""
    async with Peer.reach(int(metrics.url.rpartition(":")[2])) as peer:
        peer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        return await peer.response()


async def scrape(metrics: MetricsServer) -> Samples:
    """The metrics: by name and, where there is one, the value of the label."""
    status, body = await ask(metrics, "/metrics")
    assert status == 200
    return {
        (sample.name, ",".join(sample.labels.values())): sample.value
        for family in text_string_to_metric_families(body.decode())
        for sample in family.samples
    }


async def test_metrics_are_exact(start: Start) -> None:
    """What is counted of live calls and of those that have ended adds up to what was sent."""
    async with start() as service, MetricsServer(service.metrics, "127.0.0.1", 0) as metrics:
        async with Peer.connect(service.port) as first, Peer.connect(service.port) as second:
            for peer in (first, second):
                peer.write(frame(TEXT, connected(uuid="a").encode()))
                for size in [640] * 7 + [320] * 3 + [640] * 5:
                    peer.write(frame(BINARY, bytes(size)))
                    await peer.frame()
            peer.write(frame(CLOSE, b"\x03\xe8"))
            await peer.closed()
            peer.writer.close()
            await until(lambda: service.registry.close_reasons)
            seen = await scrape(metrics)
        one = 12 * 640 + 3 * 320
        expected = {
            ("echo_live_calls", ""): 1,
            ("echo_connections", ""): 1,
            ("echo_max_calls", ""): 1000,
            ("echo_calls_ended_total", "hang_up"): 1,
            ("echo_handshakes_total", "accepted"): 2,
            ("echo_frames_total", "in"): 30,
            ("echo_frames_total", "out"): 30,
            ("echo_audio_bytes_total", "in"): 2 * one,
            ("echo_audio_bytes_total", "out"): 2 * one,
            ("echo_odd_frames_total", ""): 6,
            ("echo_dropped_frames_total", ""): 0,
            ("echo_texts_total", ""): 2,
            ("echo_frame_gap_ms_count", ""): 28,
            ("echo_frame_gap_ms_bucket", "+Inf"): 28,
        }
        assert {name: seen[name] for name in expected} == expected
        assert seen["echo_frame_gap_ms_bucket", "30"] <= 28
        assert seen["echo_frame_gap_ms_sum", ""] >= 0
        assert seen["echo_loop_lag_seconds", ""] >= 0
        assert seen["process_open_fds", ""] > 0


async def test_the_live_calls(start: Start) -> None:
    """The live calls are listed with their figures, callers' numbers masked; probes are not."""
    async with start() as service, MetricsServer(service.metrics, "127.0.0.1", 0) as metrics:
        async with Peer.connect(service.port) as peer, Peer.connect(service.port):
            first = connected(uuid="call-1", cli="447700900456")
            peer.write(frame(TEXT, first.encode()) + frame(BINARY, bytes(640)))
            await peer.frame()
            status, body = await ask(metrics, "/calls")
            assert status == 200
            (call,) = json.loads(body)["calls"]
        assert call["call"] == "call-1"
        assert (call["rate"], call["frames_in"], call["bytes_out"]) == (16000, 1, 640)
        assert call["metadata"] == {"uuid": "call-1", "cli": "**********56"}
        assert call["peer"] == "127.0.0.1"
        await until(lambda: not service.registry.calls)
        assert json.loads((await ask(metrics, "/calls"))[1]) == {"calls": []}


async def test_how_a_call_ended(start: Start) -> None:
    """A live call, one that its peer left, one that was moved away and is back; strangers."""
    async with start() as service, MetricsServer(service.metrics, "127.0.0.1", 0) as metrics:

        async def state(call: str) -> object:
            status, body = await ask(metrics, f"/calls/{call}")
            seen = json.loads(body)
            return (seen["live"], seen["done"], seen["reason"]) if status == 200 else status

        assert await state("call%201") == 404
        async with Peer.connect(service.port) as peer:
            peer.write(frame(TEXT, connected(uuid="call 1").encode()) + frame(BINARY, bytes(640)))
            await peer.frame()
            assert await state("call%201") == (True, False, None)
        await until(lambda: not service.registry.calls)
        assert await state("call%201") == (False, False, "lost")
        async with Peer.connect(service.port) as peer:
            again = connected(uuid="call 1", resumed=1)
            peer.write(frame(TEXT, again.encode()) + frame(BINARY, bytes(640)))
            await peer.frame()
            assert await state("call%201") == (True, False, None)
            (connection,) = service.registry.calls
            connection.end_call(4000, "", "too_long")
            # As soon as it is decided, though the peer has not answered the close yet.
            assert await state("call%201") == (False, True, "too_long")
        assert (await scrape(metrics))["echo_calls_resumed_total", ""] == 1


def test_endings_are_bounded() -> None:
    """The oldest endings are forgotten first."""
    endings = EndedCalls()
    for number in range(MAX_ENDED_CALLS + 1):
        endings.add(str(number), "handler_done")
    assert endings.get("0") is None
    assert endings.get("1") is not None


async def test_refusals_are_counted(start: Start) -> None:
    """Each handshake is counted by what became of it."""
    async with (
        start(max_calls=1) as service,
        MetricsServer(service.metrics, "127.0.0.1", 0) as metrics,
    ):
        async with Peer.connect(service.port), Peer.reach(service.port) as second:
            second.write(Peer.handshake())
            assert (await second.response())[0] == 503
        seen = await scrape(metrics)
        assert seen["echo_handshakes_total", "accepted"] == 1
        assert seen["echo_handshakes_total", "full"] == 1


async def test_other_paths(start: Start) -> None:
    """Nothing else is there, not even a WebSocket."""
    async with start() as service, MetricsServer(service.metrics, "127.0.0.1", 0) as metrics:
        assert (await ask(metrics, "/socket"))[0] == 404
        status, body = await ask(metrics, "/healthz")
        assert (status, json.loads(body)) == (200, {"status": "alive"})
        async with Peer.reach(int(metrics.url.rpartition(":")[2])) as peer:
            peer.write(Peer.handshake())
            assert (await peer.response())[0] == 404


async def test_a_wrong_path_is_in_the_log(start: Start, lines: Callable[[], list[str]]) -> None:
    """With method, path and status, at a bounded rate; a call that is unknown here is not."""
    async with start() as service, MetricsServer(service.metrics, "127.0.0.1", 0) as metrics:
        assert (await ask(metrics, "/calls/unknown"))[0] == 404
        assert not [line for line in lines() if "request_refused" in line]
        for _ in range(30):
            assert (await ask(metrics, "/metric"))[0] == 404
    refused = [line for line in lines() if "request_refused" in line]
    assert 10 <= len(refused) < 30
    assert "WARNING request_refused method=GET path=/metric status=404" in refused[0]


async def test_lag_is_measured(start: Start) -> None:
    """A loop that was blocked for a while shows in the lag."""
    async with start() as service, Peer.connect(service.port):
        time.sleep(1.0)  # noqa: ASYNC251 - this is what blocks it
        await until(lambda: service.monitor.worst_lag > 0.2)


def test_gaps_are_told_apart() -> None:
    """A gap counts up to the first bound that it does not exceed, and late from 80 ms."""
    stats = CallStats()
    stats.run_frames = 8
    for seconds in (0.02, 0.019, 0.03, 0.031, 0.08, 0.081, 5):
        if seconds > stats.max_ignored_gap:
            stats.count_gap(seconds)
    assert stats.totals().gaps == (3, 1, 0, 1, 1, 0, 0, 0, 0, 1)
    assert stats.late_frames == 2
    assert stats.longest_gap == 5
    assert stats.max_ignored_gap == 0.03


class Limits:
    """The system's limits of open files, for a test."""

    def __init__(self, soft: int, hard: int) -> None:
        self.now = soft, hard

    def get(self, kind: int) -> tuple[int, int]:
        """As resource.getrlimit."""
        return self.now

    def set(self, kind: int, limits: tuple[int, int]) -> None:
        """As resource.setrlimit."""
        assert limits[0] <= self.now[1]
        self.now = limits


@pytest.mark.parametrize(
    ("soft", "hard", "needed", "then", "warned"),
    [
        (1024, 4096, 500, 1024, False),
        (1024, 4096, 3000, 3000, False),
        (1024, 4096, 5000, 4096, True),
        (1024, 1024, 5000, 1024, True),
    ],
)
def test_files(
    monkeypatch: pytest.MonkeyPatch,
    lines: Callable[[], list[str]],
    soft: int,
    hard: int,
    needed: int,
    then: int,
    warned: bool,
) -> None:
    """The limit of open files is raised as far as needed and allowed, else there is a warning."""
    limits = Limits(soft, hard)
    monkeypatch.setattr(resource, "getrlimit", limits.get)
    monkeypatch.setattr(resource, "setrlimit", limits.set)
    raise_file_limit(needed)
    assert limits.now == (then, hard)
    assert any(line.startswith("WARNING few_files") for line in lines()) == warned


def test_a_port_in_use() -> None:
    """The errors for a port that is taken and for an invalid host name their settings."""
    with listening_socket("HOST", "127.0.0.1", "PORT", 0) as taken:
        with pytest.raises(CannotListen, match="set HOST and PORT"):
            listening_socket("HOST", "127.0.0.1", "PORT", taken.getsockname()[1])
        with pytest.raises(CannotListen, match=r"on 192\.0\.2\.1 port 0"):
            listening_socket("HOST", "192.0.2.1", "PORT", 0)


async def test_a_handlers_own_metrics_are_served(start: Start) -> None:
    """Beside the service's, in one page that parses."""
    orders = Counter("test_orders", "Orders taken", registry=METRICS)
    try:
        orders.inc(3)
        async with start() as service, MetricsServer(service.metrics, "127.0.0.1", 0) as metrics:
            seen = await scrape(metrics)
    finally:
        METRICS.unregister(orders)
    assert seen["test_orders_total", ""] == 3
    assert seen["echo_live_calls", ""] == 0
